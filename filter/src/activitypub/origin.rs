//! The origin of a reference: scheme, host and port (RFC 6454, FEP-fe34).
//!
//! Two servers that disagree about the host of an URL are how notes get forged, so a reference has an origin only when its
//! text leaves nothing to interpret: `http` or `https` in lower case, `//`, a host in its normal form, perhaps a port. What the
//! WHATWG parser would repair (backslashes, tabs, missing slashes, userinfo, percent-encoded or mixed-case hosts, IPv4 in
//! octal) is refused instead of repaired.

use std::borrow::Cow;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest reference that is read, in bytes. Misskey stores at most 512 characters of an id.
pub const MAX_REFERENCE_BYTES: usize = 2048;

/// The longest host that is read, in bytes as written: 253 in ASCII, more in Unicode.
pub const MAX_HOST_BYTES: usize = 512;

/// Scheme, host and port. Two references are same-origin when these are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// `https`, or `http`, which is another origin: there is no downgrade.
    pub scheme: Scheme,
    /// The host in its normal form.
    pub host: Host<'a>,
    /// The port, with the scheme's default filled in.
    pub port: u16,
}

/// The schemes that ActivityPub ids use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

impl Scheme {
    /// The port that an URL of this scheme means when it names none.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// The host of an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host<'a> {
    /// A registered name in ASCII (A-labels), lower case, without a trailing dot.
    Name(Cow<'a, str>),
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address.
    Ipv6(Ipv6Addr),
}

impl Host<'_> {
    /// Whether no server on the public Internet can have this host: an IP literal, a name without a dot or whose last label is no
    /// top-level domain (letters, or an A-label), or a name under a suffix that is reserved for local use.
    pub fn is_private(&self) -> bool {
        match self {
            Self::Ipv4(_) | Self::Ipv6(_) => true,
            Self::Name(name) => match name.rsplit_once('.') {
                None => true,
                Some((rest, top)) => {
                    let is_top_level = top.bytes().all(|byte| byte.is_ascii_lowercase()) || top.starts_with("xn--");
                    !is_top_level
                        || LOCAL_TOP_LABELS.contains(&top)
                        || (top == "arpa" && (rest == "home" || rest.ends_with(".home")))
                }
            },
        }
    }
}

/// Top labels that never name a public server: RFC 6761 (`localhost`), RFC 6762 (`local` and the names of its appendix G),
/// ICANN resolution 2024.07.29.06 (`internal`).
const LOCAL_TOP_LABELS: [&str; 9] =
    ["localhost", "local", "internal", "intranet", "private", "corp", "home", "lan", "localdomain"];

/// Why a reference has no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// Longer than [`MAX_REFERENCE_BYTES`].
    TooLong,
    /// Not an `http` or `https` URL with `//`, in lower case.
    Scheme,
    /// An ASCII control character, a space at an end, or a backslash anywhere.
    Character,
    /// A user name or password before the host.
    Userinfo,
    /// No host, or one that is no host.
    Host,
    /// A host that is not in its normal form: upper case, percent-encoded, full-width, octal, with a trailing dot.
    HostForm,
    /// A port that is no number from 1 to 65535, or has leading zeros.
    Port,
    /// More than one `#`.
    Fragment,
}

impl UrlError {
    /// A short stable text for logs and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "URL too long",
            Self::Scheme => "not an http(s) URL",
            Self::Character => "control character, space or backslash in URL",
            Self::Userinfo => "userinfo in URL",
            Self::Host => "no valid host in URL",
            Self::HostForm => "host is not in its normal form",
            Self::Port => "no valid port in URL",
            Self::Fragment => "more than one fragment in URL",
        }
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<'a> Origin<'a> {
    /// Reads the origin of an absolute URL.
    ///
    /// # Errors
    /// [`UrlError`] when any two parsers could disagree about it.
    pub fn parse(url: &'a str) -> Result<Self, UrlError> {
        Self::parse_plain(url).map_or_else(|| Self::parse_any(url), Ok)
    }

    /// Reads what nearly all references look like, in one pass: `https://`, a plain name, and a path without anything odd.
    fn parse_plain(url: &'a str) -> Option<Self> {
        let rest = url.strip_prefix("https://").filter(|_| url.len() <= MAX_REFERENCE_BYTES)?;
        let end = rest.bytes().position(|byte| byte == b'/').unwrap_or(rest.len());
        let (host, path) = rest.split_at_checked(end)?;
        let mut fragments = 0_u8;
        let odd = path.bytes().any(|byte| {
            fragments = fragments.saturating_add(u8::from(byte == b'#'));
            byte <= b' ' || byte == 0x7f || byte == b'\\'
        });
        if odd || fragments > 1 || !is_plain_name(host) {
            return None;
        }
        Some(Self { scheme: Scheme::Https, host: Host::Name(Cow::Borrowed(host)), port: Scheme::Https.default_port() })
    }

    fn parse_any(url: &'a str) -> Result<Self, UrlError> {
        if url.len() > MAX_REFERENCE_BYTES {
            return Err(UrlError::TooLong);
        }
        if url.bytes().any(|byte| byte < b' ' || byte == 0x7f || byte == b'\\')
            || url.starts_with(' ')
            || url.ends_with(' ')
        {
            return Err(UrlError::Character);
        }
        if url.bytes().filter(|&byte| byte == b'#').count() > 1 {
            return Err(UrlError::Fragment);
        }
        let (scheme, rest) = if let Some(rest) = url.strip_prefix("https://") {
            (Scheme::Https, rest)
        } else if let Some(rest) = url.strip_prefix("http://") {
            (Scheme::Http, rest)
        } else {
            return Err(UrlError::Scheme);
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(UrlError::Userinfo);
        }
        let (host, port) = split_port(authority)?;
        Ok(Self { scheme, host: parse_host(host)?, port: port.unwrap_or_else(|| scheme.default_port()) })
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), UrlError> {
    let after_address = authority.rfind(']').map_or(0, |at| at.saturating_add(1));
    let Some(colon) =
        authority.get(after_address..).and_then(|tail| tail.rfind(':')).map(|at| at.saturating_add(after_address))
    else {
        return Ok((authority, None));
    };
    let (host, port) = authority.split_at_checked(colon).ok_or(UrlError::Host)?;
    let port = port.strip_prefix(':').ok_or(UrlError::Port)?;
    if port.starts_with('0') || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UrlError::Port);
    }
    port.parse().map_or(Err(UrlError::Port), |port| Ok((host, Some(port))))
}

