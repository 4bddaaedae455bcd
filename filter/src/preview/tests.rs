use super::*;
use crate::policy::Policy;

fn policy(preview: &str) -> Policy {
    Policy::parse(format!(r#"{{"preview":{preview}}}"#).as_bytes()).unwrap()
}

#[test]
fn who_asks_for_a_preview() {
    let preview = policy("{}").preview;
    assert!(preview.is_preview(b"GET", b"/url?url=x") && preview.is_preview(b"GET", b"//%75rl"));
    assert!(
        !preview.is_preview(b"POST", b"/url?url=x")
            && !preview.is_preview(b"HEAD", b"/url")
            && !preview.is_preview(b"GET", b"/")
    );
    assert!(!policy(r#"{"mode":"off"}"#).preview.is_preview(b"GET", b"/url?url=x"));
    assert!(policy(r#"{"mode":"shadow"}"#).preview.is_preview(b"GET", b"/url?url=x"));
    let elsewhere = policy(r#"{"paths":["/api/preview"]}"#).preview;
    assert!(elsewhere.is_preview(b"GET", b"/api/preview?url=x") && !elsewhere.is_preview(b"GET", b"/url?url=x"));
}

#[test]
fn what_matters_of_a_request() {
    let preview = policy("{}").preview;
    let request = preview.request(b"/url?url=https%3A%2F%2Fa.example%2F", Some(b"Own.example:8443"));
    let expected =
        PreviewRequest { url: Some("https://a.example/".to_owned()), host: Some("own.example:8443".to_owned()) };
    assert_eq!(request, expected);
    assert_eq!(preview.request(b"/url", Some(b"a;b")), PreviewRequest::default());
    assert_eq!(preview.request(b"/url", None), PreviewRequest::default());
}

#[test]
fn heads_of_answers() {
    let preview = policy("{}").preview;
    let head = |status, content_type: Option<&'static str>| {
        let fields: Vec<(&[u8], &[u8])> =
            content_type.iter().map(|value| (&b"content-type"[..], value.as_bytes())).collect();
        preview.head(status, Received(&fields))
    };
    for (status, content_type) in [
        (200, Some("application/json; charset=utf-8")),
        (200, None),
        (200, Some("text/plain")),
        (200, Some("text/html, application/json")),
        (206, Some("application/json")),
        (400, None),
        (422, Some("application/json")),
        (500, Some("image/png")),
    ] {
        let changes = head(status, content_type).unwrap();
        assert!(changes.remove.contains(&"content-length") && changes.remove.contains(&"content-encoding"));
        assert_eq!(changes.set.first(), Some(&("content-type", "application/json; charset=utf-8".into())), "{status}");
    }
    for (status, content_type) in [
        (204, None),
        (304, None),
        (302, Some("application/json")),
        (101, None),
        (404, Some("text/html; charset=utf-8")),
        (200, Some("Text/HTML")),
    ] {
        assert_eq!(head(status, content_type), None, "{status} {content_type:?}");
    }
    assert_eq!(policy(r#"{"mode":"off"}"#).preview.head(200, Received(&[])), None);
    let ask = Preview::ask();
    assert!(ask.remove.contains(&"range") && ask.set == [("accept-encoding", "identity".into())]);
}
