//! `sharp` from npm, and the scripts around it.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use xtask::error::{Context, Error, Result};
use xtask::workspace::{root, target_dir};

/// Where the scripts are, with sharp beside them: below `target`, never in the repository.
pub struct Peer {
    dir: PathBuf,
}

/// A decoded file: frames of RGBA.
pub struct Decoded {
    pub width: usize,
    pub height: usize,
    pub frames: Vec<Vec<u8>>,
}

impl Peer {
    /// Installs sharp, where it is not installed already.
    pub fn install() -> Result<Self> {
        let dir = target_dir().join("media-bench");
        fs::create_dir_all(&dir).context(|| dir.display().to_string())?;
        for name in ["package.json", "server.mjs", "files.mjs", "pixels.mjs"] {
            let from = root().join("integration-tests/media-bench").join(name);
            fs::copy(&from, dir.join(name)).context(|| from.display().to_string())?;
        }
        let this = Self { dir };
        let works = this.node("-e").arg("import('sharp').catch(() => process.exit(1))").status();
        if !works.context(|| "could not run `node`".to_owned())?.success() {
            let mut npm = Command::new("npm");
            npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts"])
                .current_dir(&this.dir)
                .stdout(Stdio::null());
            xtask::process::run(&mut npm)?;
        }
        Ok(this)
    }

    /// Where everything is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// `node` with a script.
    pub fn node(&self, script: &str) -> Command {
        let mut command = Command::new("node");
        command.arg(script).current_dir(&self.dir);
        command
    }

    /// Decodes a file: every original and every result by the same decoder.
    pub fn decode(&self, file: &Path) -> Result<Decoded> {
        let raw = self.dir.join("pixels.raw");
        let mut child = self
            .node("pixels.mjs")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context(|| "could not run `node`".to_owned())?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::new("node has no pipes"));
        };
        let mut line = String::new();
        let done = writeln!(input, "{}\t{}", file.display(), raw.display());
        drop(input);
        let done = done.and_then(|()| BufReader::new(output).read_line(&mut line)).and_then(|_| child.wait());
        done.context(|| file.display().to_string())?;
        let numbers: Vec<usize> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let &[width, height, frames] = numbers.as_slice() else {
            return Err(Error::new(format!("{} cannot be decoded", file.display())));
        };
        let pixels = fs::read(&raw).context(|| raw.display().to_string())?;
        if pixels.len() != width * height * frames * 4 {
            return Err(Error::new(format!("{} has an unknown form", raw.display())));
        }
        Ok(Decoded { width, height, frames: pixels.chunks(width * height * 4).map(<[u8]>::to_vec).collect() })
    }
}
