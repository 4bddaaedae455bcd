//! Steps over the bytes of a field, by the rules that RFC 9110 section 5.6 has for all of them.

use std::net::Ipv6Addr;

/// What is left of a field value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scanner<'f> {
    rest: &'f [u8],
}

impl<'f> Scanner<'f> {
    pub(super) fn new(value: &'f [u8]) -> Self {
        Self { rest: value }
    }

    /// What was not stepped over yet.
    pub(super) fn rest(&self) -> &'f [u8] {
        self.rest
    }

    /// The next byte.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Steps over the next byte.
    pub(super) fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// Steps over the next byte if it is this one.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        if is_next {
            self.next();
        }
        is_next
    }

    /// Optional white space (OWS, section 5.6.3), and whether there was any.
    pub(super) fn space(&mut self) -> bool {
        !self.run(|byte| matches!(byte, b' ' | b'\t')).is_empty()
    }

    /// What separates the elements of a list (section 5.6.1): any number of commas and white space. Whether an element follows.
    pub(super) fn skip_to_element(&mut self) -> bool {
        self.run(|byte| matches!(byte, b' ' | b'\t' | b','));
        !self.rest.is_empty()
    }

    /// Whether the element ends here.
    pub(super) fn is_element_end(&self) -> bool {
        matches!(self.peek(), None | Some(b','))
    }

    /// A token (section 5.6.2).
    pub(super) fn token(&mut self) -> Option<&'f str> {
        let token = self.run(is_token);
        std::str::from_utf8(token).ok().filter(|token| !token.is_empty())
    }

    /// The name of a host, its address, or a pseudonym. All but an IPv6 address in brackets are tokens; what else RFC 3986 would allow in a name are the
    /// delimiters of fields.
    pub(super) fn host(&mut self) -> Option<&'f str> {
        if self.peek() != Some(b'[') {
            return self.token();
        }
        let end = self.rest.iter().position(|byte| *byte == b']')?.checked_add(1)?;
        let (host, rest) = self.rest.split_at_checked(end)?;
        let host = std::str::from_utf8(host).ok()?;
        host.trim_start_matches('[').trim_end_matches(']').parse::<Ipv6Addr>().ok()?;
        // `[[::1]]` would be trimmed as well.
        let is_one_pair = host.bytes().filter(|byte| matches!(byte, b'[' | b']')).count() == 2;
        self.rest = rest;
        is_one_pair.then_some(host)
    }

    /// A colon and a port, which RFC 3986 allows to be empty, and any number.
    pub(super) fn port(&mut self) -> Option<&'f str> {
        let has_port = self.eat(b':');
        let digits = if has_port { self.run(|byte| byte.is_ascii_digit()) } else { b"" };
        std::str::from_utf8(digits).ok().filter(|_| has_port)
    }

    fn run(&mut self, is: impl Fn(u8) -> bool) -> &'f [u8] {
        let end = self.rest.iter().position(|byte| !is(*byte)).unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, b""));
        self.rest = rest;
        run
    }
}

/// Whether a byte may be part of a token (section 5.6.2).
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether a byte may stand behind a backslash in a comment or in a quoted string (section 5.6.4).
pub(super) fn is_quotable(byte: u8) -> bool {
    byte == b'\t' || byte == b' ' || byte.is_ascii_graphic() || byte >= 0x80
}

/// Whether a value contains a text, in any case.
pub(super) fn contains(value: &[u8], text: &str) -> bool {
    let text = text.as_bytes();
    text.is_empty() || value.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text))
}

/// Every run of token bytes: whatever a reader of a value that is not what it should be could take for a name.
pub(super) fn runs(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| !is_token(*byte)).filter(|run| !run.is_empty())
}

/// What a word begins with, up to its port or whatever no name has.
pub(super) fn leading_run(word: &[u8]) -> &[u8] {
    word.split(|byte| !is_token(*byte)).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports() {
        for (value, host, port, rest) in [
            ("a.example:80 x", Some("a.example"), Some("80"), " x"),
            ("127.0.0.1", Some("127.0.0.1"), None, ""),
            ("a:", Some("a"), Some(""), ""),
            ("a:x", Some("a"), Some(""), "x"),
            ("[::1]:8080,", Some("[::1]"), Some("8080"), ","),
            ("[::ffff:127.0.0.1]", Some("[::ffff:127.0.0.1]"), None, ""),
        ] {
            let mut scan = Scanner::new(value.as_bytes());
            assert_eq!((scan.host(), scan.port(), scan.rest()), (host, port, rest.as_bytes()), "{value}");
        }
        for value in ["", "[", "[]", "[::1", "[[::1]]", "[::1%25eth0]", "[1.2.3.4]", "[v1.a]", "(a)", "\u{fc}"] {
            assert_eq!(Scanner::new(value.as_bytes()).host(), None, "{value}");
        }
    }

    #[test]
    fn texts_and_runs() {
        assert!(contains(b"1.1 SeKisho", "sekisho") && !contains(b"1.1 sekish", "sekisho") && contains(b"", ""));
        assert_eq!(runs(b"1.1 a(b:80)\xff/c").collect::<Vec<_>>(), [&b"1.1"[..], b"a", b"b", b"80", b"c"]);
        assert_eq!((leading_run(b"a:80"), leading_run(b"(a)")), (&b"a"[..], &b""[..]));
    }
}
