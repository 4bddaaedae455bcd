//! Names of hosts, as `Host` and policies spell them.

/// The longest name (RFC 1035 section 2.3.4), in bytes.
const MAX_NAME_BYTES: usize = 253;

/// The name in one form: lower case, without a port or the final dot. `None` when it is no name of letters, digits, dots and hyphens, nor an IPv6 address in brackets.
pub fn name(text: &str) -> Option<String> {
    let name = match text.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => text,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let plain = |byte: u8| match inner {
        Some(_) => byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'),
        None => byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'),
    };
    let text = inner.unwrap_or(name);
    let is_name = !text.is_empty() && text.len() <= MAX_NAME_BYTES && text.bytes().all(plain);
    is_name.then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form() {
        for (text, expected) in [
            ("A.example", Some("a.example")),
            ("a.example:443", Some("a.example")),
            ("a.example.:", Some("a.example")),
            ("localhost", Some("localhost")),
            ("[::1]:80", Some("[::1]")),
            ("[::1]", Some("[::1]")),
            ("a.example,b.example", None),
            ("a_b", None),
            ("é.example", None),
            ("a.example:x", None),
            (":80", None),
            (".", None),
            ("", None),
        ] {
            assert_eq!(name(text).as_deref(), expected, "{text}");
        }
        assert_eq!(name(&"a".repeat(254)), None);
    }
}
