//! Names of files, as browsers offer them when somebody saves one.

use http::HeaderValue;
use url::Url;

use crate::media::kind::Kind;
use crate::media::request::percent_decode;

/// The longest name, in characters, without what is added for the type.
const MAX_CHARACTERS: usize = 100;

/// The name of a file made of a source: the last segment of its path, made harmless, and ending as its type does. As Misskey does, a wrong ending is kept and
/// the right one added.
pub fn file_name(source: &Url, kind: Kind) -> String {
    let segment = source.path().rsplit('/').next().unwrap_or_default();
    let decoded = percent_decode(segment.as_bytes(), false);
    let text = String::from_utf8_lossy(&decoded);
    let characters = text.chars().filter(|character| !is_invisible(*character)).map(harmless).take(MAX_CHARACTERS);
    let name: String = characters.collect();
    // Leading dots hide a file, trailing ones and spaces are lost on Windows.
    let name = name.trim_matches(|character: char| character == '.' || character.is_whitespace());
    let name = if name.is_empty() { "file" } else { name };
    let lower = name.to_ascii_lowercase();
    let has_ending =
        |extension: &&str| lower.strip_suffix(*extension).is_some_and(|stem| stem.len() > 1 && stem.ends_with('.'));
    if kind.extensions().iter().any(has_ending) {
        return name.to_owned();
    }
    format!("{name}.{}", kind.extensions().first().unwrap_or(&"unknown"))
}

/// Controls, and what changes the direction of text or takes no room: `gpj.exe` must not look like `exe.jpg`.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(character, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// What separates paths or means something else to an operating system.
fn harmless(character: char) -> char {
    match character {
        '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
        character => character,
    }
}

/// `Content-Disposition` (RFC 6266): the name in ASCII for whoever reads only that, and in UTF-8 (RFC 8187).
pub fn content_disposition(name: &str) -> HeaderValue {
    // Some browsers undo percent-encoding in a quoted name, so none is left there (RFC 6266 appendix D).
    let ascii = |character: char| match character {
        ' '..='~' if !matches!(character, '"' | '\\' | '%') => character,
        _ => '_',
    };
    let ascii: String = name.chars().map(ascii).collect();
    let value = format!("inline; filename=\"{ascii}\"; filename*=UTF-8''{}", extended(name));
    HeaderValue::from_str(&value).unwrap_or(const { HeaderValue::from_static("inline") })
}

/// The characters that RFC 8187 section 3.2.1 allows as they are, and an escape for each byte of the others.
fn extended(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte);
    name.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let long = format!("{}.png", "a".repeat(200));
        for (path, kind, name) in [
            ("a.png", Kind::Png, "a.png"),
            ("a.png", Kind::Webp, "a.png.webp"),
            ("a.WEBP", Kind::Webp, "a.WEBP"),
            ("a.jpeg", Kind::Jpeg, "a.jpeg"),
            ("a.tiff", Kind::Tiff, "a.tiff"),
            ("a.png", Kind::Apng, "a.png"),
            ("a", Kind::Playable("video/mp4"), "a.mp4"),
            ("x/", Kind::Webp, "file.webp"),
            ("", Kind::Gif, "file.gif"),
            (".webp", Kind::Webp, "webp.webp"),
            ("webp", Kind::Webp, "webp.webp"),
            ("%E7%8C%AB%20a.png", Kind::Webp, "猫 a.png.webp"),
            ("%2e%2e%2f%2e%2e%2fetc%2fpasswd", Kind::Webp, "_.._etc_passwd.webp"),
            ("a%22%0d%0ab%00.png", Kind::Png, "a_b.png"),
            ("a%E2%80%AEgnp.exe", Kind::Png, "agnp.exe.png"),
            ("%FF.png", Kind::Png, "\u{fffd}.png"),
            ("a%.png", Kind::Png, "a%.png"),
            (&long, Kind::Png, &format!("{}.png", "a".repeat(100))),
        ] {
            let source = Url::parse(&format!("https://a.example/{path}?q.gif")).unwrap();
            assert_eq!(file_name(&source, kind), name, "{path:.60}");
        }
    }

    #[test]
    fn fields() {
        for (name, value) in [
            ("a b.png", "inline; filename=\"a b.png\"; filename*=UTF-8''a%20b.png"),
            ("猫.webp", "inline; filename=\"_.webp\"; filename*=UTF-8''%E7%8C%AB.webp"),
            ("100%25.gif", "inline; filename=\"100_25.gif\"; filename*=UTF-8''100%2525.gif"),
            ("a\"\\\r\n.png", "inline; filename=\"a____.png\"; filename*=UTF-8''a%22%5C%0D%0A.png"),
            ("a'(b)*.png", "inline; filename=\"a'(b)*.png\"; filename*=UTF-8''a%27%28b%29%2A.png"),
        ] {
            assert_eq!(content_disposition(name), value, "{name}");
        }
    }

    #[test]
    fn any_source() {
        use proptest::prelude::*;
        proptest!(|(path in ".{0,150}", kind in prop::sample::select(vec![Kind::Webp, Kind::Jpeg, Kind::Unknown]))| {
            if let Ok(source) = Url::parse(&format!("https://a.example/{path}")) {
                let name = file_name(&source, kind);
                prop_assert!(name.chars().count() <= MAX_CHARACTERS + 8 && !name.contains(['/', '\\', '"']) && !name.starts_with('.'));
                prop_assert!(content_disposition(&name).to_str().is_ok_and(|value| value.starts_with("inline; filename=\"")));
            }
        });
    }
}
