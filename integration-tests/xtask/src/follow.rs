//! The access log, readable: a line for each inbox request.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use crate::json;

/// What is printed above the lines.
pub const HEADER: &str = "time      verdict  status  rule                      type         actor, and why";

/// One line of the JSON access log as a person reads it, or nothing if it is of no inbox request.
pub fn readable(line: &str) -> Option<String> {
    // Envoy logs `null` for what is not there, nginx an empty text.
    let text = |name| json::field(line, name).filter(|value| !value.is_empty()).map(|value| plain(&value));
    let verdict = text("sekisho.verdict");
    if verdict.is_none() && text("route").as_deref() != Some("inbox") {
        return None;
    }
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".into());
    let time = or_dash(text("time"));
    // 2026-11-22T15:50:30.302Z
    let time = time.get(11..19).unwrap_or(&time);
    let mut out = format!(
        "{time}  {:<7}  {:<6}  {:<24}  {:<11}  {}",
        or_dash(verdict),
        or_dash(text("status")),
        or_dash(text("sekisho.rule")),
        or_dash(text("sekisho.type")),
        or_dash(text("sekisho.actor")),
    );
    if let Some(reason) = text("sekisho.reason") {
        out.push_str(&format!("  {reason}"));
    }
    if let Some(shadow) = text("sekisho.shadow") {
        out.push_str(&format!("  (shadow: {shadow})"));
    }
    Some(out)
}

/// Strangers choose some of these values: nothing of them may steer a terminal or flood it.
fn plain(value: &str) -> String {
    const MAX_CHARS: usize = 120;
    let hidden = |c: char| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    value.chars().take(MAX_CHARS).map(|c| if hidden(c) { '\u{fffd}' } else { c }).collect()
}

/// Reads what is appended to a file, line by line.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    file: Option<File>,
    rest: Vec<u8>,
}

impl Follower {
    /// From the beginning of the file, which need not exist yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path, file: None, rest: Vec::new() }
    }

    /// The lines completed since the last call.
    pub fn poll(&mut self) -> Vec<String> {
        if self.file.is_none() {
            self.file = File::open(&self.path).ok();
        }
        if let Some(file) = &mut self.file {
            // What cannot be read now is read at the next call.
            let _ = file.read_to_end(&mut self.rest);
        }
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
            return Vec::new();
        };
        let complete: Vec<u8> = self.rest.drain(..=end).collect();
        let complete = String::from_utf8_lossy(&complete);
        complete.lines().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::env::temp_dir;
    use std::fs;
    use std::io::Write;

    use super::*;

    #[test]
    fn an_inbox_request() {
        let line = r#"{"method":"POST","route":"inbox","sekisho.actor":"https://spam.example/users/eve","sekisho.rule":"inbox.owner","sekisho.reason":"object is not on the actor's origin","sekisho.shadow":null,"sekisho.type":"Create","sekisho.verdict":"reject","status":403,"time":"2026-11-22T15:50:30.302Z"}"#;
        assert_eq!(
            readable(line).unwrap(),
            "15:50:30  reject   403     inbox.owner               Create       https://spam.example/users/eve  \
             object is not on the actor's origin"
        );
    }

    #[test]
    fn one_that_envoy_answered_itself() {
        let line = r#"{"route":"inbox","sekisho.verdict":null,"status":408,"time":"x"}"#;
        assert_eq!(readable(line).unwrap(), "x  -        408     -                         -            -");
    }

    #[test]
    fn other_requests_and_noise_are_left_out() {
        assert_eq!(readable(r#"{"route":"pages","sekisho.verdict":null,"status":200}"#), None);
        assert_eq!(readable(r#"{"sekisho.verdict":"","status":"200"}"#), None);
        assert_eq!(readable("no JSON"), None);
    }

    #[test]
    fn no_value_steers_the_terminal() {
        let line = format!(r#"{{"sekisho.verdict":"accept","sekisho.actor":"\u001b[2J\u202e{}"}}"#, "a".repeat(1000));
        let shown = readable(&line).unwrap();
        assert!(shown.contains("\u{fffd}[2J\u{fffd}aaa") && shown.len() < 300);
    }

    #[test]
    fn only_complete_lines() {
        let path = temp_dir().join(format!("sekisho-follow-{}", std::process::id()));
        let mut follower = Follower::new(path.clone());
        assert_eq!(follower.poll(), [""; 0]);
        let mut file = File::create(&path).unwrap();
        file.write_all(b"one\ntw").unwrap();
        assert_eq!(follower.poll(), ["one"]);
        file.write_all(b"o\nthree\n").unwrap();
        assert_eq!(follower.poll(), ["two", "three"]);
        fs::remove_file(path).unwrap();
    }
}
