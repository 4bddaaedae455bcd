//! `inbox.size`

use crate::decision::Mode;
use crate::registry::{Check, Phase, Rule};

/// The rule.
pub const RULE: Rule = Rule {
    id: "inbox.size",
    phase: Phase::Body,
    status: 413,
    mode: Mode::Enforce,
    action: None,
    summary: "a body that is too large",
    doc: "
A delivery is allowed if its body has at most `max_bytes`. An announced `Content-Length` is judged before any of the body is held, a body
without one as soon as it grows too large. Misskey's own limit is 65,536 bytes. The proxy has a limit of its own for what it holds
(`per_connection_buffer_limit_bytes` in Envoy, `client_max_body_size` in nginx), which must not be smaller.",
    specification: "RFC 9110 section 15.5.14",
    compile: |reader| {
        let max = reader.limit("max_bytes", 1_024..=1_048_576, 65_536, "the largest body, in bytes");
        Check::Size(max)
    },
};

#[cfg(test)]
mod tests {
    use crate::http::RequestHead;
    use crate::policy::Policy;

    #[test]
    fn announced_and_real_sizes_are_bounded() {
        let policy = Policy::parse(b"").unwrap();
        let head = |length: &str| RequestHead {
            content_type: Some(b"application/activity+json".to_vec()),
            content_length: Some(length.into()),
            ..RequestHead::default()
        };
        assert!(policy.site(None).inbox.begin(&head("65536")).is_none());
        for length in ["65537", "99999999999999999999", "-1", "", "1,1", "0x10"] {
            let decision = policy.site(None).inbox.begin(&head(length)).unwrap();
            assert_eq!(decision.rule(), Some("inbox.size"), "{length}");
        }
        assert!(policy.site(None).inbox.too_large(&RequestHead::default(), 65_536).is_none());
        assert_eq!(
            policy.site(None).inbox.too_large(&RequestHead::default(), 65_537).unwrap().rule(),
            Some("inbox.size")
        );
    }
}
