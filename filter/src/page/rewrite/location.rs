//! The URL that a browser would load for an attribute.

use url::Url;

use super::Page;

/// Stands for the page's origin where that is unknown; nothing is ever loaded from it.
const UNKNOWN_ORIGIN: &str = "https://origin.invalid";

/// The most `<base>` elements that are considered.
const MAX_BASES: usize = 4;

/// Where the page is, and what else its URLs may be relative to.
#[derive(Debug)]
pub(super) struct Location {
    is_origin_known: bool,
    page: Url,
    /// One for each `<base href>` so far. Which of them counts is for the browser (and the page's `base-uri`) to say.
    bases: Vec<Url>,
}

/// A URL of the page, as a manifest may know it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Path and query, if it is of the page's own origin.
    pub(super) path: Option<String>,
    /// The whole URL.
    pub(super) url: String,
}

impl Location {
    pub(super) fn new(page: &Page<'_>) -> Option<Self> {
        let origin = page.origin.and_then(|origin| Url::parse(origin).ok());
        let origin = origin.filter(|url| matches!(url.scheme(), "http" | "https"));
        let is_origin_known = origin.is_some();
        let mut url = origin.or_else(|| Url::parse(UNKNOWN_ORIGIN).ok())?;
        let (path, query) = page.path.split_once('?').map_or((page.path, None), |(path, query)| (path, Some(query)));
        url.set_path(path);
        url.set_query(query);
        url.set_fragment(None);
        Some(Self { is_origin_known, page: url, bases: Vec::new() })
    }

    /// The URL that an attribute means, or `None` if that is not certain.
    pub(super) fn resolve(&self, value: &str) -> Option<Target> {
        let value = decode(value)?;
        if value.trim_matches(|c: char| c <= ' ').is_empty() {
            return None;
        }
        let mut url = self.page.join(&value).ok()?;
        if self.bases.iter().any(|base| base.join(&value).ok().as_ref() != Some(&url)) {
            return None;
        }
        let is_own = url.origin() == self.page.origin();
        // Without the origin, the scheme is not known either, and `//host/x` has the page's.
        if !self.is_origin_known && !is_own && Url::parse(&value).is_err() {
            return None;
        }
        url.set_fragment(None);
        let path = is_own
            .then(|| url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path())));
        Some(Target { path, url: url.into() })
    }

    /// Takes note of a `<base href>`; false if it cannot be read.
    pub(super) fn add_base(&mut self, value: &str) -> bool {
        let base = decode(value).and_then(|value| self.page.join(&value).ok());
        let base = base.filter(|_| self.bases.len() < MAX_BASES);
        let is_read = base.is_some();
        self.bases.extend(base);
        is_read
    }

    /// Whether a path from the root is one of the page's own origin: not below a `<base>` of another.
    pub(super) fn is_root_own(&self) -> bool {
        self.bases.iter().all(|base| base.origin() == self.page.origin())
    }
}

/// An attribute's text with `&amp;` and numeric references to printable ASCII decoded; `None` if it may hold another character reference,
/// or is not plain ASCII.
///
/// A named reference without its semicolon is none in an attribute if `=` or an alphanumeric follows (HTML, section 13.2.5.73), so the `&b=`
/// of a query is what it seems to be.
fn decode(value: &str) -> Option<String> {
    if !value.is_ascii() || value.contains('\0') {
        return None;
    }
    let mut parts = value.split('&');
    let mut decoded = parts.next()?.to_owned();
    for part in parts {
        if let Some(number) = part.strip_prefix('#') {
            let (number, rest) = number.split_once(';')?;
            decoded.push(numeric(number)?);
            decoded.push_str(rest);
            continue;
        }
        decoded.push('&');
        let name_end = part.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(part.len());
        let (name, rest) = part.split_at_checked(name_end)?;
        match (name, rest.chars().next()) {
            ("amp", Some(';')) => decoded.push_str(rest.strip_prefix(';')?),
            ("", _) | (_, Some('=')) => decoded.push_str(part),
            _ => return None,
        }
    }
    Some(decoded)
}

