//! What the rules' tests share: a policy, an activity, and which rule decides.

use crate::decision::Decision;
use crate::http::RequestHead;
use crate::policy::Policy;

/// The decision of `policy` about `body`, delivered unsigned.
pub fn decide(policy: &str, body: &str) -> Decision {
    decide_signed(policy, body, None)
}

/// The decision of `policy` about `body`, signed with `key_id`.
pub fn decide_signed(policy: &str, body: &str, key_id: Option<&str>) -> Decision {
    let policy = Policy::parse(policy.as_bytes()).unwrap();
    let head = RequestHead {
        content_type: Some(b"application/activity+json".to_vec()),
        signature: key_id.map(|key_id| format!("keyId=\"{key_id}\",signature=\"AA==\"").into_bytes()),
        ..RequestHead::default()
    };
    policy.site(None).inbox.decide(&head, body.as_bytes())
}

/// Asserts that no rule refuses `body`, under a policy.
#[track_caller]
pub fn accepts(policy: &str, body: &str) {
    let decision = decide(policy, body);
    assert_eq!(decision.refusal, None, "{body}");
}

/// Asserts that `rule` refuses `body`, with a finding about `place`.
#[track_caller]
pub fn refuses(policy: &str, rule: &str, place: &str, body: &str) {
    let refusal = decide(policy, body).refusal.unwrap_or_else(|| panic!("accepted: {body}"));
    assert_eq!((refusal.rule, &*refusal.finding.place), (rule, place), "{body}");
}

/// The head of a request with further fields.
pub fn head(method: &str, target: &str, fields: &[(&str, &str)]) -> RequestHead {
    let all = [(":method", method), (":path", target)].into_iter().chain(fields.iter().copied());
    RequestHead::from_fields(all.map(|(name, value)| (name.as_bytes(), value.as_bytes())))
}

/// The rule of `policy` that refuses a request by its head.
pub fn request(policy: &str, method: &str, target: &str, fields: &[(&str, &str)]) -> Option<&'static str> {
    let policy = Policy::parse(policy.as_bytes()).unwrap();
    policy.site(None).guard.decide(&head(method, target, fields)).rule()
}
