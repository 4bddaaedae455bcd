//! `inbox.content_encoding`

use crate::decision::{Finding, Mode};
use crate::registry::{Check, Phase, Rule};

/// The rule.
pub const RULE: Rule = Rule {
    id: "inbox.content_encoding",
    phase: Phase::Head,
    status: 415,
    mode: Mode::Enforce,
    action: None,
    summary: "a delivery whose body is compressed",
    doc: "
A delivery is allowed if it has no `Content-Encoding`, or `identity`. No server sends compressed activities; one that reads them would read
what no rule has seen, and a small body could unpack to a large one.",
    specification: "RFC 9110 section 8.4",
    compile: |_| {
        Check::Head(Box::new(|head| {
            let encoding = head.content_encoding.as_ref()?;
            let fault = Finding::new("content-encoding", "is not identity");
            (!encoding.is_empty() && !encoding.eq_ignore_ascii_case(b"identity")).then_some(fault)
        }))
    },
};

#[cfg(test)]
mod tests {
    use crate::http::RequestHead;
    use crate::policy::Policy;

    #[test]
    fn only_identity() {
        let policy = Policy::parse(b"").unwrap();
        for (encoding, allowed) in [
            (None, true),
            (Some("identity"), true),
            (Some("Identity"), true),
            (Some("gzip"), false),
            (Some("identity, gzip"), false),
            (Some("identity,identity"), false),
            (Some("\u{ff}"), false),
        ] {
            let head = RequestHead {
                content_type: Some(b"application/activity+json".to_vec()),
                content_encoding: encoding.map(Into::into),
                ..RequestHead::default()
            };
            let rule = policy.site(None).inbox.begin(&head).and_then(|decision| decision.rule());
            assert_eq!(rule, (!allowed).then_some("inbox.content_encoding"), "{encoding:?}");
        }
    }
}
