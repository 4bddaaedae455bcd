//! Where a URL leads that is written however people write URLs: for references that decide nothing, but that a server may follow.

use std::borrow::Cow;

use super::origin::{Host, MAX_HOST_BYTES, Origin};

/// Where a server that follows a reference ends up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Nowhere: it is no web URL for any parser.
    Nowhere,
    /// At a host of the public Internet.
    Public,
    /// At an address or name that no public server has.
    Private,
    /// At a host behind userinfo, which is how people are misled.
    Userinfo,
    /// Parsers disagree.
    Unclear,
}

impl Destination {
    /// Reads a reference as leniently as the most lenient server: white space and invisible characters around it and tabs and
    /// line breaks within are ignored, backslashes are slashes, a reference without scheme or host is on the host of whoever sent it.
    pub fn of(raw: &str) -> Self {
        if let Ok(origin) = Origin::parse(raw) {
            return Self::at(&origin.host);
        }
        let cleaned: String = raw.chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect();
        let blank =
            |c: char| c <= ' ' || c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2060}');
        let cleaned = cleaned.trim_matches(blank);
        if !is_web(cleaned) {
            return Self::Nowhere;
        }
        // Everybody refuses a longer host, and IDNA would take long to.
        if authority(cleaned).len() > MAX_HOST_BYTES {
            return Self::Unclear;
        }
        let relative = |_| url::Url::parse("https://sender.example/").and_then(|base| base.join(cleaned));
        let Ok(url) = url::Url::parse(cleaned).or_else(relative) else {
            return Self::Unclear;
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Self::Userinfo;
        }
        match url.host() {
            None => Self::Unclear,
            Some(url::Host::Ipv4(_) | url::Host::Ipv6(_)) => Self::Private,
            Some(url::Host::Domain(name)) => Self::at(&Host::Name(Cow::Borrowed(name.trim_end_matches('.')))),
        }
    }

    fn at(host: &Host<'_>) -> Self {
        if host.is_private() { Self::Private } else { Self::Public }
    }
}

/// Whether some parser would take the text for a web URL, or for a reference relative to one.
pub fn is_web(raw: &str) -> bool {
    raw.starts_with(['/', '\\']) || raw.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http"))
}

/// What may be the authority of a web URL, however many slashes stand before it.
fn authority(url: &str) -> &str {
    let rest = url.split_once(':').map_or(url, |(_, rest)| rest);
    rest.trim_start_matches(['/', '\\']).split(['/', '\\', '?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_like_the_most_lenient() {
        let private = "http://169.254.169.254/latest";
        let long = "a".repeat(2048);
        for raw in [
            private.to_owned(),
            format!("{private}#a#b"),
            format!("{private}{long}"),
            format!("{private}?\\"),
            "ht\ntp://169.254.169.254/".to_owned(),
            "h\tttps://10.0.0.1/".to_owned(),
            "//169.254.169.254/x".to_owned(),
            "/\\169.254.169.254/x".to_owned(),
            "\\\\10.0.0.1\\x".to_owned(),
            format!("\u{feff}{private}"),
            format!("\u{2060}{private} "),
            "https://0x7f.1/".to_owned(),
            "https://LOCALHOST./".to_owned(),
            "https:127.0.0.1".to_owned(),
        ] {
            assert_eq!(Destination::of(&raw), Destination::Private, "{raw:?}");
        }
        for raw in [
            "https://B.example/u",
            "https://b.example:8443/u ",
            "/relative",
            "https://日本語.example/",
            "http://b.example.",
        ] {
            assert_eq!(Destination::of(raw), Destination::Public, "{raw}");
        }
        for raw in ["", "acct:a@b.example", "tag:b.example,2001:1", "did:key:z6", "as:Public", "relative"] {
            assert_eq!(Destination::of(raw), Destination::Nowhere, "{raw}");
        }
        assert_eq!(Destination::of("https://b.example@c.example/"), Destination::Userinfo);
        for raw in ["http://[fe80::1%25eth0]/", "https://a b/", &format!("https://xn--{long}.jp")] {
            assert_eq!(Destination::of(raw), Destination::Unclear, "{raw}");
        }
    }
}
