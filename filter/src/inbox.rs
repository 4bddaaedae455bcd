//! Decides about a delivery to an inbox: the rules of the registry, in order, over what was received.

use crate::activitypub::activity::ReadError;
use crate::activitypub::{Activity, Verb};
use crate::decision::{Decision, Finding, MAX_LOGGED_ACTOR_BYTES, Mode, Refusal};
use crate::http::RequestHead;
use crate::http::signer::Signer;
use crate::json::{self, Json, Object};
use crate::registry::{ActiveRule, Check, Subject};
use crate::rules;

/// The rules for deliveries, as a policy configures them.
#[derive(Debug)]
pub struct Inbox {
    rules: Vec<ActiveRule>,
}

impl Inbox {
    /// Takes the rules in their order of evaluation. Those in `off` mode are left out.
    pub fn new(rules: Vec<ActiveRule>) -> Self {
        let rules = rules.into_iter().filter(|active| active.mode != Mode::Off).collect();
        Self { rules }
    }

    /// The rules that are not off, in their order of evaluation.
    pub fn rules(&self) -> &[ActiveRule] {
        &self.rules
    }

    /// How many rules are in force, for the log.
    pub fn summary(&self) -> String {
        let shadow = self.rules.iter().filter(|active| active.mode == Mode::Shadow).count();
        format!("{} rules in enforce mode, {shadow} in shadow", self.rules.len().saturating_sub(shadow))
    }

    /// Judges what the head alone tells, so that the body of a refused request need not be held. `None` when it is needed.
    pub fn begin(&self, head: &RequestHead) -> Option<Decision> {
        let mut tally = Tally::new(self);
        tally.head(head).is_err().then_some(tally.decision)
    }

    /// Judges a body that is still growing and has `received` bytes so far.
    pub fn too_large(&self, received: usize) -> Option<Decision> {
        let mut tally = Tally::new(self);
        tally.size(received).is_err().then_some(tally.decision)
    }

    /// Judges a whole request.
    pub fn decide(&self, head: &RequestHead, body: &[u8]) -> Decision {
        let mut tally = Tally::new(self);
        // `Decided` only ends the evaluation early: the decision is complete either way.
        let _ended = tally.request(head, body);
        tally.decision
    }
}

/// A rule in enforce mode has fired, and the decision holds its refusal.
struct Decided;

/// A decision in the making.
struct Tally<'p> {
    inbox: &'p Inbox,
    decision: Decision,
}

impl<'p> Tally<'p> {
    fn new(inbox: &'p Inbox) -> Self {
        let decision = Decision::default();
        Self { inbox, decision }
    }

    fn request(&mut self, head: &RequestHead, body: &[u8]) -> Result<(), Decided> {
        self.head(head)?;
        self.size(body.len())?;
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
        let signer = Signer::of(head);
        let bundled = match self.activity(root, &signer)? {
            Some(Verb::Collection) => rules::inbox_collection::items(root),
            _ => return Ok(()),
        };
        for item in bundled.filter_map(Json::as_object) {
            self.activity(item, &signer)?;
        }
        Ok(())
    }

    fn head(&mut self, head: &RequestHead) -> Result<(), Decided> {
        let inbox = self.inbox;
        for active in &inbox.rules {
            if let Check::Head(check) = &active.check
                && let Some(finding) = check(head)
            {
                self.note(active, finding)?;
            }
        }
        match &head.content_length {
            None => Ok(()),
            Some(length) => self.size(announced_bytes(length)),
        }
    }

    fn size(&mut self, bytes: usize) -> Result<(), Decided> {
        let inbox = self.inbox;
        for active in &inbox.rules {
            if let Check::Size(max) = active.check
                && bytes > max
            {
                self.note(active, Finding::new("body", format!("has more than {max} bytes")))?;
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
        let inbox = self.inbox;
        for active in &inbox.rules {
            if let Check::Activity(check) = &active.check
                && let Some(finding) = check(&subject)
            {
                self.note(active, finding)?;
            }
        }
        Ok(Some(activity.verb))
    }

    /// Keeps what a log may say about the activity; of a bundle, about the bundle.
    fn describe(&mut self, activity: &Activity<'_>) {
        if self.decision.verb.is_none() {
            self.decision.verb = Some(activity.verb.as_str());
            let actor = &activity.actor;
            let loggable = actor.origin.is_ok() && actor.raw.len() <= MAX_LOGGED_ACTOR_BYTES;
            self.decision.actor = loggable.then(|| actor.raw.to_owned());
        }
    }

    /// Notes a fault that the reader found, under the rule that stands for it.
    fn fault(&mut self, id: &'static str, finding: Finding) -> Result<(), Decided> {
        let inbox = self.inbox;
        match inbox.rules.iter().find(|active| active.rule.id == id) {
            Some(active) => self.note(active, finding),
            None => Ok(()),
        }
    }

    fn note(&mut self, active: &ActiveRule, finding: Finding) -> Result<(), Decided> {
        let rule = active.rule.id;
        match active.mode {
            Mode::Off => Ok(()),
            Mode::Shadow => {
                if !self.decision.shadow.contains(&rule) {
                    self.decision.shadow.push(rule);
                }
                Ok(())
            }
            Mode::Enforce => {
                self.decision.refusal =
                    Some(Refusal { rule, status: active.rule.status, action: active.action, finding });
                Err(Decided)
            }
        }
    }
}

/// The number that a `Content-Length` announces; one that cannot be read (RFC 9110 section 8.6) is too large for any limit.
fn announced_bytes(length: &[u8]) -> usize {
    let digits = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(length).ok().filter(|_| digits);
    number.and_then(|number| number.parse().ok()).unwrap_or(usize::MAX)
}
