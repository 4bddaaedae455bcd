//! Signed targets: whoever has no key cannot make this service fetch anything.
//!
//! `sig` is the HMAC-SHA256 (RFC 2104) of the flags in alphabetical order, joined by commas, a line feed, and the URL as it stands in `url`, decoded once:
//! for `?url=https%3A%2F%2Fa.example%2Fb.png&static=1&avatar=1` the text `avatar,static` LF `https://a.example/b.png`. It is written in
//! hexadecimal, or in base64url with or without padding.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{Flags, hex_byte};
use crate::media_settings::SigningKey;

/// Whether a signature, as it is written, is that of these flags and this URL. The time does not tell how much of it is right.
pub(super) fn is_valid(key: &SigningKey, flags: Flags, url: &str, given: &str) -> bool {
    let (Some(mac), Some(given)) = (mac(key, flags, url), read(given)) else { return false };
    mac.verify_slice(&given).is_ok()
}

/// The signature in hexadecimal.
pub(super) fn hex(key: &SigningKey, flags: Flags, url: &str) -> String {
    let digest = mac(key, flags, url).map(|mac| mac.finalize().into_bytes());
    digest.iter().flatten().map(|byte| format!("{byte:02x}")).collect()
}

fn mac(key: &SigningKey, flags: Flags, url: &str) -> Option<Hmac<Sha256>> {
    // HMAC takes keys of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).ok()?;
    mac.update(names(flags).as_bytes());
    mac.update(b"\n");
    mac.update(url.as_bytes());
    Some(mac)
}

/// No name holds a comma or a line feed, so the text can be read in one way only.
fn names(flags: Flags) -> String {
    let Flags { emoji, avatar, still, preview, badge, fallback } = flags;
    let all = [
        ("avatar", avatar),
        ("badge", badge),
        ("emoji", emoji),
        ("fallback", fallback),
        ("preview", preview),
        ("static", still),
    ];
    all.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect::<Vec<_>>().join(",")
}

fn read(text: &str) -> Option<Vec<u8>> {
    if text.len() == 64 {
        return text.as_bytes().chunks_exact(2).map(hex_byte).collect();
    }
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}
