//! A preview without what a stranger's page must not put into ours: what is wrong goes, and the rest stays as it came.

use std::borrow::Cow;

use super::object::Cleaner;
use super::settings::Settings;
use super::{PreviewRequest, url};
use crate::json::{self, Json};

/// The largest preview that is read, in bytes: half of what Envoy holds (`per_connection_buffer_limit_bytes`). Those of summaly have a few hundred, but for names of sites
/// and URLs without end.
pub const MAX_PREVIEW_BYTES: usize = 64 * 1024;

/// What a preview becomes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// The new bytes; none: they stay as they came.
    pub body: Option<Vec<u8>>,
    /// What was changed, each once.
    pub changes: Vec<Change>,
    /// The host of a player that was taken away for its host: what an operator may want to list.
    pub player_host: Option<String>,
}

/// What was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// All of it: nobody can say what it is.
    Unparsable,
    /// The player: taken away, or its URL written as the parser does.
    Player,
    /// What the player may use of the device.
    Allow,
    /// The size of the player.
    Size,
    /// The icon: taken away, or its URL written as the parser does.
    Icon,
    /// A thumbnail, likewise.
    Thumbnail,
    /// A link, likewise.
    Url,
    /// A text: shortened, or without control characters.
    Text,
    /// Another field: of a wrong type, or a URL that nobody knows.
    Field,
}

impl Change {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Unparsable,
        Self::Player,
        Self::Allow,
        Self::Size,
        Self::Icon,
        Self::Thumbnail,
        Self::Url,
        Self::Text,
        Self::Field,
    ];

    /// The word for it, in metrics and in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unparsable => "unparsable",
            Self::Player => "player",
            Self::Allow => "allow",
            Self::Size => "size",
            Self::Icon => "icon",
            Self::Thumbnail => "thumbnail",
            Self::Url => "url",
            Self::Text => "text",
            Self::Field => "field",
        }
    }
}

/// Cleans the body of an answer. Whatever it is, what comes out is JSON that every parser reads alike, or nothing at all.
///
/// 1. Bytes that are no JSON object, or that two parsers could read differently, become an empty preview: the link that was asked for, and nothing else.
/// 2. A known field of a wrong type, or that must not be, is `null`. A player is taken away as a whole.
/// 3. What nobody knows stays, unless it could be a URL.
pub fn clean(body: &[u8], request: &PreviewRequest, settings: &Settings) -> Cleaned {
    if body.is_empty() {
        // Nothing is passed on.
        return Cleaned::default();
    }
    if body.len() > MAX_PREVIEW_BYTES {
        return unparsable(request);
    }
    let mut cleaner = Cleaner::new(request, settings);
    let repaired = mend_surrogates(body);
    if matches!(repaired, Cow::Owned(_)) {
        cleaner.note(Change::Text);
    }
    let Ok(Json::Object(object)) = json::parse(&repaired) else { return unparsable(request) };
    let cleaned = Json::Object(cleaner.preview(object));
    let (changes, player_host) = cleaner.finish();
    if changes.is_empty() {
        return Cleaned::default();
    }
    let body = cleaned.to_string().into_bytes();
    if body.len() > MAX_PREVIEW_BYTES {
        return unparsable(request);
    }
    Cleaned { body: Some(body), changes, player_host }
}

/// What nobody could read: frontends show the link that was asked for.
fn unparsable(request: &PreviewRequest) -> Cleaned {
    let asked = request.url.as_deref().and_then(url::link).map_or(Json::Null, Json::String).to_string();
    let body = format!(
        r#"{{"title":{asked},"icon":null,"description":null,"thumbnail":null,"thumbnailStyle":null,"player":{{"url":null,"width":null,"height":null,"allow":[]}},"sitename":null,"sensitive":false,"activityPub":null,"fediverseCreator":null,"url":{asked}}}"#
    );
    Cleaned { body: Some(body.into_bytes()), changes: vec![Change::Unparsable], player_host: None }
}

/// The character that stands for what is none.
const REPLACEMENT: &[u8] = b"\\ufffd";

