//! `sekisho pin`

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;

use sekisho::page::manifest::Manifest;
use sekisho::pin::{self, Options, Progress, PublicHost, Report, Stage};
use url::Url;

use super::{Failure, print};

/// How wide the bar is.
const BAR_CHARS: usize = 30;
/// Without a terminal a line is printed each so many files.
const LINE_EVERY: usize = 100;

/// Reads a running server and prints its manifest; what went wrong goes to standard error.
pub(super) fn run(args: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    let (options, out) = parse(args)?;
    let failed = |error: io::Error| Failure::Io(PathBuf::from("pin"), error);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    let mut bar = Bar { is_terminal: io::stderr().is_terminal(), stage: None, is_drawn: false };
    let done = runtime.block_on(pin::run(&options, &mut bar));
    bar.clear();
    let (manifest, report) = done.map_err(|error| failed(io::Error::other(error.to_string())))?;
    let text = format!("{:#}\n", manifest.to_json());
    match out {
        Some(path) => std::fs::write(&path, text).map_err(|error| Failure::Io(path, error))?,
        None => print(&text)?,
    }
    tell(&manifest, &report);
    if report.is_complete() { Ok(()) } else { Err(Failure::Incomplete) }
}

fn parse(mut args: impl Iterator<Item = OsString>) -> Result<(Options, Option<PathBuf>), Failure> {
    let (mut url, mut out) = (None, None);
    let (mut host, mut pages, mut languages, mut extra_roots) = (None, Vec::new(), Vec::new(), None);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| Failure::Usage(format!("{} needs a value", arg.display())));
        match arg.to_str() {
            Some("--page") => {
                let page = value()?.to_string_lossy().into_owned();
                if !page.starts_with('/') {
                    return Err(Failure::Usage(format!("--page: {page} is no path from the root")));
                }
                pages.push(page);
            }
            Some("--host") => {
                let text = value()?.to_string_lossy().into_owned();
                let wrong = || Failure::Usage(format!("--host: {text} is no host such as social.example"));
                host = Some(PublicHost::new(&text).ok_or_else(wrong)?);
            }
            Some("--lang") => languages.push(value()?.to_string_lossy().into_owned()),
            Some("--ca") => extra_roots = Some(PathBuf::from(value()?)),
            Some("-o") => out = Some(PathBuf::from(value()?)),
            Some(option) if option.starts_with('-') => return Err(Failure::Usage(format!("unknown option {option}"))),
            Some(text) if url.is_none() => {
                let parsed = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
                let wrong = || Failure::Usage(format!("{text} is no URL such as http://127.0.0.1:3000"));
                url = Some(parsed.ok_or_else(wrong)?);
            }
            _ => return Err(Failure::Usage(format!("unexpected argument {}", arg.display()))),
        }
    }
    let origin = url.ok_or_else(|| Failure::Usage("pin needs the URL of a server".to_owned()))?;
    Ok((Options { host, pages, languages, extra_roots, ..Options::new(origin) }, out))
}

fn tell(manifest: &Manifest, report: &Report) {
    for trusted in &report.trusted {
        eprintln!("{trusted}");
    }
    for problem in &report.problems {
        eprintln!("{problem}");
    }
    eprintln!(
        "sekisho pin: {} pages; {}; {} left out, {} notes",
        report.pages,
        manifest.summary(),
        report.left_out(),
        report.problems.len() - report.left_out(),
    );
}

/// A bar on a terminal, lines elsewhere.
struct Bar {
    is_terminal: bool,
    stage: Option<Stage>,
    is_drawn: bool,
}

impl Bar {
    fn clear(&mut self) {
        if std::mem::take(&mut self.is_drawn) {
            eprint!("\r\x1b[K");
        }
    }
}

impl Progress for Bar {
    fn step(&mut self, stage: Stage, done: usize, known: usize) {
        let what = match stage {
            Stage::Pages => "pages",
            Stage::Files => "files",
            Stage::Again => "files again",
        };
        if self.is_terminal {
            let filled = done.saturating_mul(BAR_CHARS).checked_div(known).unwrap_or_default().min(BAR_CHARS);
            let bar = format!("{}{}", "#".repeat(filled), "-".repeat(BAR_CHARS - filled));
            eprint!("\r\x1b[K[{bar}] {done}/{known} {what}");
            let _ = io::stderr().flush();
            self.is_drawn = true;
        } else if self.stage != Some(stage)
            || done.is_multiple_of(LINE_EVERY)
            || (done == known && stage != Stage::Files)
        {
            // What is known of files grows, so that `done` may reach it again and again.
            eprintln!("sekisho pin: {done}/{known} {what}");
        }
        self.stage = Some(stage);
    }
}
