//! The HTTP answer to a request that does not reach the origin server.

use std::rc::Rc;

use crate::decision::{Action, Refusal, Told};

/// A complete response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status: 202 for a drop, 4xx for a rejection, or what the API says it by. Never 5xx for what a rule refuses, which would be sent again for days; but 508 for a loop,
    /// which is no fault of what is sent.
    pub status: u16,
    /// The fields that all answers of the kind have.
    pub fields: &'static [(&'static str, &'static str)],
    /// What the status asks for beside them: `Allow` of a 405, `WWW-Authenticate` of a 401.
    pub field: Option<(&'static str, Rc<str>)>,
    /// The body.
    pub body: String,
}

/// What is told to a program.
const JSON: &[(&str, &str)] = &[
    ("content-type", "application/json; charset=utf-8"),
    // 410 may be kept by caches (RFC 9110 section 15.1), and what is refused today can be allowed tomorrow.
    ("cache-control", "no-store"),
    // Web clients on other origins use the API: else they could not tell a refusal from a broken line.
    ("access-control-allow-origin", "*"),
];

/// What is told to a person. The page has no need of anything else.
const PAGE: &[(&str, &str)] = &[
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    ("x-content-type-options", "nosniff"),
];

impl Answer {
    /// The answer to a refused request.
    pub fn to(refusal: &Refusal) -> Self {
        let field = refusal.finding.field.clone();
        match (refusal.action, &refusal.finding.told) {
            (Action::Drop, _) => Self::dropped(),
            (Action::Reject, Some(Told::Page(page))) => {
                Self { status: refusal.status, fields: PAGE, field, body: page.as_ref().to_owned() }
            }
            (Action::Reject, Some(Told::Api { status, body })) => {
                Self { status: *status, fields: JSON, field, body: (*body).to_owned() }
            }
            (Action::Reject, None) => Self {
                status: refusal.status,
                fields: JSON,
                field,
                body: serde_json::json!({
                    "error": {
                        "message": format!("{} {}", refusal.finding.place, refusal.finding.reason),
                        "rule": refusal.rule,
                    }
                })
                .to_string(),
            },
        }
    }

    /// All fields of the answer.
    pub fn all_fields(&self) -> Vec<(&str, &str)> {
        let field = self.field.iter().map(|(name, value)| (*name, value.as_ref()));
        self.fields.iter().copied().chain(field).collect()
    }

    /// What a dropped activity is answered with: accepted, as far as the sender can tell.
    fn dropped() -> Self {
        Self {
            status: 202,
            fields: JSON,
            field: None,
            body: r#"{"error":{"message":"blocked by validator"}}"#.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Finding;

    #[test]
    fn answers() {
        let mut refusal = Refusal {
            rule: "inbox.owner",
            status: 403,
            action: Action::Reject,
            finding: Finding::new("object.id", "is not on the actor's origin"),
        };
        assert_eq!(
            Answer::to(&refusal),
            Answer {
                status: 403,
                fields: JSON,
                field: None,
                body: r#"{"error":{"message":"object.id is not on the actor's origin","rule":"inbox.owner"}}"#
                    .to_owned()
            }
        );
        refusal.finding.told = Some(Told::Page("<p>".into()));
        let page = Answer::to(&refusal);
        assert_eq!((page.fields, &*page.body), (PAGE, "<p>"));
        refusal.finding.told = Some(Told::Api { status: 200, body: "{}" });
        let api = Answer::to(&refusal);
        assert_eq!((api.status, api.fields, &*api.body), (200, JSON, "{}"));
        refusal.finding.field = Some(("allow", "GET".into()));
        assert_eq!(Answer::to(&refusal).all_fields().last(), Some(&("allow", "GET")));
        refusal.action = Action::Drop;
        assert_eq!(Answer::to(&refusal).status, 202);
        assert_eq!(Answer::to(&refusal).body, r#"{"error":{"message":"blocked by validator"}}"#);
    }
}
