//! Requests of proxies: a chain of them multiplies what one request costs, and a loop has no end.

use std::fmt;

use crate::http::cdn_loop::{self, CdnLoop, CdnLoopError};
use crate::http::pseudonym;
use crate::http::via::{self, Via, ViaError};

/// Why a request is refused by its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardError {
    /// No `User-Agent`.
    NoUserAgent,
    /// A Misskey fetches, or a proxy that calls itself one.
    Recursive,
    /// The request came through this very service before, or through so many proxies that it must be a loop.
    Loop,
    /// The request came through another media service of ours. Its fetches are the pictures of somebody's users, and those are nowhere in need of a second service.
    Chain,
    /// `Via` or `CDN-Loop` cannot be read, so nobody can tell what the request came through, and nobody should be told so by us.
    Malformed,
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
    let via: Vec<&[u8]> = via.into_iter().collect();
    let cdn_loop: Vec<&[u8]> = cdn_loop.into_iter().collect();
    let (vias, cdn_loops) = (|| via.iter().copied(), || cdn_loop.iter().copied());
    if via::names(vias(), pseudonym) || cdn_loop::names(cdn_loops(), pseudonym) {
        return Err(GuardError::Loop);
    }
    let is_media = |name: &[u8]| pseudonym::begins(name, pseudonym::MEDIA);
    if via::any_name(vias(), pseudonym::MEDIA, is_media) || cdn_loop::any_name(cdn_loops(), pseudonym::MEDIA, is_media)
    {
        return Err(GuardError::Chain);
    }
    // After the names: what is malformed may be a loop all the same.
    match (Via::parse(vias()), CdnLoop::parse(cdn_loops())) {
        (Ok(_), Ok(_)) => Ok(()),
        (Err(ViaError::TooLong | ViaError::TooManyHops), _)
        | (_, Err(CdnLoopError::TooLong | CdnLoopError::TooManyCdns)) => Err(GuardError::Loop),
        _ => Err(GuardError::Malformed),
    }
}

impl GuardError {
    /// A stable name for metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoUserAgent => "no_user_agent",
            Self::Recursive => "recursive",
            Self::Loop => "loop",
            Self::Chain => "chain",
            Self::Malformed => "malformed",
        }
    }

    /// The status to answer with.
    pub fn status(self) -> u16 {
        match self {
            Self::NoUserAgent | Self::Malformed => 400,
            Self::Recursive => 403,
            Self::Loop | Self::Chain => 508,
        }
    }
}

impl fmt::Display for GuardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoUserAgent => "User-Agent is required",
            Self::Recursive | Self::Chain => "Proxy is recursive",
            Self::Loop => "Loop detected",
            Self::Malformed => "Via or CDN-Loop is malformed",
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
        for value in ["1.1 sekisho", "1.1 a (1.1 sekisho-media, b)", "1.1 a.sekisho-media", ""] {
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

    #[test]
    fn chains_of_our_own() {
        let ours = |via: &'static str, cdn_loop: &'static str| {
            guard(BROWSER, [via.as_bytes()], [cdn_loop.as_bytes()], "pictures.example")
        };
        for name in ["sekisho-media", "Sekisho-Media2", "sekisho-media.a.example:80"] {
            let via = format!("2 edge, 1.1 {name} (x)");
            assert_eq!(guard(BROWSER, [via.as_bytes()], [], "pictures.example"), Err(GuardError::Chain), "{name}");
            assert_eq!(guard(BROWSER, [], [name.as_bytes()], "pictures.example"), Err(GuardError::Chain), "{name}");
        }
        // The proxy in front is no media service.
        assert_eq!(ours("2 sekisho-0123456789ab", "sekisho-0123456789ab"), Ok(()));
        assert_eq!(ours("2 sekisho-media, 1.1 pictures.example", ""), Err(GuardError::Loop));
        assert_eq!(via("1.1 sekisho-media2"), Err(GuardError::Chain));
        assert_eq!((GuardError::Chain.status(), GuardError::Chain.name()), (508, "chain"));
    }

    #[test]
    fn what_is_malformed() {
        for value in ["\u{ff}", "1.1", "a", "1.1 a b", "1.1 a (b", "1.1 a (b) (c)", "HTTP/ a"] {
            assert_eq!(via(value), Err(GuardError::Malformed), "{value}");
        }
        for value in ["a b", "a;", "a; x", "a; x=\"", "(a)"] {
            assert_eq!(cdn_loop(value), Err(GuardError::Malformed), "{value}");
        }
        for value in ["2 a, ,HTTP/3 b:80 (c, (d))", ",", " "] {
            assert_eq!(via(value), Ok(()), "{value}");
        }
        assert_eq!(GuardError::Malformed.status(), 400);
        assert_eq!(via(&"1.1 a,".repeat(65)), Err(GuardError::Loop));
        assert_eq!(cdn_loop(&"a".repeat(5000)), Err(GuardError::Loop));
    }
}
