//! Decides about any request by its head alone, before what is special to deliveries: the rules of [`Phase::Request`](crate::registry::Phase), in order.

use std::rc::Rc;

use crate::decision::Decision;
use crate::http::RequestHead;
use crate::registry::{ActiveRule, Check};
use crate::tally::Tally;

/// The rules for all requests, as a policy configures them.
#[derive(Debug)]
pub struct Guard {
    rules: Vec<Rc<ActiveRule>>,
}

impl Guard {
    /// Takes the rules in their order of evaluation, without those in `off` mode.
    pub fn new(rules: Vec<Rc<ActiveRule>>) -> Self {
        Self { rules }
    }

    /// The rules, in their order of evaluation.
    pub fn rules(&self) -> &[Rc<ActiveRule>] {
        &self.rules
    }

    /// Judges a request.
    pub fn decide(&self, head: &RequestHead) -> Decision {
        let mut tally = Tally::new(head);
        for active in &self.rules {
            if let Check::Request(check) | Check::Credentials { check, .. } = &active.check
                && let Some(finding) = check(head)
                && tally.note(active, finding, None).is_err()
            {
                break;
            }
        }
        tally.decision
    }

    /// Whether `Authorization` was for a rule here, so that it must not go on to the origin server.
    pub fn keeps_authorization(&self, head: &RequestHead) -> bool {
        let is_own = |active: &Rc<ActiveRule>| match &active.check {
            Check::Credentials { is_own, .. } => is_own(head),
            _ => false,
        };
        head.authorization.is_some() && self.rules.iter().any(is_own)
    }
}