/// The character of `38` or `x26`.
fn numeric(number: &str) -> Option<char> {
    let (digits, radix) = number.strip_prefix(['x', 'X']).map_or((number, 10), |hex| (hex, 16));
    // `from_str_radix` takes a sign.
    let code = digits.chars().all(|c| c.is_digit(radix)).then(|| u8::from_str_radix(digits, radix).ok())?;
    code.filter(u8::is_ascii_graphic).map(char::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Page<'_> = Page { origin: Some("https://social.example"), path: "/notes/1?q=/x" };

    fn path(location: &Location, value: &str) -> Option<String> {
        location.resolve(value).map(|target| target.path.unwrap_or(target.url))
    }

    #[test]
    fn what_a_browser_loads() {
        let location = Location::new(&PAGE).unwrap();
        for (value, expected) in [
            ("/a.js", Some("/a.js")),
            (" \t\n/a.js\r\n", Some("/a.js")),
            ("/a\n.js", Some("/a.js")),
            ("/a.js#x", Some("/a.js")),
            ("/a.js?v=1#x", Some("/a.js?v=1")),
            ("/a.js?v=1&amp;w=2", Some("/a.js?v=1&w=2")),
            ("/a.js?v=1&w=2", Some("/a.js?v=1&w=2")),
            ("/a.js?v=1&&w", None),
            ("/a.js?v=1&copy", None),
            ("/a.js?v=1&copy;", None),
            ("/a.js?v=1&copy=2", Some("/a.js?v=1&copy=2")),
            ("&#47;a.js", Some("/a.js")),
            ("&#X2F;a.js", Some("/a.js")),
            ("/a.js?v=1&#038;w=2&", Some("/a.js?v=1&w=2&")),
            ("/a.js?&#38;amp;", Some("/a.js?&amp;")),
            ("&#47a.js", None),
            ("&#+47;a.js", None),
            ("&#;a.js", None),
            ("&#x;a.js", None),
            ("&#0;/a.js", None),
            ("&#303;/a.js", None),
            ("&#10;/a.js", None),
            ("&sol;a.js", None),
            ("a.js", Some("/notes/a.js")),
            ("./a.js", Some("/notes/a.js")),
            ("../a.js", Some("/a.js")),
            ("/x/../a.js", Some("/a.js")),
            ("\\a.js", Some("/a.js")),
            ("https://social.example/a.js", Some("/a.js")),
            ("https://social.example:443/a.js", Some("/a.js")),
            ("HTTPS://SOCIAL.example/a.js", Some("/a.js")),
            ("//social.example/a.js", Some("/a.js")),
            ("https:/a.js", Some("/a.js")),
            ("http://social.example/a.js", Some("http://social.example/a.js")),
            ("https://social.example:8443/a.js", Some("https://social.example:8443/a.js")),
            ("//cdn.example/a.js", Some("https://cdn.example/a.js")),
            ("data:,1", Some("data:,1")),
            ("", None),
            (" ", None),
            ("https://", None),
            ("/\0", None),
            ("/\u{e9}.js", None),
            ("?x", Some("/notes/1?x")),
        ] {
            assert_eq!(path(&location, value).as_deref(), expected, "{value:?}");
        }
    }

    #[test]
    fn an_unknown_origin_is_no_origin() {
        let location = Location::new(&Page { origin: None, path: "//evil.example/x/" }).unwrap();
        for (value, expected) in [
            ("/a.js", Some("/a.js")),
            ("https://cdn.example/a.js", Some("https://cdn.example/a.js")),
            ("//cdn.example/a.js", None),
        ] {
            assert_eq!(path(&location, value).as_deref(), expected, "{value:?}");
        }
        assert!(!Location::new(&Page { origin: Some("blob:x"), path: "/" }).unwrap().is_origin_known);
    }

    #[test]
    fn under_a_base_only_what_it_does_not_change() {
        for (base, relative, root, is_root_own) in [
            ("/", None, Some("/a.js"), true),
            ("/notes/", Some("/notes/a.js"), Some("/a.js"), true),
            ("https://cdn.example/", None, None, false),
        ] {
            let mut location = Location::new(&PAGE).unwrap();
            assert!(location.add_base(base));
            assert_eq!(path(&location, "a.js").as_deref(), relative, "{base}");
            assert_eq!(path(&location, "/a.js").as_deref(), root, "{base}");
            assert_eq!(path(&location, "https://social.example/a.js").as_deref(), Some("/a.js"), "{base}");
            assert_eq!(location.is_root_own(), is_root_own);
        }
        let mut location = Location::new(&PAGE).unwrap();
        assert!(!location.add_base("&sol;"));
        assert!((0..MAX_BASES).all(|_| location.add_base("/")));
        assert!(!location.add_base("/"));
    }
}
