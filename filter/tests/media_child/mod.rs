//! Conversions in a process of their own: C decoders may die, and so may only the child. It has a limit on its address space, and
//! the parent has a clock.
#![allow(dead_code, reason = "each test that shares this uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::fmt;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use sekisho::media::image::{ConvertError, Converted, convert};
use sekisho::media::kind::{Kind, Sniffed};
use sekisho::media::plan::{Conversion, Fit};

/// No conversion may take longer.
pub const DEADLINE: Duration = Duration::from_secs(10);
/// Nor the process have more address space.
pub const MAX_ADDRESS_SPACE: u64 = 1 << 30;

const VARIABLE: &str = "SEKISHO_MEDIA_CHILD";
const MARK: &str = "@@";

/// What a file is put through.
pub const CONVERSIONS: [(&str, Conversion); 6] = [
    ("emoji", Conversion { fit: Fit::Height(128), animated: true, oriented: false }),
    ("avatar", Conversion { fit: Fit::Height(320), animated: true, oriented: false }),
    ("static", Conversion { fit: Fit::Inside(498, 422), animated: false, oriented: true }),
    ("preview", Conversion { fit: Fit::Inside(200, 200), animated: false, oriented: true }),
    ("svg", Conversion { fit: Fit::Inside(2048, 2048), animated: false, oriented: true }),
    ("badge", Conversion { fit: Fit::Badge, animated: false, oriented: true }),
];

/// What became of a file.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Its type.
    pub kind: String,
    /// Conversion and `ok WxH`, or the error.
    pub outcomes: Vec<(String, String)>,
    /// Of the slowest conversion.
    pub slowest: Duration,
    /// The most memory that the process had, in MiB.
    pub peak: u64,
    /// How the child ended, if it did.
    pub death: Option<String>,
}

impl Report {
    /// Whether every conversion gave a picture. A badge may be blank.
    pub fn is_converted(&self) -> bool {
        let is_good = |outcome: &str| outcome.starts_with("ok") || outcome == "Blank";
        self.death.is_none() && !self.outcomes.is_empty() && self.outcomes.iter().all(|(_, outcome)| is_good(outcome))
    }

    /// Whether none did.
    pub fn is_refused(&self) -> bool {
        self.death.is_none() && self.outcomes.iter().all(|(_, outcome)| !outcome.starts_with("ok"))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        for (name, outcome) in &self.outcomes {
            write!(f, " {name}={outcome}")?;
        }
        write!(f, " {:?} {} MiB", self.slowest, self.peak)?;
        self.death.iter().try_for_each(|death| write!(f, " DIED: {death}"))
    }
}

/// A child, started again when it died.
pub struct Worker {
    test: &'static str,
    running: Option<(Child, ChildStdin, Receiver<String>)>,
}

impl Worker {
    /// `test`: the name of the test that calls [`serve`].
    pub fn new(test: &'static str) -> Self {
        Self { test, running: None }
    }

    /// Puts a file through all conversions.
    pub fn convert(&mut self, path: &Path) -> Report {
        self.ask(&format!("all\t{}", path.display()))
    }

    /// Puts every prefix of a file, or enough of them, and the file with bytes changed, through two conversions.
    pub fn mangle(&mut self, path: &Path) -> Report {
        self.ask(&format!("mangle\t{}", path.display()))
    }

    fn ask(&mut self, line: &str) -> Report {
        let mut report = Report::default();
        let (child, input, output) = self.running.get_or_insert_with(|| start(self.test));
        writeln!(input, "{line}").and_then(|()| input.flush()).expect("the child reads");
        loop {
            let death = match output.recv_timeout(DEADLINE) {
                Ok(line) => {
                    let words: Vec<&str> = line.split('\t').collect();
                    match words[..] {
                        ["kind", kind] => report.kind = kind.to_owned(),
                        ["did", name, outcome, micros] => {
                            report.slowest = report.slowest.max(Duration::from_micros(micros.parse().unwrap()));
                            report.outcomes.push((name.to_owned(), outcome.to_owned()));
                        }
                        ["end", peak] => {
                            report.peak = peak.parse().unwrap();
                            return report;
                        }
                        _ => {}
                    }
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => "deadline".to_owned(),
                Err(RecvTimeoutError::Disconnected) => format!("{:?}", child.wait()),
            };
            let _ = child.kill();
            let _ = child.wait();
            report.death = Some(death);
            self.running = None;
            return report;
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some((mut child, input, _)) = self.running.take() {
            drop(input);
            let _ = child.wait();
        }
    }
}

fn start(test: &str) -> (Child, ChildStdin, Receiver<String>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", test, "--nocapture", "--test-threads=1"])
        .env(VARIABLE, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (sender, receiver) = channel();
    let output = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            // The first line comes after the test harness's own words.
            if let Some((_, line)) = line.split_once(MARK)
                && sender.send(line.to_owned()).is_err()
            {
                break;
            }
        }
    });
    let input = child.stdin.take().unwrap();
    (child, input, receiver)
}

