//! Whether a file is the same for everybody, by the fields that come with it.
//!
//! A file is not, if any of these hold:
//! 1. `Vary` names what browsers or readers differ in, or `*` (RFC 9110 section 12.5.5). Not `Accept-Encoding` and `Origin`, which ordinary files have.
//! 2. It sets a cookie: made for who asked.
//! 3. `Cache-Control` has `private` or `no-store`: no cache may give it to others (RFC 9111 section 5.2.2). `no-cache` and `max-age=0` only want it to be asked for
//!    again, and `private="name"` is about that field alone.
//!
//! What we were given is then no word on what others get, so it has no integrity. A Misskey's and a Mastodon's own files have none of these.

use std::fmt;

use http::header::{CACHE_CONTROL, HeaderMap, HeaderName, SET_COOKIE, VARY};

/// What readers differ in, and their browsers.
const DIFFERING: [&str; 5] = ["*", "Accept-Language", "Authorization", "Cookie", "User-Agent"];
/// What keeps a file from being given to others.
const KEEPING: [&str; 2] = ["no-store", "private"];

/// Why a file is not the same for everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Personal {
    /// `Vary` has this in it.
    Vary(&'static str),
    /// It sets a cookie.
    SetCookie,
    /// `Cache-Control` has this in it.
    CacheControl(&'static str),
}

impl Personal {
    /// Judges by the fields of an answer.
    pub(super) fn of(fields: &HeaderMap) -> Option<Self> {
        if let Some(name) = first_of(&DIFFERING, fields, &VARY) {
            return Some(Self::Vary(name));
        }
        if fields.contains_key(SET_COOKIE) {
            return Some(Self::SetCookie);
        }
        first_of(&KEEPING, fields, &CACHE_CONTROL).map(Self::CacheControl)
    }
}

impl fmt::Display for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vary(name) => write!(f, "Vary: {name}"),
            Self::SetCookie => f.write_str("Set-Cookie"),
            Self::CacheControl(directive) => write!(f, "Cache-Control: {directive}"),
        }
    }
}

/// The first of some words that is a member of a list field.
fn first_of(words: &[&'static str], fields: &HeaderMap, name: &HeaderName) -> Option<&'static str> {
    let lines = || fields.get_all(name).iter().flat_map(|value| members(value.as_bytes()));
    words.iter().find(|word| lines().any(|member| member.eq_ignore_ascii_case(word.as_bytes()))).copied()
}

/// The members of a list. A comma in a quoted string ends none (RFC 9110 section 5.6.1).
fn members(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let ends = move |byte: &u8| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match byte {
            b'\\' if is_quoted && !was_escaped => is_escaped = true,
            b'"' if !was_escaped => is_quoted = !is_quoted,
            _ => {}
        }
        *byte == b',' && !is_quoted
    };
    list.split(ends).map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn personal(fields: &[(&'static str, &str)]) -> Option<Personal> {
        let field = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        let mut map = HeaderMap::new();
        for (name, value) in fields.iter().map(field) {
            map.append(name, value);
        }
        Personal::of(&map)
    }

    #[test]
    fn not_for_everybody() {
        for (name, value, expected) in [
            ("vary", "Accept-Encoding, cookie", Personal::Vary("Cookie")),
            ("vary", "user-agent", Personal::Vary("User-Agent")),
            ("vary", " * ", Personal::Vary("*")),
            ("vary", "Origin,Accept-Language", Personal::Vary("Accept-Language")),
            ("set-cookie", "a=b", Personal::SetCookie),
            ("cache-control", "PRIVATE, max-age=60", Personal::CacheControl("private")),
            ("cache-control", "max-age=0,No-Store", Personal::CacheControl("no-store")),
            ("cache-control", "no-cache=\"a, b\", private", Personal::CacheControl("private")),
        ] {
            assert_eq!(personal(&[(name, value)]), Some(expected), "{name}: {value}");
        }
        let lines =
            [("cache-control", "public"), ("cache-control", "no-store"), ("vary", "origin"), ("vary", "cookie")];
        assert_eq!(personal(&lines), Some(Personal::Vary("Cookie")));
        assert_eq!(personal(&lines[..3]), Some(Personal::CacheControl("no-store")));
    }

    /// The fields of Misskey's files as they were recorded and as @fastify/static sends them, of Mastodon's behind its own nginx, and of its `/custom.css`.
    #[test]
    fn ordinary_files() {
        for fields in [
            &[][..],
            &[("cache-control", "max-age=86400, immutable"), ("accept-ranges", "bytes"), ("etag", "W/\"1-2\"")],
            &[("cache-control", "public, max-age=2592000, immutable")],
            &[("cache-control", "public, max-age=0"), ("vary", "Origin")],
            &[("cache-control", "public, max-age=2419200, must-revalidate"), ("vary", "Accept-Encoding")],
            &[("cache-control", "max-age=180, public"), ("vary", "Accept, Signature")],
            &[("cache-control", "max-age=10, must-revalidate")],
            &[("cache-control", "no-cache"), ("vary", "accept-encoding, origin")],
            &[("cache-control", "no-cache, max-age=0")],
            &[("cache-control", "private=\"set-cookie, no-store\", public")],
            &[("cache-control", "no-cache=\"a\\\", private\"")],
            &[("vary", "X-Cookie, Cookies")],
        ] {
            assert_eq!(personal(fields), None, "{fields:?}");
        }
    }
}
