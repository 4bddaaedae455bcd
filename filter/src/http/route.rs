//! The path of a request: its one normal form, and every other way in which a router may read it.
//!
//! A rule never asks what a path *is*. It asks whether any reading of it is on a list of what is refused, or whether all readings are on a list of what is allowed.

mod step;

use std::borrow::Cow;

use step::{DECODINGS, STEPS, before, normal};
pub use step::{has_dot_segment, has_overlong};

/// How often percent-encoding is undone. A router behind a proxy may see it undone twice.
const DECODING_ROUNDS: u8 = 3;

/// The longest path whose readings are looked for, in bytes. A plain path has one reading whatever its length.
const MAX_PATH_BYTES: usize = 8 * 1024;

/// The most readings that a path may have.
const MAX_READINGS: usize = 32;

/// The most that is written in search of them, in bytes.
const MAX_WORK_BYTES: usize = 64 * 1024;

/// The path of a request target, and its readings.
#[derive(Clone, Debug)]
pub struct Route<'t> {
    path: Cow<'t, [u8]>,
    others: Vec<Vec<u8>>,
    is_readable: bool,
}

impl<'t> Route<'t> {
    /// Reads a request target (RFC 9112 section 3.2). A path of plain characters is its own normal form, and its only reading.
    pub fn of(target: &'t [u8]) -> Self {
        if let Some(path) = plain(target) {
            return Self { path: Cow::Borrowed(path), others: Vec::new(), is_readable: true };
        }
        let starts = starts(target);
        let first = starts.first().copied().unwrap_or_default();
        if first.len() > MAX_PATH_BYTES {
            return Self { path: Cow::Borrowed(first), others: Vec::new(), is_readable: false };
        }
        let mut search = Search::default();
        let is_readable = starts.iter().try_for_each(|start| search.add(rooted(start), 0)).is_some() && search.run();
        let path = normal(rooted(first), DECODING_ROUNDS);
        let others = search.found.into_iter().map(|(path, _)| path).filter(|other| *other != path).collect();
        Self { path: path.into(), others, is_readable }
    }

    /// The normal form: query and fragment cut, percent-encoding undone, a backslash as a slash, without parameters after `;`, without empty and dot segments, in
    /// the case that it came in. It has no slash at its end, but for the root.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// All readings, the normal form first. Without [`Self::is_readable`] some are missing.
    pub fn readings(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(self.path()).chain(self.others.iter().map(Vec::as_slice))
    }

    /// Whether the path is its own normal form, but for a slash at its end, and its only reading.
    pub fn is_plain(&self) -> bool {
        self.is_readable && matches!(self.path, Cow::Borrowed(_))
    }

    /// Whether all of its readings are known: it is not too long, and has not too many.
    pub fn is_readable(&self) -> bool {
        self.is_readable
    }
}

/// The path of a target that everybody reads in one way: `/` and the characters of a segment (RFC 3986 section 3.3) without `%` and `;`, no segment empty or of dots.
fn plain(target: &[u8]) -> Option<&[u8]> {
    let mut before = 0;
    let mut end = target.len();
    for (at, byte) in target.iter().copied().enumerate() {
        match byte {
            b'?' => {
                end = at;
                break;
            }
            b'/' if before == b'/' => return None,
            // A dot at the start of a segment is part of a name, as in `/.well-known`, if a letter follows it.
            b'.' if before == b'/' && !is_letter_at(target, at.saturating_add(1)) => return None,
            b'/' | b'.' => {}
            _ if !is_plain(byte) || at == 0 => return None,
            _ => {}
        }
        before = byte;
    }
    let path = target.get(..end)?;
    match path {
        [b'/'] => Some(path),
        [b'/', .., b'/'] => path.get(..path.len().saturating_sub(1)),
        [b'/', ..] => Some(path),
        _ => None,
    }
}

fn is_letter_at(target: &[u8], at: usize) -> bool {
    target.get(at).is_some_and(u8::is_ascii_alphanumeric)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@'
        )
}

/// Where the path is in a target. Of an absolute one (`http://a.example/path`) scheme and authority go first; a router that looks for the first slash finds it behind
/// a `?` too. A `#` that should not be there ends the path, or is part of it.
fn starts(target: &[u8]) -> Vec<&[u8]> {
    let scheme = target.windows(3).position(|three| three == b"://").filter(|at| {
        let scheme = target.get(..*at).unwrap_or_default();
        !scheme.is_empty() && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
    });
    let paths = match scheme.and_then(|at| target.get(at.saturating_add(3)..)) {
        None => vec![target],
        Some(rest) => vec![from(rest, b"/\\?#"), from(rest, b"/")],
    };
    paths.into_iter().flat_map(|path| [before(path, b"?#"), before(path, b"?")]).collect()
}

fn from<'p>(path: &'p [u8], marks: &[u8]) -> &'p [u8] {
    path.iter().position(|byte| marks.contains(byte)).and_then(|at| path.get(at..)).unwrap_or_default()
}

/// With the slash that a path begins with.
fn rooted(path: &[u8]) -> Vec<u8> {
    match path {
        [b'/', ..] => path.to_vec(),
        path => [b"/", path].concat(),
    }
}

/// The readings found so far, each with how often it was decoded.
#[derive(Debug, Default)]
struct Search {
    found: Vec<(Vec<u8>, u8)>,
    work_bytes: usize,
}