/// The child's side. Does nothing when the test is run by hand.
pub fn serve() {
    if std::env::var_os(VARIABLE).is_none() {
        return;
    }
    let limit = rustix::process::Rlimit { current: Some(MAX_ADDRESS_SPACE), maximum: Some(MAX_ADDRESS_SPACE) };
    rustix::process::setrlimit(rustix::process::Resource::As, limit).unwrap();
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let (order, path) = line.split_once('\t').unwrap();
        let bytes = std::fs::read(path).unwrap();
        let kind = kind_of(&bytes);
        say(&format!("kind\t{kind:?}"));
        // Resets the peak (proc(5)).
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        let before = memory();
        match order {
            "all" => {
                for (name, conversion) in &CONVERSIONS {
                    let begin = Instant::now();
                    let outcome = outcome(&convert(&bytes, kind, conversion), conversion.fit);
                    say(&format!("did\t{name}\t{outcome}\t{}", begin.elapsed().as_micros()));
                }
            }
            _ => mangle(&bytes, kind),
        }
        say(&format!("end\t{}", memory().saturating_sub(before) >> 10));
    }
}

fn mangle(bytes: &[u8], kind: Kind) {
    let convert = |name: &str, bytes: &[u8]| {
        for (_, conversion) in [&CONVERSIONS[0], &CONVERSIONS[3]] {
            let begin = Instant::now();
            let outcome = outcome(&convert(bytes, kind, conversion), conversion.fit);
            say(&format!("did\t{name}\t{outcome}\t{}", begin.elapsed().as_micros()));
        }
    };
    let step = (bytes.len() / 64).max(1);
    for end in (0..bytes.len().min(512)).chain((512..bytes.len()).step_by(step)) {
        convert("prefix", &bytes[..end]);
    }
    for at in (0..bytes.len().min(128)).chain((128..bytes.len()).step_by(step)) {
        let mut changed = bytes.to_vec();
        changed[at] ^= 0xA5;
        convert("change", &changed);
    }
}

/// The type by the whole file.
pub fn kind_of(bytes: &[u8]) -> Kind {
    match Kind::sniff(bytes, true) {
        Sniffed::Kind(kind) => kind,
        Sniffed::More => Kind::Unknown,
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{MARK}{line}").and_then(|()| out.flush()).expect("the parent reads");
}

/// The peak of this process, in KiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}

fn outcome(result: &Result<Converted, ConvertError>, fit: Fit) -> String {
    let converted = match result {
        Ok(converted) => converted,
        Err(error) => return format!("{error:?}"),
    };
    let size = match converted.kind {
        Kind::Webp => webp_size(&converted.bytes),
        Kind::Png => Some((be(&converted.bytes[16..20]), be(&converted.bytes[20..24]))),
        _ => None,
    };
    let Some((width, height)) = size else { return "no picture came out".to_owned() };
    let fits = match fit {
        Fit::Height(most) => height <= most,
        Fit::Inside(most_width, most_height) => width <= most_width && height <= most_height,
        Fit::Badge => (width, height) == (96, 96) && converted.kind == Kind::Png,
    };
    if fits { format!("ok {width}x{height}") } else { format!("{width}x{height} does not fit") }
}

fn be(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |value, &byte| value << 8 | u32::from(byte))
}

fn le(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |value, &byte| value << 8 | u32::from(byte))
}

/// Width and height of a WebP, by its first chunk.
pub fn webp_size(file: &[u8]) -> Option<(u32, u32)> {
    if file.get(..4)? != b"RIFF" || le(file.get(4..8)?) as usize + 8 != file.len() {
        return None;
    }
    let data = file.get(20..)?;
    match file.get(12..16)? {
        b"VP8X" => Some((le(data.get(4..7)?) + 1, le(data.get(7..10)?) + 1)),
        b"VP8L" => {
            let bits = le(data.get(1..5)?);
            Some(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
        }
        b"VP8 " => Some((le(data.get(6..8)?) & 0x3FFF, le(data.get(8..10)?) & 0x3FFF)),
        _ => None,
    }
}

/// The corpus, where this repository has it beside it.
pub fn corpus() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora/images");
    if root.join("MANIFEST.tsv").exists() {
        return Some(root);
    }
    println!("skipped: {} is not there", root.display());
    None
}
