//! The hash of all that is compared between workers, restarts and versions: SipHash-1-3 with a key of zeros. It keeps nobody from looking for two inputs with one
//! hash; where that would matter, `media::limit` has a secret key.

use std::fmt::{self, Write as _};
use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

/// A number for these parts: the hash of all of them, with a zero byte between one and the next.
pub fn of<'b>(parts: impl IntoIterator<Item = &'b [u8]>) -> u64 {
    let mut hasher = SipHasher13::new();
    for (index, part) in parts.into_iter().enumerate() {
        if index > 0 {
            hasher.write(b"\0");
        }
        hasher.write(part);
    }
    hasher.finish()
}

/// A number for a text, the same as that of its bytes, without making it: it may be long.
pub fn of_text(text: fmt::Arguments<'_>) -> u64 {
    let mut pieces = Pieces(SipHasher13::new());
    // The hasher takes everything.
    let _taken = pieces.write_fmt(text);
    pieces.0.finish()
}

struct Pieces(SipHasher13);

impl fmt::Write for Pieces {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.0.write(piece.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{of, of_text};

    /// Shares of actors and fingerprints of policies are the same in every version.
    #[test]
    fn it_stays_as_it_is() {
        assert_eq!(of([]), 0xd1fb_a762_150c_532c);
        assert_eq!(of([&b"inbox.mentions"[..], b"https://a.example/users/1"]), 0x0848_538b_27a8_1c4f);
        assert_eq!(of([&b"a"[..], b"b"]), of([&b"a\0b"[..]]));
        assert_ne!(of([&b"ab"[..]]), of([&b"a"[..], b"b"]));
    }
    #[test]
    fn a_text_is_its_bytes() {
        let (a, b) = ("a piece ", "and another");
        assert_eq!(of_text(format_args!("{a}{b}{a:?}")), of([format!("{a}{b}{a:?}").as_bytes()]));
    }
}
