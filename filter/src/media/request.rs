//! What a request asks for, by its target: the source and the flags.

mod signature;

use std::borrow::Cow;
use std::fmt;

use url::Url;

use super::plan::{Flags, Preset};
use crate::media_settings::SigningKey;

/// The longest target that is read, in bytes. In a query, a byte of the source may take three.
pub const MAX_TARGET_BYTES: usize = 32 * 1024;

/// The longest source, in bytes of its ASCII form.
pub const MAX_SOURCE_BYTES: usize = 8 * 1024;

/// A request that can be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaRequest {
    /// What to fetch: an absolute `http` or `https` URL without a fragment. Whether it may be fetched is for `net` to say.
    pub source: Url,
    /// What to make of it.
    pub flags: Flags,
}

/// What tells answers apart: requests with the same key have the same answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheKey {
    /// The source in its canonical form.
    pub source: String,
    /// What is made of it.
    pub preset: Preset,
}

/// Why a request is refused before anything is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// The target or the source is too long.
    TooLong,
    /// `url` is there more than once.
    RepeatedUrl,
    /// The source is no text in UTF-8.
    NotText,
    /// The source is no absolute `http` or `https` URL.
    NotAbsolute,
    /// The signature is missing, repeated or wrong.
    Signature,
}

/// What of the policy decides about targets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules<'s> {
    /// The key by which targets must be signed, if they must.
    pub signing_key: Option<&'s SigningKey>,
}

impl MediaRequest {
    /// Reads a request target, path and query. The last segment of a path is cosmetic where the query has `url`: so it is at `/proxy/`, at the root, and
    /// below any other path that a media host may have.
    ///
    /// # Errors
    /// [`RequestError`], for the first reason found.
    pub fn parse(target: &[u8], rules: &Rules<'_>) -> Result<Self, RequestError> {
        if target.len() > MAX_TARGET_BYTES {
            return Err(RequestError::TooLong);
        }
        let target = target.split(|byte| *byte == b'#').next().unwrap_or_default();
        let mut parts = target.splitn(2, |byte| *byte == b'?');
        let path = parts.next().unwrap_or_default();
        let query = Query::read(parts.next().unwrap_or_default())?;
        let text = match &query.url {
            Some(url) => url.clone(),
            None => {
                let remainder = path.strip_prefix(b"/proxy/").or_else(|| path.strip_prefix(b"/")).unwrap_or(path);
                format!("https://{}", decode(remainder, false)?)
            }
        };
        if let Some(key) = rules.signing_key {
            let is_signed = query.signature.is_some_and(|given| signature::is_valid(key, query.flags, &text, &given));
            if !is_signed {
                return Err(RequestError::Signature);
            }
        }
        Ok(Self { source: source(&text)?, flags: query.flags })
    }

    /// Whether a target, even one that cannot be read otherwise, asks for a placeholder instead of an error.
    pub fn wants_fallback(target: &[u8]) -> bool {
        let target = target.split(|byte| *byte == b'#').next().unwrap_or_default();
        let query = target.splitn(2, |byte| *byte == b'?').nth(1).unwrap_or_default();
        let names = query.split(|byte| *byte == b'&').filter_map(|one| one.split(|byte| *byte == b'=').next());
        names.into_iter().any(|name| *percent_decode(name, true) == *b"fallback")
    }

    /// The key under which the answer is kept.
    pub fn cache_key(&self) -> CacheKey {
        CacheKey { source: self.source.as_str().to_owned(), preset: self.flags.preset() }
    }

    /// What whoever has the key puts into `sig`: in hexadecimal, the HMAC-SHA256 of the flags in alphabetical order, joined by commas, a line feed, and
    /// the URL as it is before it is percent-encoded.
    pub fn sign(key: &SigningKey, flags: Flags, url: &str) -> String {
        signature::hex(key, flags, url)
    }
}

fn source(text: &str) -> Result<Url, RequestError> {
    let mut url = Url::parse(text).map_err(|_| RequestError::NotAbsolute)?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(RequestError::NotAbsolute);
    }
    url.set_fragment(None);
    if url.as_str().len() > MAX_SOURCE_BYTES {
        return Err(RequestError::TooLong);
    }
    Ok(url)
}

/// The parameters that mean something; all others are ignored, `origin` among them.
#[derive(Debug, Default)]
struct Query {
    url: Option<String>,
    signature: Option<String>,
    flags: Flags,
}

impl Query {
    fn read(query: &[u8]) -> Result<Self, RequestError> {
        let mut read = Self::default();
        for parameter in query.split(|byte| *byte == b'&') {
            let mut parts = parameter.splitn(2, |byte| *byte == b'=');
            let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            // A name that is no text is none of these.
            let Ok(name) = decode(name, true) else { continue };
            match &*name {
                "url" if read.url.is_some() => return Err(RequestError::RepeatedUrl),
                "url" => read.url = Some(decode(value, true)?.into_owned()),
                "sig" if read.signature.is_some() => return Err(RequestError::Signature),
                "sig" => read.signature = Some(decode(value, true)?.into_owned()),
                name => read.flag(name),
            }
        }
        Ok(read)
    }

    fn flag(&mut self, name: &str) {
        let flags = &mut self.flags;
        let flag = match name {
            "emoji" => &mut flags.emoji,
            "avatar" => &mut flags.avatar,
            "static" => &mut flags.still,
            "preview" => &mut flags.preview,
            "badge" => &mut flags.badge,
            "fallback" => &mut flags.fallback,
            _ => return,
        };
        *flag = true;
    }
}

/// The text that is meant by percent-encoded bytes.
fn decode(bytes: &[u8], is_form: bool) -> Result<Cow<'_, str>, RequestError> {
    let text = match percent_decode(bytes, is_form) {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).ok(),
        Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).ok(),
    };
    text.ok_or(RequestError::NotText)
}

/// Undoes percent-encoding once, and in a query the `+` of forms. What is no escape stays as it is.
pub(super) fn percent_decode(bytes: &[u8], is_form: bool) -> Cow<'_, [u8]> {
    let escaped = |byte: &u8| *byte == b'%' || (is_form && *byte == b'+');
    if !bytes.iter().any(escaped) {
        return Cow::Borrowed(bytes);
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, next)) = rest.split_first() {
        let escape = next.split_at_checked(2).and_then(|(digits, after)| Some((hex_byte(digits)?, after)));
        let (value, after) = match (byte, escape) {
            (b'%', Some(escape)) => escape,
            (b'+', _) if is_form => (b' ', next),
            (byte, _) => (*byte, next),
        };
        decoded.push(value);
        rest = after;
    }
    Cow::Owned(decoded)
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let value = |digit: &u8| char::from(*digit).to_digit(16);
    let [high, low] = digits else { return None };
    u8::try_from(value(high)? << 4 | value(low)?).ok()
}

impl RequestError {
    /// A stable name for metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::TooLong => "request_too_long",
            Self::RepeatedUrl => "repeated_url",
            Self::NotText => "url_not_text",
            Self::NotAbsolute => "url_not_absolute",
            Self::Signature => "signature",
        }
    }

    /// The status to answer with.
    pub fn status(self) -> u16 {
        match self {
            Self::TooLong => 414,
            Self::RepeatedUrl | Self::NotText | Self::NotAbsolute => 400,
            Self::Signature => 403,
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for RequestError {}

#[cfg(test)]
mod tests;
