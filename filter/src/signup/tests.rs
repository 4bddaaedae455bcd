use super::*;
use crate::answer::Answer;
use crate::policy::Policy;
use proptest::prelude::*;

const POLICY: &str = r#"{"signup":{"blocked_domains":["blocked.com"]}}"#;

fn head(target: &str) -> RequestHead {
    RequestHead {
        method: Some(b"POST".to_vec()),
        path: Some(target.into()),
        content_type: Some(b"application/json".to_vec()),
        ..RequestHead::default()
    }
}

fn decide(policy: &str, head: &RequestHead, body: &[u8]) -> Decision {
    Policy::parse(policy.as_bytes()).unwrap().site(None).decide(head, body)
}

/// The place that is refused at, and the answer.
fn refused(target: &str, body: &str) -> Option<(String, u16, String)> {
    let refusal = decide(POLICY, &head(target), body.as_bytes()).refusal?;
    assert_eq!(refusal.rule, "signup");
    let answer = Answer::to(&refusal);
    assert!(serde_json::from_str::<serde_json::Value>(&answer.body).is_ok());
    Some((refusal.finding.place.into_owned(), answer.status, answer.body))
}

const SEED: &str = "me@gmail.com@ <me@blocked.com>";

#[test]
fn each_endpoint_has_its_own_answer() {
    let unavailable = |code: &str| {
        let (message, id) = match code {
            "UNAVAILABLE" => ("Unavailable email address.", "a2defefb-f220-8849-0af6-17f816099323"),
            _ => ("Invalid param.", "3d81ceae-475f-4600-b2a8-2bc116157532"),
        };
        format!(r#"{{"error":{{"message":"{message}","code":"{code}","id":"{id}","kind":"client"}}}}"#)
    };
    let address = |status, body: &str| Some(("address".to_owned(), status, body.to_owned()));
    for (key, target) in [("emailAddress", "/api/signup"), ("email", "/api/i/update-email")] {
        let body = |address: &str| format!(r#"{{"username":"a","password":"b","{key}":{address}}}"#);
        assert_eq!(refused(target, &body(&format!("\"{SEED}\""))), address(400, &unavailable("UNAVAILABLE")));
        assert_eq!(refused(target, &body("\"me@a.Blocked.com\"")), address(400, &unavailable("UNAVAILABLE")));
        for value in ["7", "true", "[]", "{}", r#"["me@gmail.com"]"#, r#"{"toString":"me@gmail.com"}"#] {
            assert_eq!(refused(target, &body(value)), address(400, &unavailable("INVALID_PARAM")), "{value}");
        }
        for value in ["\"me@gmail.com\"", "null", "\"\"", "\"m\\u0065@gmail.com\"", "\"太郎@日本語.jp\""] {
            assert_eq!(refused(target, &body(value)), None, "{value}");
        }
        assert_eq!(refused(target, r#"{"username":"a","password":"b"}"#), None);
    }
    let available = "/api/email-address/available";
    let asked = |address: &str| refused(available, &format!(r#"{{"emailAddress":{address}}}"#));
    assert_eq!(asked(&format!("\"{SEED}\"")), address(200, r#"{"available":false,"reason":"format"}"#));
    assert_eq!(asked("\"\""), address(200, r#"{"available":false,"reason":"format"}"#));
    assert_eq!(asked("\"me@blocked.com\""), address(200, r#"{"available":false,"reason":"banned"}"#));
    assert_eq!(asked("null"), address(400, &unavailable("INVALID_PARAM")));
    assert_eq!(refused(available, "{}"), address(400, &unavailable("INVALID_PARAM")));
    assert_eq!(asked("\"me@gmail.com\""), None);
}

#[test]
fn what_is_no_plain_object() {
    for body in [
        "",
        " ",
        "null",
        "[]",
        "\"me@gmail.com\"",
        "{",
        "{}{}",
        "{}\0",
        r#"{"emailAddress":"me@gmail.com","emailAddress":"me@blocked.com"}"#,
        r#"{"emailAddress":"me@gmail.com","email\u0041ddress":"me@blocked.com"}"#,
        r#"{"__proto__":{"emailAddress":"me@blocked.com"}}"#,
        r#"{"\u005f_proto__":{"emailAddress":"me@blocked.com"}}"#,
        r#"{"a":{"b":1,"b":2}}"#,
        r#"{"emailAddress":"me@gmail.com\ud800"}"#,
        "emailAddress=me@gmail.com",
        "\u{feff}\u{feff}{}",
    ] {
        let (place, status, answer) = refused("/api/signup", body).unwrap_or_else(|| panic!("accepted: {body}"));
        assert_eq!((&*place, status), ("body", 400), "{body}");
        assert!(answer.contains("INVALID_PARAM"));
    }
    assert_eq!(refused("/api/signup", "\u{feff}{\"emailAddress\":\"me@gmail.com\"}\r\n"), None);
    assert!(decide(POLICY, &head("/api/signup"), b"{\"a\":\"\xff\"}").refusal.is_some());
}

#[test]
fn the_head_is_judged_before_the_body() {
    let policy = Policy::parse(POLICY.as_bytes()).unwrap();
    let begin = |change: &dyn Fn(&mut RequestHead)| {
        let mut head = head("/api/signup");
        change(&mut head);
        let refusal = policy.site(None).signup.begin(&head)?.refusal.unwrap();
        assert_eq!(policy.site(None).decide(&head, b"{}").refusal.as_ref(), Some(&refusal));
        Some((refusal.finding.place.to_string(), Answer::to(&refusal).status))
    };
    let content_type = |value: Option<&'static str>| begin(&|head| head.content_type = value.map(Into::into));
    for value in
        [None, Some("application/json"), Some("Application/JSON; charset=UTF-8"), Some("text/plain;charset=UTF-8")]
    {
        assert_eq!(content_type(value), None, "{value:?}");
    }
    for value in [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json,application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
        "application/activity+json",
        "application/jsonp",
        "",
    ] {
        assert_eq!(content_type(Some(value)), Some(("content-type".to_owned(), 415)), "{value}");
    }
    let encoding = |value: &str| begin(&|head| head.content_encoding = Some(value.into()));
    assert_eq!((encoding("identity"), encoding("")), (None, None));
    assert_eq!(encoding("gzip"), Some(("content-encoding".to_owned(), 415)));
    let length = |value: &str| begin(&|head| head.content_length = Some(value.into()));
    assert_eq!((length("65536"), length("0")), (None, None));
    for value in ["65537", "99999999999999999999", "-1", ""] {
        assert_eq!(length(value), Some(("body".to_owned(), 413)), "{value}");
    }
}

#[test]
fn the_size_is_bounded() {
    let policy = Policy::parse(POLICY.as_bytes()).unwrap();
    let signup = &policy.site(None).signup;
    assert!(signup.too_large(&head("/api/signup"), MAX_SIGN_UP_BYTES).is_none());
    let decision = signup.too_large(&head("/api/signup"), MAX_SIGN_UP_BYTES + 1).unwrap();
    assert_eq!(decision.refusal.map(|refusal| Answer::to(&refusal).status), Some(413));
    let padded = |bytes: usize| format!("{}{{}}", " ".repeat(bytes - 2));
    assert_eq!(refused("/api/signup", &padded(MAX_SIGN_UP_BYTES)), None);
    assert_eq!(refused("/api/signup", &padded(MAX_SIGN_UP_BYTES + 1)).unwrap().1, 413);
}

#[test]
fn others_are_not_looked_at() {
    let policy = Policy::parse(POLICY.as_bytes()).unwrap();
    let signup = &policy.site(None).signup;
    let body = format!(r#"{{"emailAddress":"{SEED}"}}"#);
    let other = head("/api/signup-pending");
    assert_eq!(signup.begin(&other), Some(Decision::default()), "nothing to hold");
    assert_eq!(signup.too_large(&other, usize::MAX), None);
    assert_eq!(signup.decide(&other, body.as_bytes()), Decision::default());
    let read = RequestHead { method: Some(b"GET".to_vec()), ..head("/api/signup") };
    assert_eq!(signup.decide(&read, body.as_bytes()), Decision::default());
    assert!(signup.takes(b"POST", b"/api/signup") && !signup.takes(b"GET", b"/api/signup"));
    let off = Policy::parse(br#"{"signup":{"mode":"off"}}"#).unwrap();
    assert!(!off.site(None).signup.takes(b"POST", b"/api/signup"));
    assert_eq!(off.site(None).decide(&head("/api/signup"), body.as_bytes()), Decision::default());
}

#[test]
fn in_shadow_everything_passes_and_is_noted() {
    let policy = Policy::parse(br#"{"signup":{"mode":"shadow"}}"#).unwrap();
    let site = policy.site(None);
    let body = format!(r#"{{"emailAddress":"{SEED}"}}"#);
    let decision = site.decide(&head("/api/signup"), body.as_bytes());
    assert_eq!((decision.rule(), decision.shadow_rules()), (None, vec!["signup"]));
    let form = RequestHead { content_type: Some(b"text/html".to_vec()), ..head("/api/signup") };
    let decision = site.signup.begin(&form).unwrap();
    assert_eq!((decision.rule(), decision.shadow_rules()), (None, vec!["signup"]));
}

#[test]
fn a_target_of_two_readings_is_judged_by_both() {
    let body = format!(r#"{{"emailAddress":"{SEED}"}}"#);
    let both = "/api/signup?q=/inbox";
    assert!(refused(both, &body).is_some());
    let inbox = RequestHead { content_type: Some(b"application/activity+json".to_vec()), ..head(both) };
    assert_eq!(decide(POLICY, &inbox, body.as_bytes()).rule(), Some("signup"));
    assert_eq!(decide(POLICY, &head(both), b"{}").rule(), Some("inbox.content_type"));
}

#[test]
fn nothing_of_the_request_is_told() {
    let secret = "hunter2";
    for address in [format!("{secret}@blocked.com"), format!("{secret}@{secret}@x"), secret.to_owned()] {
        for target in ["/api/signup", "/api/email-address/available"] {
            let body = format!(r#"{{"password":"{secret}","emailAddress":"{address}"}}"#);
            let decision = decide(POLICY, &head(target), body.as_bytes());
            let answer = Answer::to(decision.refusal.as_ref().unwrap());
            assert!(!format!("{decision:?}{answer:?}").contains(secret), "{decision:?}");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(target in any::<Vec<u8>>(), body in any::<Vec<u8>>(), length in any::<Option<Vec<u8>>>()) {
        let policy = Policy::parse(POLICY.as_bytes()).unwrap();
        let head = RequestHead { path: Some([&b"/api/signup"[..], &target].concat()), content_length: length, ..head("") };
        let signup = &policy.site(None).signup;
        let whole = signup.decide(&head, &body);
        // What the head refuses is refused whatever follows.
        if let Some(decision) = signup.begin(&head) {
            prop_assert_eq!(decision, whole);
        }
    }
}