fn parse_host(host: &str) -> Result<Host<'_>, UrlError> {
    if is_plain_name(host) {
        return Ok(Host::Name(Cow::Borrowed(host)));
    }
    if host.len() > MAX_HOST_BYTES {
        return Err(UrlError::Host);
    }
    match url::Host::parse(host) {
        Err(_) => Err(UrlError::Host),
        Ok(url::Host::Ipv4(address)) if address.to_string() == host => Ok(Host::Ipv4(address)),
        // Only the brackets are compared by hand: the many spellings of one IPv6 address are all literals, and equal.
        Ok(url::Host::Ipv6(address)) => Ok(Host::Ipv6(address)),
        Ok(url::Host::Domain(name)) if is_normal_form(host, &name) => Ok(Host::Name(Cow::Owned(name))),
        Ok(_) => Err(UrlError::HostForm),
    }
}

/// Whether the host is an ASCII name about which all parsers agree, so that IDNA need not look at it: labels of lower-case
/// letters, digits, `-` and `_` (seen in real host names), none empty, none an A-label, and the last one not a number.
fn is_plain_name(host: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    let mut last = "";
    for label in host.split('.') {
        if label.is_empty() || label.len() > 63 || !label.bytes().all(plain) || label.starts_with("xn--") {
            return false;
        }
        last = label;
    }
    host.len() <= 253 && last.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
}

