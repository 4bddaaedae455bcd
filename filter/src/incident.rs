//! Refusals that no rule decides: what the filter answers when it cannot judge a request. Nothing passes unjudged.

use crate::decision::{Action, Finding, Refusal};

/// Why a request cannot be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incident {
    /// No valid policy was ever loaded (nginx only: Envoy refuses to load such a filter).
    NoPolicy,
    /// The host does not show the request to the filter.
    HostFailure,
    /// The request has more fields than the host can show.
    TooManyFields,
    /// The host keeps the body where the filter cannot read it: its buffer is smaller than the policy's limit.
    UnreadableBody,
}

impl Incident {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::NoPolicy, Self::HostFailure, Self::TooManyFields, Self::UnreadableBody];

    /// The id in answers, logs and metrics, in the place of a rule's.
    pub fn id(self) -> &'static str {
        match self {
            Self::NoPolicy => "host.no_policy",
            Self::HostFailure => "host.failure",
            Self::TooManyFields => "host.fields",
            Self::UnreadableBody => "host.body",
        }
    }

    /// The status. A 503 where the sender has done nothing wrong: it keeps the activity and comes again.
    pub fn status(self) -> u16 {
        match self {
            Self::NoPolicy | Self::HostFailure => 503,
            Self::TooManyFields => 431,
            Self::UnreadableBody => 413,
        }
    }

    /// What is wrong, for the sender and the operator.
    pub fn finding(self) -> Finding {
        match self {
            Self::NoPolicy => Finding::new("policy", "is not valid"),
            Self::HostFailure => Finding::new("request", "is not shown to the filter"),
            Self::TooManyFields => Finding::new("request", "has too many fields"),
            Self::UnreadableBody => Finding::new("body", "is larger than the proxy's buffer"),
        }
    }

    /// The refusal.
    pub fn refusal(self) -> Refusal {
        Refusal { rule: self.id(), status: self.status(), action: Action::Reject, finding: self.finding() }
    }
}