/// The text with `\ufffd` for each escaped half of a character. Summaly counts UTF-16 units where it cuts a text, so previews of pages that are
/// as they should be hold such halves, which the reader refuses.
fn mend_surrogates(body: &[u8]) -> Cow<'_, [u8]> {
    let is_suspect =
        |window: &[u8]| matches!(window, [b'\\', b'u', b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F']);
    if !body.windows(4).any(is_suspect) {
        return Cow::Borrowed(body);
    }
    let mut mended = Vec::with_capacity(body.len());
    let mut is_mended = false;
    let mut rest = body;
    while let [first, tail @ ..] = rest {
        // Outside of strings there is no backslash.
        let length = match (first, unit(rest)) {
            (b'\\', Some(0xd800..=0xdbff)) if is_low(rest.get(6..)) => 12,
            (b'\\', Some(0xd800..=0xdfff)) => {
                mended.extend_from_slice(REPLACEMENT);
                is_mended = true;
                rest = rest.get(6..).unwrap_or_default();
                continue;
            }
            (b'\\', Some(_)) => 6,
            (b'\\', None) if !tail.is_empty() => 2,
            _ => 1,
        };
        mended.extend_from_slice(rest.get(..length).unwrap_or(rest));
        rest = rest.get(length..).unwrap_or_default();
    }
    if is_mended { Cow::Owned(mended) } else { Cow::Borrowed(body) }
}

fn is_low(text: Option<&[u8]>) -> bool {
    matches!(text.and_then(unit), Some(0xdc00..=0xdfff))
}

/// The unit that an escape at the start of a text stands for.
fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    u16::from_str_radix(std::str::from_utf8(digits).ok().filter(|_| is_hex)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    fn cleaned(body: &[u8]) -> Cleaned {
        let policy = Policy::parse(b"{}").unwrap();
        let request = PreviewRequest { host: None, url: Some("https://a.example/x".to_owned()) };
        clean(body, &request, &policy.preview.settings)
    }

    #[test]
    fn what_is_right_stays_as_it_came() {
        for body in [
            &b""[..],
            b"{}",
            b" {\n\t\"title\" : \"\\u0061\\ud83d\\ude00\" }\n",
            b"\xef\xbb\xbf{\"url\":\"https://a.example\"}",
            br#"{"error":{"message":"Failed to get preview","code":"URL_PREVIEW_FAILED","id":"09d01cb5-53b9-4856-82e5-38a50c290a3b"}}"#,
            br#"{"title":"\\ud83d"}"#,
        ] {
            assert_eq!(cleaned(body), Cleaned::default(), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn what_nobody_can_read_is_empty() {
        let large = [&b"{\"title\":\""[..], &b"a".repeat(MAX_PREVIEW_BYTES), b"\"}"].concat();
        for body in [
            &b" "[..],
            b"null",
            b"[]",
            b"7",
            b"{",
            b"{}{}",
            b"{\"a\":1,\"a\":1}",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":NaN}",
            b"<html>",
            b"\x1f\x8b\x08",
            &large,
        ] {
            let cleaned = cleaned(body);
            assert_eq!(cleaned.changes, [Change::Unparsable]);
            let text = String::from_utf8(cleaned.body.unwrap()).unwrap();
            assert!(
                text.starts_with(r#"{"title":"https://a.example/x","icon":null,"#)
                    && text.ends_with(r#","url":"https://a.example/x"}"#),
                "{text}"
            );
        }
        let policy = Policy::parse(b"{}").unwrap();
        let nothing = clean(b"[]", &PreviewRequest::default(), &policy.preview.settings);
        assert!(String::from_utf8(nothing.body.unwrap()).unwrap().ends_with(r#""url":null}"#));
    }

    #[test]
    fn halves_of_characters_are_mended() {
        for (given, expected) in [
            (r#"{"title":"\ud83d..."}"#, r#"{"title":"�..."}"#),
            (r#"{"title":"\uDE00\uD83D\uD83D\uDE00\udbff"}"#, r#"{"title":"��😀�"}"#),
            (r#"{"title":"\\\ud83d\\ud83d"}"#, r#"{"title":"\\�\\ud83d"}"#),
        ] {
            let cleaned = cleaned(given.as_bytes());
            assert_eq!(cleaned.changes, [Change::Text], "{given}");
            assert_eq!(String::from_utf8(cleaned.body.unwrap()).unwrap(), expected);
        }
        assert_eq!(cleaned(br#"{"title":"\ud83"}"#).changes, [Change::Unparsable]);
        assert_eq!(cleaned(br#"{"title":"\u+83d\ud83d"}"#).changes, [Change::Unparsable]);
    }

    #[test]
    fn each_change_has_a_word() {
        for (index, change) in Change::ALL.iter().enumerate() {
            assert!(!Change::ALL.iter().skip(index + 1).any(|other| other.as_str() == change.as_str()));
        }
    }
}