/// Whether `host` is the ASCII form `name`, or the Unicode form that `name` decodes to.
fn is_normal_form(host: &str, name: &str) -> bool {
    let labels_fit = name.len() <= 253 && name.split('.').all(|label| (1..=63).contains(&label.len()));
    let ldh = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    let (unicode, decoded) = idna::domain_to_unicode(name);
    // Characters that IDNA 2003 maps to others, or to nothing, and IDNA 2008 keeps (UTS #46 section 1.2): two hosts for two readers.
    let deviates = unicode.contains(['ß', 'ς', '\u{200c}', '\u{200d}']);
    labels_fit && name.bytes().all(ldh) && !deviates && (host == name || (decoded.is_ok() && host == unicode))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn host_of(url: &str) -> String {
        match Origin::parse(url).unwrap().host {
            Host::Name(name) => name.into_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        }
    }

    #[test]
    fn reads_the_origins_of_real_ids() {
        assert_eq!(
            Origin::parse("https://mastodon.social/users/a#likes/1"),
            Ok(Origin { scheme: Scheme::Https, host: Host::Name(Cow::Borrowed("mastodon.social")), port: 443 })
        );
        assert_eq!(Origin::parse("https://a.example:443/"), Origin::parse("https://a.example"));
        assert_ne!(Origin::parse("https://a.example:444/"), Origin::parse("https://a.example"));
        assert_ne!(Origin::parse("http://a.example:443/"), Origin::parse("https://a.example"));
        assert_eq!(Origin::parse("http://localhost:47301/alpha").unwrap().port, 47301);
        assert_eq!(host_of("https://xn--wgv71a119e.example/u"), "xn--wgv71a119e.example");
        assert_eq!(host_of("https://日本語.example/u"), "xn--wgv71a119e.example");
        assert_eq!(host_of("https://a.example?x=/../@b.example"), "a.example");
        assert_eq!(host_of("http://[::1]:80/a"), "::1");
        assert_eq!(host_of("http://127.0.0.1"), "127.0.0.1");
        assert_eq!(host_of("https://a.example/users/太郎"), "a.example");
    }

    #[test]
    fn refuses_what_parsers_repair() {
        for (url, error) in [
            ("", UrlError::Scheme),
            ("https:a.example/u", UrlError::Scheme),
            ("HTTPS://a.example/u", UrlError::Scheme),
            ("ftp://a.example/u", UrlError::Scheme),
            ("javascript:alert(1)", UrlError::Scheme),
            ("//a.example/u", UrlError::Scheme),
            ("https://", UrlError::Host),
            ("https:///a.example", UrlError::Host),
            ("https://?a.example", UrlError::Host),
            ("https://a.example\\@b.example/", UrlError::Character),
            ("https://a.exa\tmple/", UrlError::Character),
            ("https://a.example/\n", UrlError::Character),
            (" https://a.example/", UrlError::Character),
            ("https://a.example/ ", UrlError::Character),
            ("https://a.example@b.example/", UrlError::Userinfo),
            ("https://u:p@b.example/", UrlError::Userinfo),
            ("https://@b.example/", UrlError::Userinfo),
            ("https://A.example/u", UrlError::HostForm),
            ("https://%61.example/u", UrlError::HostForm),
            ("https://a.example./u", UrlError::HostForm),
            ("https://ａ.example/u", UrlError::HostForm),
            ("https://a。example/u", UrlError::HostForm),
            ("https://Ⅷ.example/u", UrlError::HostForm),
            ("https://a\u{ad}.example/u", UrlError::HostForm),
            ("https://faß.example/u", UrlError::HostForm),
            ("https://xn--fa-hia.example/u", UrlError::HostForm),
            ("https://a.example;.b.example/u", UrlError::HostForm),
            ("https://a.example&.b.example/u", UrlError::HostForm),
            ("https://a..example/u", UrlError::HostForm),
            ("https://.example/u", UrlError::HostForm),
            ("https://2130706433/u", UrlError::HostForm),
            ("https://0x7f.1/u", UrlError::HostForm),
            ("https://0177.0.0.1/u", UrlError::HostForm),
            ("https://127.1/u", UrlError::HostForm),
            ("https://1.2.3.4.5/u", UrlError::Host),
            ("https://a b.example/u", UrlError::Host),
            ("https://a<b.example/u", UrlError::Host),
            ("https://xn--a.example/u", UrlError::Host),
            ("https://[::1", UrlError::Host),
            ("https://[::1]x/", UrlError::Host),
            ("https://a.example:/u", UrlError::Port),
            ("https://a.example:0443/u", UrlError::Port),
            ("https://a.example:0/u", UrlError::Port),
            ("https://a.example:65536/u", UrlError::Port),
            ("https://a.example:+443/u", UrlError::Port),
            ("https://a.example:44a/u", UrlError::Port),
            ("https://a.example/#a#b", UrlError::Fragment),
        ] {
            assert_eq!(Origin::parse(url), Err(error), "{url:?}");
        }
        let long = format!("https://a.example/{}", "a".repeat(MAX_REFERENCE_BYTES));
        assert_eq!(Origin::parse(&long), Err(UrlError::TooLong));
        let label = format!("https://{}.example/", "a".repeat(64));
        assert!(Origin::parse(&label).is_err());
    }

    #[test]
    fn knows_names_that_are_not_public() {
        for private in [
            "https://127.0.0.1/",
            "https://8.8.8.8/",
            "https://[2001:db8::1]/",
            "https://localhost/",
            "https://a.localhost/",
            "https://mastodon.local/",
            "https://db/",
            "https://db.internal/",
            "https://nas.home.arpa/",
            "https://redis.misskey_default/",
            "https://a.localdomain6/",
            "https://home.arpa/",
            "https://pc.lan/",
        ] {
            assert!(Origin::parse(private).unwrap().host.is_private(), "{private}");
        }
        for public in [
            "https://mastodon.social/",
            "https://a.example/",
            "https://日本語.jp/",
            "https://local.example/",
            "https://myhome.arpa/",
            "https://a.xn--p1ai/",
        ] {
            assert!(!Origin::parse(public).unwrap().host.is_private(), "{public}");
        }
    }

    proptest! {
        /// Whatever is read here, the WHATWG parser reads the same: it never has another host.
        #[test]
        fn agrees_with_the_url_standard(
            url in r"https?://[a-zA-Z0-9.\-_@:%\[\]/?#\\ ａéß日。]{0,24}(/[ -~]{0,8})?"
        ) {
            if let Some(plain) = Origin::parse_plain(&url) {
                prop_assert_eq!(Origin::parse_any(&url), Ok(plain));
            }
            if let Ok(origin) = Origin::parse(&url) {
                let standard = url::Url::parse(&url).unwrap();
                let host = match &origin.host {
                    Host::Name(name) => name.clone().into_owned(),
                    Host::Ipv4(address) => address.to_string(),
                    Host::Ipv6(address) => format!("[{address}]"),
                };
                prop_assert_eq!(standard.host_str(), Some(host.as_str()));
                prop_assert_eq!(standard.port_or_known_default(), Some(origin.port));
                prop_assert_eq!(standard.username(), "");
            }
        }
    }
}
