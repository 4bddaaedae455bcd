//! The host of a page with its port, in the form of [`PageRequest::host`](super::PageRequest::host).

/// Whether a host can have a certificate that browsers trust: no other address than the loopback one, which they never upgrade.
pub fn may_have_https(host: &str) -> bool {
    let name = name(host);
    let is_address = name.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let is_local =
        !name.contains('.') || [".onion", ".local", ".lan", ".internal"].iter().any(|end| name.ends_with(end));
    is_loopback(host) || !(is_address || is_local)
}

/// Whether a host is the machine itself.
pub fn is_loopback(host: &str) -> bool {
    let name = name(host);
    name == "localhost" || name.starts_with("127.")
}

/// The name alone.
pub fn name(host: &str) -> &str {
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_may_be_upgraded() {
        for (host, may) in [
            ("a.example", true),
            ("a.example:8443", true),
            ("127.0.0.1:8080", true),
            ("localhost", true),
            ("192.168.1.2", false),
            ("nas", false),
            ("nas.local", false),
            ("x.onion:80", false),
        ] {
            assert_eq!(may_have_https(host), may, "{host}");
        }
    }
}
