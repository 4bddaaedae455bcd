//! `inbox.relay`

use crate::activitypub::activity::Reference;
use crate::activitypub::integrity::is_signed_by;
use crate::decision::{Action, Finding, Mode};
use crate::http::signer::Signer;
use crate::registry::{Check, Phase, Rule, Subject};

/// The rule.
pub const RULE: Rule = Rule {
    id: "inbox.relay",
    phase: Phase::Activity,
    status: 403,
    mode: Mode::Enforce,
    action: Some(Action::Reject),
    summary: "an activity signed by a stranger, without a signature of its own",
    doc: "
A delivery is allowed if any of these holds:

1. the key id of its HTTP signature has the origin of the activity's actor;
2. the activity carries an LD signature (RsaSignature2017) or an integrity proof (FEP-8b32) by a key of the actor's origin, or by the DID of a portable actor
   (FEP-ef61): a relay or a forwarding server passed it on;
3. the request has no HTTP signature at all: that is for the server behind to refuse.

No signature is verified here. A request that names several keys is refused.",
    specification: "draft-cavage-http-signatures-12, RFC 9421, FEP-8b32; CVE-2023-49079, CVE-2025-54888",
    compile: |_| Check::Activity(Box::new(check)),
};

fn check(subject: &Subject<'_>) -> Option<Finding> {
    let Subject { activity, signer, .. } = subject;
    let reason = match signer {
        Signer::Unsigned => return None,
        Signer::KeyId(key_id) if Reference::new(key_id).same_origin(&activity.actor) => return None,
        Signer::KeyId(_) if is_signed_by(activity.node, &activity.actor) => return None,
        Signer::KeyId(_) => "is by a key of another origin than the actor's",
        Signer::Unreadable => "names no single key",
    };
    Some(Finding::new("signature", reason))
}

#[cfg(test)]
mod tests {
    use crate::rules::testing::decide_signed;

    const PLAIN: &str =
        r#"{"type":"Like","id":"https://a.example/1","actor":"https://a.example/u","object":"https://b.example/2"}"#;

    fn rule(body: &str, key_id: Option<&str>) -> Option<&'static str> {
        decide_signed("", body, key_id).rule()
    }

    #[test]
    fn a_stranger_needs_a_signature_inside() {
        assert_eq!(rule(PLAIN, None), None);
        assert_eq!(rule(PLAIN, Some("https://a.example/u#main-key")), None);
        assert_eq!(rule(PLAIN, Some("https://a.example/actor")), None);
        let refused = Some("inbox.relay");
        assert_eq!(rule(PLAIN, Some("https://relay.example/actor#main-key")), refused);
        assert_eq!(rule(PLAIN, Some("http://a.example/u#main-key")), refused);
        assert_eq!(rule(PLAIN, Some("acct:u@a.example")), refused);
        assert_eq!(rule(PLAIN, Some("")), refused);
        for inside in [
            r#","signature":{"type":"RsaSignature2017","creator":"https://a.example/u#main-key","signatureValue":"AA=="}}"#,
            r#","proof":{"type":"DataIntegrityProof","verificationMethod":"https://a.example/u#k","proofValue":"z1"}}"#,
        ] {
            let signed = PLAIN.replace('}', inside);
            assert_eq!(rule(&signed, Some("https://relay.example/actor#main-key")), None);
            let by_stranger = signed.replace("https://a.example/u#", "https://relay.example/u#");
            assert_eq!(rule(&by_stranger, Some("https://relay.example/actor#main-key")), refused);
        }
    }
}
