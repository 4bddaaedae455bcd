//! The HTTP answer to a request that does not reach the origin server.

use crate::decision::{Action, Refusal};

/// A complete response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status: 202 for a drop, 4xx for a rejection. Never 5xx for what a rule refuses, which would be sent again for days.
    pub status: u16,
    /// The body, JSON.
    pub body: String,
}

/// The media type of every answer.
pub const CONTENT_TYPE: &str = "application/json; charset=utf-8";

impl Answer {
    /// The answer to a refused request.
    pub fn to(refusal: &Refusal) -> Self {
        match refusal.action {
            Action::Drop => Self::dropped(),
            Action::Reject => Self {
                status: refusal.status,
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

    /// What a dropped activity is answered with: accepted, as far as the sender can tell.
    fn dropped() -> Self {
        Self { status: 202, body: r#"{"error":{"message":"blocked by validator"}}"#.to_owned() }
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
                body: r#"{"error":{"message":"object.id is not on the actor's origin","rule":"inbox.owner"}}"#
                    .to_owned()
            }
        );
        refusal.action = Action::Drop;
        assert_eq!(Answer::to(&refusal).status, 202);
        assert_eq!(Answer::to(&refusal).body, r#"{"error":{"message":"blocked by validator"}}"#);
    }
}
