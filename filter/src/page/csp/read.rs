//! Source expressions as browsers read them: the grammar of CSP3 section 2.3.1, and text for all else.

use super::{HashSource, HostSource, Keyword, Port, Source};

impl Source {
    /// Reads one as a browser does: what it does not know, it ignores.
    pub(super) fn read(text: &str) -> Self {
        if let Some(inner) = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
            let keyword = Keyword::ALL.iter().find(|keyword| keyword.as_str().eq_ignore_ascii_case(text));
            return match (keyword, hash(inner), nonce(inner)) {
                (Some(keyword), ..) => Self::Keyword(*keyword),
                (_, Some(hash), _) => Self::Hash(hash),
                (.., Some(nonce)) => Self::Nonce(nonce),
                _ => Self::Text(text.to_owned()),
            };
        }
        let scheme = text.strip_suffix(':').filter(|name| is_scheme(name)).map(str::to_ascii_lowercase);
        scheme.map(Self::Scheme).or_else(|| host(text).map(Self::Host)).unwrap_or_else(|| Self::Text(text.to_owned()))
    }
}

/// A hash source without its quotes.
pub(super) fn hash(inner: &str) -> Option<HashSource> {
    let (name, base64) = inner.split_once('-')?;
    let algorithm = ["sha256", "sha384", "sha512"].into_iter().find(|known| known.eq_ignore_ascii_case(name))?;
    is_base64(base64).then(|| HashSource { algorithm, base64: base64.to_owned() })
}

fn nonce(inner: &str) -> Option<String> {
    let (name, value) = inner.split_once('-')?;
    (name.eq_ignore_ascii_case("nonce") && is_base64(value)).then(|| value.to_owned())
}

/// `base64-value`: both alphabets, one digit at least, two `=` at most.
fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let padding = text.len().saturating_sub(digits.len());
    let is_digit = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_');
    !digits.is_empty() && padding <= 2 && digits.bytes().all(is_digit)
}

fn is_scheme(name: &str) -> bool {
    let rest = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.bytes().all(rest)
}

fn host(text: &str) -> Option<HostSource> {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text),
    };
    if scheme.is_some_and(|scheme| !is_scheme(scheme)) {
        return None;
    }
    let path_at = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(path_at)?;
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(read_port(port)?)),
        None => (authority, None),
    };
    (is_host_part(host) && is_path(path)).then(|| HostSource {
        scheme: scheme.map(str::to_ascii_lowercase),
        host: host.to_ascii_lowercase(),
        port,
        path: (!path.is_empty()).then(|| path.to_owned()),
    })
}

fn read_port(text: &str) -> Option<Port> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text {
        "*" => Some(Port::Any),
        // No leading zeros, so that it prints as it stood.
        number if is_number && (number == "0" || !number.starts_with('0')) => number.parse().ok().map(Port::Number),
        _ => None,
    }
}

/// `host-part`: `*`, or labels of letters, digits and `-`, after `*.` or not. One dot may end it.
fn is_host_part(host: &str) -> bool {
    let labels = host.strip_prefix("*.").unwrap_or(host);
    let labels = labels.strip_suffix('.').unwrap_or(labels);
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    host == "*" || labels.split('.').all(is_label)
}

/// `path-absolute` of RFC 3986 or nothing; `;` and `,` would end a directive or a policy.
fn is_path(path: &str) -> bool {
    let others = b"-._~%!$&'()*+=:@/";
    !path.starts_with("//") && path.bytes().all(|b| b.is_ascii_alphanumeric() || others.contains(&b))
}
