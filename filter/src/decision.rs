//! What is decided about a request, and why.

use std::borrow::Cow;
use std::rc::Rc;

/// What a rule does when it fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing: it is not evaluated.
    Off,
    /// It is counted and logged, never acted on.
    Shadow,
    /// It decides.
    Enforce,
}

/// How a rule in enforce mode answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// 202, and the activity goes no further. The sender takes it as delivered and does not come back.
    Drop,
    /// A 4xx status with the rule's id, which delivering servers take as final; 508 for a loop, after which they come again.
    Reject,
}

/// The outcome for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The request goes to the origin server unchanged.
    Accept,
    /// See [`Action::Drop`].
    Drop,
    /// See [`Action::Reject`].
    Reject,
}

impl From<Action> for Verdict {
    fn from(action: Action) -> Self {
        match action {
            Action::Drop => Self::Drop,
            Action::Reject => Self::Reject,
        }
    }
}

impl Verdict {
    /// The verdict's name in logs, metrics and `sekisho replay`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Drop => "drop",
            Self::Reject => "reject",
        }
    }
}

/// Why a rule fires: where, and a reason from a fixed set. Never text from the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The property, field or part of the request, such as `object.attributedTo`.
    pub place: Cow<'static, str>,
    /// What is wrong with it.
    pub reason: Cow<'static, str>,
    /// Another way to tell it than the JSON that tells it to a server.
    pub told: Option<Told>,
    /// A field that the status asks for in the answer, such as `Allow`: its name in lower case and its value.
    pub field: Option<(&'static str, Rc<str>)>,
}

/// How a finding is told to who has to understand it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// To a person: a page of HTML.
    Page(Rc<str>),
    /// To a client of Misskey's API, in its own words: a status and JSON.
    Api {
        /// The status, in the place of the rule's.
        status: u16,
        /// The body.
        body: &'static str,
    },
}

impl Finding {
    /// A finding about `place`.
    pub fn new(place: impl Into<Cow<'static, str>>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { place: place.into(), reason: reason.into(), told: None, field: None }
    }

    /// The same finding, told in another way.
    pub fn with_told(self, told: Told) -> Self {
        Self { told: Some(told), ..self }
    }

    /// The same finding, with a field of the answer.
    pub fn with_field(self, name: &'static str, value: Rc<str>) -> Self {
        Self { field: Some((name, value)), ..self }
    }
}

/// The rule that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The rule's stable id.
    pub rule: &'static str,
    /// The status of its rejection: 4xx, but 508 for loops and 503 for some incidents.
    pub status: u16,
    /// Whether it drops or rejects.
    pub action: Action,
    /// Why.
    pub finding: Finding,
}

/// A rule that fired without effect: it is in shadow mode, or does not act for this actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shadowed {
    /// Its stable id.
    pub rule: &'static str,
    /// What it would have done.
    pub action: Action,
}

/// What is decided about one request, and all that a log may say about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// The rule that refused the request; none when it is accepted.
    pub refusal: Option<Refusal>,
    /// The rules that only would have refused it, in order, each once.
    pub shadow: Vec<Shadowed>,
    /// The id of the actor, when it is a well-formed URL of at most [`MAX_LOGGED_ACTOR_BYTES`].
    pub actor: Option<String>,
    /// The type of the activity, from a fixed set.
    pub verb: Option<&'static str>,
    /// The software that sent it, from a fixed set, as far as it says so.
    pub software: Option<&'static str>,
    /// What could be read of the signature, from a fixed set.
    pub signature: Option<&'static str>,
}

/// Longer actor ids are not logged.
pub const MAX_LOGGED_ACTOR_BYTES: usize = 256;

impl Decision {
    /// The verdict.
    pub fn verdict(&self) -> Verdict {
        self.refusal.as_ref().map_or(Verdict::Accept, |refusal| refusal.action.into())
    }

    /// This decision, after one in which only rules in shadow had fired.
    pub fn after(mut self, earlier: &[Shadowed]) -> Self {
        self.shadow.splice(0..0, earlier.iter().copied());
        self
    }

    /// The ids of the rules that only would have refused it.
    pub fn shadow_rules(&self) -> Vec<&'static str> {
        self.shadow.iter().map(|shadowed| shadowed.rule).collect()
    }

    /// The id of the rule that decided.
    pub fn rule(&self) -> Option<&'static str> {
        self.refusal.as_ref().map(|refusal| refusal.rule)
    }
}
