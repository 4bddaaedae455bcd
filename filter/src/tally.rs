//! A decision in the making.

use std::borrow::Cow;

use crate::decision::{Decision, Finding, Mode, Refusal, Shadowed};
use crate::http::RequestHead;
use crate::http::signer::Signer;
use crate::registry::ActiveRule;

/// A rule has fired that acts: the decision holds its refusal, and no other rule need be asked.
#[derive(Clone, Copy, Debug)]
pub struct Decided;

/// What is decided so far about a request.
#[derive(Debug)]
pub struct Tally<'h> {
    head: &'h RequestHead,
    /// The decision.
    pub decision: Decision,
}

impl<'h> Tally<'h> {
    /// Nothing is decided yet.
    pub fn new(head: &'h RequestHead) -> Self {
        Self { head, decision: Decision::default() }
    }

    /// Notes that a rule fires, for an activity of `actor` as far as that is known. Else the actor is who the signature names.
    ///
    /// # Errors
    /// [`Decided`] when the rule acts.
    pub fn note(&mut self, active: &ActiveRule, finding: Finding, actor: Option<&str>) -> Result<(), Decided> {
        let rule = active.rule.id;
        match active.mode {
            Mode::Off => Ok(()),
            Mode::Enforce if active.share.is_all() || active.share.includes(rule, self.actor(actor).as_deref()) => {
                self.decision.refusal =
                    Some(Refusal { rule, status: active.rule.status, action: active.action, finding });
                Err(Decided)
            }
            Mode::Enforce | Mode::Shadow => {
                let shadowed = Shadowed { rule, action: active.action };
                if !self.decision.shadow.contains(&shadowed) {
                    self.decision.shadow.push(shadowed);
                }
                Ok(())
            }
        }
    }

    fn actor<'a>(&self, actor: Option<&'a str>) -> Option<Cow<'a, str>> {
        if let Some(actor) = actor {
            return Some(actor.into());
        }
        let Signer::KeyId(key) = Signer::of(self.head) else { return None };
        // Nearly everybody's key id is the actor's id and a fragment.
        Some(key.split('#').next().unwrap_or_default().to_owned().into())
    }
}
