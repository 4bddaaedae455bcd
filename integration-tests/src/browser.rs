//! A real browser: headless Chromium, which loads a page and runs it, until the page has told its server what became of it.

use std::path::PathBuf;
use std::process::{self, Command, Stdio};
use std::time::Duration;
use std::{fs, thread};

use xtask::process::wait_until;
use xtask::workspace::target_dir;

/// How long a page may take, in real time.
const PATIENCE: Duration = Duration::from_secs(60);

/// The browser, if there is one.
#[derive(Debug)]
pub struct Browser(PathBuf);

impl Browser {
    /// `$CHROMIUM`, or `chromium` on the path. Prints why there is none.
    pub fn find() -> Option<Self> {
        let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = named.or_else(|| {
            let all = std::env::split_paths(&path).map(|dir| dir.join("chromium"));
            all.into_iter().find(|file| file.is_file())
        });
        if found.is_none() {
            println!("skipped: there is no chromium on the PATH, nor in $CHROMIUM");
        }
        found.map(Self)
    }

    /// Opens a page, and closes it again once `done` gives something: what the page told its server.
    ///
    /// # Panics
    /// When that takes too long.
    pub fn open<T>(&self, url: &str, extra: &[&str], mut done: impl FnMut() -> Option<T>) -> T {
        let profile = target_dir().join("tmp").join(format!("chromium-{}-{:?}", process::id(), thread::current().id()));
        let _none = fs::remove_dir_all(&profile);
        fs::create_dir_all(&profile).unwrap();
        let mut command = Command::new(&self.0);
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
        command.args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--lang=en-US",
        ]);
        command.arg("--remote-debugging-port=0").args(extra);
        command.arg(format!("--user-data-dir={}", profile.display())).arg(url);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut found = None;
        wait_until(PATIENCE, || {
            found = done();
            found.is_some()
        });
        child.kill().unwrap();
        let _status = child.wait().unwrap();
        // Its helpers end a moment after it.
        wait_until(Duration::from_secs(5), || fs::remove_dir_all(&profile).is_ok());
        found.unwrap_or_else(|| panic!("{url} did not come to its end in chromium"))
    }
}
