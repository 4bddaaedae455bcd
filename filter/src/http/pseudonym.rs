//! Our own name in `Via` and `CDN-Loop`: what it may be, how a host makes one for itself, and how it is written.
//!
//! A host derives a name once and shares it among its workers, or a loop that comes back to another worker is not seen. It sets it as
//! [`RequestHead::pseudonym`](super::RequestHead::pseudonym) of every request, and appends [`via_entry`] to `Via` and the name to `CDN-Loop` of what it forwards, under the name
//! that [`Site::pseudonym`](crate::policy::Site::pseudonym) gives, if it gives one.

use crate::hash;

/// The longest pseudonym, in bytes.
pub const MAX_PSEUDONYM_BYTES: usize = 64;

/// What the names of our media services begin with: theirs end a chain, ours does not.
pub const MEDIA: &str = "sekisho-media";

/// What names that were not configured begin with, those of media services too.
pub const PREFIX: &str = "sekisho";

/// What names that were not configured begin with, the hyphen included: few others will be called so.
pub const DERIVED: &str = "sekisho-";

/// How much of a hash is in a derived name: 48 bits, twelve digits.
const HASH_BITS: u32 = 48;

/// A name for a host that was given none: of anything that no other host has, such as the moment of its start in nanoseconds. It tells nothing about the machine.
pub fn derive(seed: u64) -> String {
    let hash = hash::of([&b"via.pseudonym"[..], &seed.to_le_bytes()]);
    format!("{DERIVED}{:012x}", hash >> (u64::BITS.saturating_sub(HASH_BITS)))
}

/// Whether a text can be our name: a token of plain characters (RFC 9110 section 5.6.2, RFC 8586 section 2), or nothing, for a derived one.
///
/// # Errors
/// What is wrong with it.
pub fn check(text: &str) -> Result<(), &'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if !text.bytes().all(plain) {
        return Err("expected letters, digits, `-`, `.` and `_`");
    }
    match begins(text.as_bytes(), MEDIA) {
        true => Err("begins like the names of media services, which refuse what comes from one another"),
        false => Ok(()),
    }
}

/// Whether a name begins with a prefix, in any case.
pub fn begins(name: &[u8], prefix: &str) -> bool {
    name.split_at_checked(prefix.len()).is_some_and(|(first, _)| first.eq_ignore_ascii_case(prefix.as_bytes()))
}

/// Our entry in `Via` for a message that came by `protocol`, such as `HTTP/1.1`: the version and our name. Versions since 2 have no minor one (RFC 9113 section 8.1).
pub fn via_entry(protocol: &[u8], pseudonym: &str) -> String {
    let version = match protocol.split_at_checked(5).filter(|(name, _)| name.eq_ignore_ascii_case(b"HTTP/")) {
        Some((_, b"1.0")) => "1.0",
        Some((_, b"2" | b"2.0")) => "2",
        Some((_, b"3" | b"3.0")) => "3",
        // What else a host may call it, it was forwarded as HTTP.
        _ => "1.1",
    };
    format!("{version} {pseudonym}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::via::Via;

    #[test]
    fn names_that_are_derived() {
        let names: Vec<String> = (0..1000).map(derive).collect();
        for name in &names {
            assert_eq!((name.len(), check(name)), (20, Ok(())), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'));
        }
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len());
        assert_eq!(derive(7), derive(7));
    }

    #[test]
    fn names_that_are_configured() {
        for text in ["", "a", "A.b_c-1", "sekisho-mediu", "sekisho"] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        for text in ["a b", "a,b", "a:80", "a/b", "\u{fc}", "a\n", "sekisho-media", "Sekisho-Media-2"] {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn entries() {
        for (protocol, entry) in [
            ("HTTP/1.1", "1.1 x"),
            ("HTTP/1.0", "1.0 x"),
            ("HTTP/2", "2 x"),
            ("HTTP/2.0", "2 x"),
            ("http/3", "3 x"),
            ("HTTP/3.0", "3 x"),
            ("", "1.1 x"),
            ("HTTP/\0", "1.1 x"),
            ("a, 1.1 b", "1.1 x"),
        ] {
            assert_eq!(via_entry(protocol.as_bytes(), "x"), entry, "{protocol}");
            assert_eq!(Via::parse([entry.as_bytes()]).map(|via| via.hops.len()), Ok(1));
        }
    }
}
