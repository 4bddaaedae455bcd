//! Requests of proxies: a chain of them multiplies what one request costs, and a loop has no end.

use std::fmt;

/// Why a request is refused by its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardError {
    /// No `User-Agent`.
    NoUserAgent,
    /// A Misskey fetches, or a proxy that calls itself one.
    Recursive,
    /// The request came through this very service before.
    Loop,
}

/// Judges a request by `User-Agent`, by all values of `Via` (RFC 9110 section 7.6.3) and `CDN-Loop` (RFC 8586), and the own pseudonym.
///
/// # Errors
/// [`GuardError`], for the first reason found.
pub fn guard<'f>(
    user_agent: Option<&[u8]>,
    via: impl IntoIterator<Item = &'f [u8]>,
    cdn_loop: impl IntoIterator<Item = &'f [u8]>,
    pseudonym: &str,
) -> Result<(), GuardError> {
    let user_agent = user_agent.unwrap_or_default();
    if user_agent.trim_ascii().is_empty() {
        return Err(GuardError::NoUserAgent);
    }
    if user_agent.windows(8).any(|window| window.eq_ignore_ascii_case(b"misskey/")) {
        return Err(GuardError::Recursive);
    }
    let (mut via, mut cdn_loop) = (via.into_iter(), cdn_loop.into_iter());
    if via.any(|value| via_names(value, pseudonym)) || cdn_loop.any(|value| cdn_loop_names(value, pseudonym)) {
        return Err(GuardError::Loop);
    }
    Ok(())
}

/// Whether the pseudonym is a word of a `Via` value outside its comments. Where comments do not end, they do not count: else an open one in the request
/// would hide whatever is appended to it.
fn via_names(value: &[u8], pseudonym: &str) -> bool {
    let plain = without_comments(value);
    let text = plain.as_deref().unwrap_or(value);
    let mut words = text.split(|byte| matches!(byte, b',' | b' ' | b'\t' | b'(' | b')'));
    words.any(|word| is_received_by(word, pseudonym))
}

/// The value with a space for each comment, or `None` when one does not end, or ends that has not begun.
fn without_comments(value: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(value.len());
    let mut depth = 0_usize;
    let mut bytes = value.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'(' => depth = depth.checked_add(1)?,
            b')' => depth = depth.checked_sub(1)?,
            // A quoted pair.
            b'\\' if depth > 0 => drop(bytes.next()?),
            _ if depth > 0 => {}
            byte => plain.push(*byte),
        }
        if matches!(byte, b'(' | b')') {
            plain.push(b' ');
        }
    }
    (depth == 0).then_some(plain)
}

/// Whether a `CDN-Loop` value names the pseudonym. Parameters are skipped with whatever is quoted in them, unless the quotation does not end.
fn cdn_loop_names(value: &[u8], pseudonym: &str) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    let mut separates = |byte: &u8| {
        match (quoted, escaped, byte) {
            (true, true, _) => escaped = false,
            (true, false, b'\\') => escaped = true,
            (_, false, b'"') => quoted = !quoted,
            _ => {}
        }
        !quoted && *byte == b','
    };
    let ids: Vec<&[u8]> = value.split(&mut separates).collect();
    let names = |id: &[u8]| {
        let id = id.split(|byte| *byte == b';').next().unwrap_or_default();
        is_received_by(id.trim_ascii(), pseudonym)
    };
    match quoted {
        false => ids.into_iter().any(names),
        true => value.split(|byte| matches!(byte, b',' | b'"')).any(names),
    }
}

/// Compares without case and port.
fn is_received_by(word: &[u8], pseudonym: &str) -> bool {
    let (name, port) = word.split_at_checked(pseudonym.len()).unwrap_or((word, b""));
    name.eq_ignore_ascii_case(pseudonym.as_bytes()) && (port.is_empty() || port.starts_with(b":"))
}

impl GuardError {
    /// A stable name for metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoUserAgent => "no_user_agent",
            Self::Recursive => "recursive",
            Self::Loop => "loop",
        }
    }

    /// The status to answer with.
    pub fn status(self) -> u16 {
        match self {
            Self::NoUserAgent => 400,
            Self::Recursive => 403,
            Self::Loop => 508,
        }
    }
}

impl fmt::Display for GuardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoUserAgent => "User-Agent is required",
            Self::Recursive => "Proxy is recursive",
            Self::Loop => "Loop detected",
        })
    }
}

impl std::error::Error for GuardError {}

#[cfg(test)]
mod tests {
    use super::*;

    const BROWSER: Option<&[u8]> = Some(b"Mozilla/5.0");

    fn via(value: &str) -> Result<(), GuardError> {
        guard(BROWSER, [&b"1.1 first"[..], value.as_bytes()], [], "sekisho-media")
    }

    fn cdn_loop(value: &str) -> Result<(), GuardError> {
        guard(BROWSER, [], [&b"first.example"[..], value.as_bytes()], "sekisho-media")
    }

    #[test]
    fn user_agents() {
        for (user_agent, expected) in [
            (None, Err(GuardError::NoUserAgent)),
            (Some(&b""[..]), Err(GuardError::NoUserAgent)),
            (Some(b" "), Err(GuardError::NoUserAgent)),
            (Some(b"Misskey/2026.5.4 (https://a.example)"), Err(GuardError::Recursive)),
            (Some(b"x mISSKEY/1"), Err(GuardError::Recursive)),
            (Some(b"MisskeyMediaProxy/1"), Ok(())),
            (Some(b"\xffmisskey"), Ok(())),
            (BROWSER, Ok(())),
        ] {
            assert_eq!(guard(user_agent, [], [], "sekisho-media"), expected, "{user_agent:?}");
        }
        assert_eq!(
            (GuardError::NoUserAgent.status(), GuardError::Recursive.status(), GuardError::Loop.status()),
            (400, 403, 508)
        );
        assert_eq!(GuardError::Recursive.to_string(), "Proxy is recursive");
    }

    #[test]
    fn loops_by_via() {
        for value in [
            "1.1 sekisho-media",
            "1.0 fred, HTTP/2 Sekisho-Media:8080 (x)",
            "1.1 a (b \\) c, (d)), 1.1 sekisho-media",
            "1.1 sekisho-media(x)",
            ",,1.1\tsekisho-media",
            // What does not end cannot hide the rest.
            "1.1 a (b, 1.1 sekisho-media",
            "1.1 a (b \\), 1.1 sekisho-media",
            "1.1 a ), 1.1 sekisho-media",
        ] {
            assert_eq!(via(value), Err(GuardError::Loop), "{value}");
        }
        for value in
            ["1.1 sekisho", "1.1 sekisho-media2", "1.1 a (1.1 sekisho-media, b)", "1.1 a.sekisho-media", "", "\u{ff}"]
        {
            assert_eq!(via(value), Ok(()), "{value}");
        }
    }

    #[test]
    fn loops_by_cdn_loop() {
        for value in [
            "sekisho-media",
            "foo123.foocdn.example, SEKISHO-MEDIA:80;a=b",
            "a; b=\"c,\\\"d\", sekisho-media ; x",
            "a; b=\"c, sekisho-media",
        ] {
            assert_eq!(cdn_loop(value), Err(GuardError::Loop), "{value}");
        }
        for value in ["sekisho", "a; sekisho-media=1", "a; b=\", sekisho-media, \"", "", ","] {
            assert_eq!(cdn_loop(value), Ok(()), "{value}");
        }
    }
}
