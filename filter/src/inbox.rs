//! Decides about a delivery to an inbox: the rules of the registry, in order, over what was received.

use std::rc::Rc;

use crate::activitypub::activity::ReadError;
use crate::activitypub::{Activity, Verb};
use crate::decision::{Decision, Finding, MAX_LOGGED_ACTOR_BYTES};
use crate::http::signer::Signer;
use crate::http::{RequestHead, content_length, software};
use crate::json::{self, Json, Object};
use crate::registry::{ActiveRule, Check, Subject};
use crate::rules;
use crate::tally::{Decided, Tally};

/// The rules for deliveries, as a policy configures them.
#[derive(Debug)]
pub struct Inbox {
    rules: Vec<Rc<ActiveRule>>,
}

impl Inbox {
    /// Takes the rules in their order of evaluation, without those in `off` mode.
    pub fn new(rules: Vec<Rc<ActiveRule>>) -> Self {
        Self { rules }
    }

    /// The rules, in their order of evaluation.
    pub fn rules(&self) -> &[Rc<ActiveRule>] {
        &self.rules
    }

    /// Judges what the head alone tells, so that the body of a refused request need not be held. `None` when it is needed.
    pub fn begin(&self, head: &RequestHead) -> Option<Decision> {
        let mut judge = Judge::new(self, head);
        judge.head().is_err().then_some(judge.tally.decision)
    }

    /// Judges a body that is still growing and has `received` bytes so far.
    pub fn too_large(&self, head: &RequestHead, received: usize) -> Option<Decision> {
        let mut judge = Judge::new(self, head);
        judge.size(received).is_err().then_some(judge.tally.decision)
    }

    /// Judges a whole request.
    pub fn decide(&self, head: &RequestHead, body: &[u8]) -> Decision {
        let mut judge = Judge::new(self, head);
        // `Decided` only ends the evaluation early: the decision is complete either way.
        let _ended = judge.request(body);
        judge.tally.decision
    }
}

/// The rules over one request.
struct Judge<'a> {
    inbox: &'a Inbox,
    head: &'a RequestHead,
    tally: Tally<'a>,
}

impl<'a> Judge<'a> {
    fn new(inbox: &'a Inbox, head: &'a RequestHead) -> Self {
        Self { inbox, head, tally: Tally::new(head) }
    }

    fn request(&mut self, body: &[u8]) -> Result<(), Decided> {
        self.head()?;
        self.size(body.len())?;
        let signer = Signer::of(self.head);
        self.tally.decision.signature = Some(signer.kind());
        let document = match json::parse(body) {
            Ok(document) => document,
            Err(error) => {
                self.fault(rules::inbox_json::RULE.id, Finding::new("body", error.to_string()))?;
                let Ok(document) = json::parse_last_key_wins(body) else {
                    return Ok(());
                };
                document
            }
        };
        let Json::Object(root) = &document else {
            return self.fault(rules::inbox_shape::RULE.id, Finding::new("body", "is not an object"));
        };
        let bundled = match self.activity(root, &signer)? {
            Some(Verb::Collection) => rules::inbox_collection::items(root),
            _ => return Ok(()),
        };
        for item in bundled.filter_map(Json::as_object) {
            self.activity(item, &signer)?;
        }
        Ok(())
    }

    fn head(&mut self) -> Result<(), Decided> {
        for active in &self.inbox.rules {
            if let Check::Head(check) = &active.check
                && let Some(finding) = check(self.head)
            {
                self.tally.note(active, finding, None)?;
            }
        }
        match &self.head.content_length {
            None => Ok(()),
            Some(length) => self.size(content_length::announced_bytes(length)),
        }
    }

    fn size(&mut self, bytes: usize) -> Result<(), Decided> {
        for active in &self.inbox.rules {
            if let Check::Size(max) = active.check
                && bytes > max
            {
                self.tally.note(active, Finding::new("body", format!("has more than {max} bytes")), None)?;
            }
        }
        Ok(())
    }

    /// Judges one activity, and tells its type if it could be read.
    fn activity(&mut self, node: &Object<'_>, signer: &Signer) -> Result<Option<Verb>, Decided> {
        let activity = match Activity::read(node) {
            Ok(activity) => activity,
            Err(ReadError::Type { place, fault }) => {
                self.fault(rules::inbox_type::RULE.id, Finding::new(place, fault.as_str()))?;
                return Ok(None);
            }
            Err(ReadError::Form { place, fault }) => {
                self.fault(rules::inbox_shape::RULE.id, Finding::new(place, fault))?;
                return Ok(None);
            }
        };
        self.describe(&activity);
        let posts = rules::posts::all(&activity);
        let subject = Subject { activity: &activity, posts: &posts, signer };
        for active in &self.inbox.rules {
            if let Check::Activity(check) = &active.check
                && let Some(finding) = check(&subject)
            {
                self.tally.note(active, finding, Some(activity.actor.raw))?;
            }
        }
        Ok(Some(activity.verb))
    }

    /// Keeps what a log may say about the activity; of a bundle, about the bundle.
    fn describe(&mut self, activity: &Activity<'_>) {
        let decision = &mut self.tally.decision;
        if decision.verb.is_none() {
            decision.verb = Some(activity.verb.as_str());
            decision.software = Some(software::of(self.head.user_agent.as_deref()));
            let actor = &activity.actor;
            let loggable = actor.origin.is_ok() && actor.raw.len() <= MAX_LOGGED_ACTOR_BYTES;
            decision.actor = loggable.then(|| actor.raw.to_owned());
        }
    }

    /// Notes a fault that the reader found, under the rule that stands for it.
    fn fault(&mut self, id: &'static str, finding: Finding) -> Result<(), Decided> {
        match self.inbox.rules.iter().find(|active| active.rule.id == id) {
            Some(active) => self.tally.note(active, finding, None),
            None => Ok(()),
        }
    }
}
