//! What a response is to a browser that opens it, by its media type and path.

use super::fields::Received;

/// How a response is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// A page of the server.
    Page,
    /// A document that must not run anything: files of users, answers of the API.
    Locked,
    /// Part of a page, such as a script. A policy there would be that of a worker.
    Part,
}

/// Media types that browsers run or load as a part of a page (essences in lower case). `nosniff` keeps them from being anything else.
const PARTS: &[&str] = &[
    "text/javascript",
    "application/javascript",
    "application/x-javascript",
    "text/ecmascript",
    "application/ecmascript",
    "text/css",
    "application/wasm",
    "text/event-stream",
];

impl Treatment {
    /// Whether it is a page.
    pub fn is_page(self) -> bool {
        self == Self::Page
    }

    /// Of a response of a type; `is_file`: where the files of users are. What has no type, or several, is locked: some browser might take it for a page.
    pub fn of(is_file: bool, content_type: Option<&[u8]>) -> Self {
        let essence = content_type.and_then(essence);
        match essence.as_deref() {
            // Browsers show it by a reader of their own, which a locked document has not.
            Some("application/pdf") => Self::Part,
            Some("text/html" | "application/xhtml+xml") if !is_file => Self::Page,
            Some(essence) if PARTS.contains(&essence) || essence.starts_with("font/") => {
                // A script that somebody uploaded: locked, it is useless even to a worker.
                if is_file { Self::Locked } else { Self::Part }
            }
            _ => Self::Locked,
        }
    }
}

/// The media type without parameters, in lower case; `None` when it is none, or several, which proxies write with a comma.
pub fn essence(value: &[u8]) -> Option<String> {
    let value = std::str::from_utf8(value).ok().filter(|value| !value.contains(','))?;
    let essence = value.split(';').next()?.trim_matches([' ', '\t']);
    let (top, sub) = essence.split_once('/')?;
    let is_token =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b));
    (is_token(top) && is_token(sub)).then(|| essence.to_ascii_lowercase())
}

/// Whether it is HTML, and not its XML form, which is another language to a parser.
pub fn is_html(content_type: Option<&[u8]>) -> bool {
    content_type.and_then(essence).as_deref() == Some("text/html")
}

/// The charset of a media type, if it names one.
pub fn charset(value: &[u8]) -> Option<&[u8]> {
    let mut parameters = value.split(|b| *b == b';').skip(1).map(<[u8]>::trim_ascii);
    let found = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_at_checked(8)?;
        name.eq_ignore_ascii_case(b"charset=").then_some(value)
    });
    found.map(|value| value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value))
}

/// Whether a body is as it was written: neither a part of it, nor encoded.
pub fn is_plain(status: u16, fields: Received<'_>) -> bool {
    let mut encodings = fields.all("content-encoding");
    status != 206
        && encodings
            .all(|encoding| encoding.trim_ascii().is_empty() || encoding.trim_ascii().eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests {
    use super::super::preset::Preset;
    use super::*;

    #[test]
    fn treatments() {
        for (path, content_type, expected) in [
            ("/", Some("text/html; charset=utf-8"), Treatment::Page),
            ("/", Some("TEXT/HTML"), Treatment::Page),
            ("/", Some("application/xhtml+xml"), Treatment::Page),
            ("/files/1", Some("text/html"), Treatment::Locked),
            ("/files/1", Some("text/javascript"), Treatment::Locked),
            ("/files/1", Some("image/svg+xml"), Treatment::Locked),
            ("/vite/a.js", Some("text/javascript; charset=utf-8"), Treatment::Part),
            ("/sw.js", Some("application/javascript"), Treatment::Part),
            ("/a.woff2", Some("font/woff2"), Treatment::Part),
            ("/api/meta", Some("application/json"), Treatment::Locked),
            ("/x", Some("text/xml"), Treatment::Locked),
            ("/x", Some("multipart/x-mixed-replace;boundary=x"), Treatment::Locked),
            ("/x", Some("text/html, text/plain"), Treatment::Locked),
            ("/x", Some("text/html; charset=utf-8,text/plain"), Treatment::Locked),
            ("/media/123", Some("text/html"), Treatment::Page),
            ("/x.pdf", Some("application/pdf"), Treatment::Part),
            ("/x", Some(""), Treatment::Locked),
            ("/x", None, Treatment::Locked),
        ] {
            let treatment = Treatment::of(Preset::Misskey.is_file(path), content_type.map(str::as_bytes));
            assert_eq!(treatment, expected, "{path} {content_type:?}");
        }
    }

    #[test]
    fn charsets() {
        for (value, expected) in [
            ("text/html; charset=utf-8", Some("utf-8")),
            ("text/html;Charset=\"UTF-8\"", Some("UTF-8")),
            ("text/html; boundary=x; charset=shift_jis", Some("shift_jis")),
            ("text/html", None),
            ("text/html; charset", None),
        ] {
            assert_eq!(charset(value.as_bytes()), expected.map(str::as_bytes), "{value}");
        }
    }
}