impl Search {
    /// `None` when it is too much.
    fn add(&mut self, path: Vec<u8>, rounds: u8) -> Option<()> {
        self.work_bytes = self.work_bytes.saturating_add(path.len());
        if self.work_bytes > MAX_WORK_BYTES {
            return None;
        }
        if !self.found.iter().any(|(known, _)| *known == path) {
            self.found.push((path, rounds));
        }
        (self.found.len() <= MAX_READINGS).then_some(())
    }

    /// Takes every step from every reading, and whether that came to its end. Every step makes a path shorter or leaves less to do, so it ends.
    fn run(&mut self) -> bool {
        let mut next = 0;
        while let Some((path, rounds)) = self.found.get(next).cloned() {
            let decodings =
                DECODINGS.iter().filter(|_| rounds < DECODING_ROUNDS).map(|step| (step, rounds.saturating_add(1)));
            let all = STEPS.iter().map(|step| (step, rounds)).chain(decodings);
            for (step, rounds) in all {
                if let Some(other) = step(&path)
                    && self.add(other, rounds).is_none()
                {
                    return false;
                }
            }
            next = next.saturating_add(1);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(target: &str) -> Vec<String> {
        let route = Route::of(target.as_bytes());
        assert!(route.is_readable(), "{target}");
        route.readings().map(|path| String::from_utf8_lossy(path).into_owned()).collect()
    }

    #[test]
    fn a_plain_path_is_its_own_and_only_reading() {
        for (target, path) in [
            ("/notes/abc?x=1", "/notes/abc"),
            ("/", "/"),
            ("/?a=//..", "/"),
            ("/inbox/", "/inbox"),
            ("/.well-known/webfinger", "/.well-known/webfinger"),
            ("/@user@a.example", "/@user@a.example"),
            ("/a..b/c.", "/a..b/c."),
            ("/wp-json/x!$&'()*+,=:~_", "/wp-json/x!$&'()*+,=:~_"),
        ] {
            let route = Route::of(target.as_bytes());
            assert!(matches!(route.path, Cow::Borrowed(_)), "{target}");
            assert_eq!(route.others.capacity(), 0);
            assert_eq!(readings(target), [path]);
        }
        let long = format!("/{}", "a".repeat(MAX_PATH_BYTES));
        assert!(Route::of(long.as_bytes()).is_readable());
        for other in ["/..", "/a/.", "//a", "/a;b", "/a%20b", "/a\\b", "/..a", "/é", "*", "a.example:443", "/a#b", ""]
        {
            assert_eq!(plain(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn the_normal_form() {
        for (target, path) in [
            ("", "/"),
            ("*", "/*"),
            ("queue", "/queue"),
            ("http://a.example/queue?x", "/queue"),
            ("http://a.example", "/"),
            ("HTTPS://a.example?/queue", "/"),
            ("/%71ueue", "/queue"),
            ("/%2571ueue", "/queue"),
            ("/a/%2e%2E/queue", "/queue"),
            ("/a/..%2fqueue", "/queue"),
            ("/a/..;x/queue;y", "/queue"),
            ("/a\\..\\queue", "/queue"),
            ("/a/%c0%ae%c0%ae/queue", "/queue"),
            ("//queue///x/./", "/queue/x"),
            ("/../../queue", "/queue"),
            ("/Queue", "/Queue"),
            ("/tags/100%25", "/tags/100%"),
            ("/tags/100%", "/tags/100%"),
            ("/tags/what%3F", "/tags/what?"),
            ("/queue#x", "/queue"),
        ] {
            assert_eq!(readings(target)[0], path, "{target}");
        }
    }

    #[test]
    fn readings_are_those_of_every_router() {
        for (target, path) in [
            ("/queue;a?b", "/queue;a"),
            ("/queue/a;b/c", "/queue/a"),
            ("/queue%3Fx", "/queue"),
            ("/queue%23x", "/queue"),
            ("/queue%00x", "/queue"),
            ("//a.example/queue", "/queue"),
            ("/%2Fa.example/queue", "/queue"),
            ("http://a.example?x/queue", "/queue"),
            ("/x#/../queue", "/queue"),
            ("/x%2fy/%2e%2e/queue", "/queue"),
            ("/b/%2e%2e/queue/%2e%2e/..", "/queue"),
            ("/a//../queue", "/a/queue"),
            ("/%25%37%31ueue", "/queue"),
            ("/%%37%31ueue", "/%71ueue"),
        ] {
            let found = readings(target);
            assert!(found.iter().any(|reading| reading == path), "{target}: {found:?}");
        }
        let proxied = readings("/proxy/https%3A%2F%2Fa.example%2Fb.png");
        assert_eq!(proxied.len(), 4, "{proxied:?}");
    }

    #[test]
    fn work_is_bounded() {
        let long = format!("/%61{}", "a".repeat(MAX_PATH_BYTES));
        assert!(!Route::of(long.as_bytes()).is_readable());
        for piece in ["//a", "/%252e%252e", "%", "%25", "/a;b", "/..", "%3f%23%3b%5c", "/%c0%ae.", "\\", "/.%00"] {
            let path = format!("/{}", piece.repeat(8_000 / piece.len()));
            let route = Route::of(path.as_bytes());
            assert!(route.readings().map(<[u8]>::len).sum::<usize>() <= MAX_WORK_BYTES + path.len(), "{piece}");
        }
        // What a proxied address of a thousand bytes comes to.
        let proxied = format!("/proxy/https%3A%2F%2Fa.example%2Fb%3Bc%3Fd%3D1%2523e{}", "%E6%97".repeat(150));
        assert!(Route::of(proxied.as_bytes()).is_readable());
    }
}
