//! A log, as it grows.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

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
