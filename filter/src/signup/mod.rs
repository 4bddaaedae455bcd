//! Decides about a request that names an e-mail address: a sign-up, a change of address, the question whether one may be used.
//!
//! Neither the address nor the password beside it reaches a finding, a log or a metric: a [`Fault`] has no room for them.

pub mod address;
pub mod disposable;
pub mod domains;
pub mod endpoint;
mod fault;

use std::rc::Rc;

pub use address::Address;
pub use endpoint::Endpoint;
pub use fault::Fault;

use crate::decision::Decision;
use crate::http::{RequestHead, content_length, media_type};
use crate::json::{self, Json};
use crate::registry::{ActiveRule, Check};
use crate::tally::Tally;

/// The largest body, in bytes. The answers of captchas are its largest part, and have a few thousand.
pub const MAX_SIGN_UP_BYTES: usize = 64 * 1024;

/// The media types of bodies that every server reads as JSON or not at all. `text/plain` is what the clients of Misskey 12 and its forks send; servers that read JSON
/// whatever the type (Misskey 12, and from 2026 on) make no difference between these. Forms (forks of Misskey 12 read them) could be JSON too, with another address in it.
const MEDIA_TYPES: [&str; 2] = ["application/json", "text/plain"];

/// A key that sets the prototype of what it is copied into: `emailAddress` could come from there. No client sends it.
const PROTOTYPE_KEY: &str = "__proto__";

/// The rule for requests that name an address, as a policy configures it.
#[derive(Debug)]
pub struct SignUp {
    rule: Option<Rc<ActiveRule>>,
}

impl SignUp {
    /// Takes the rule, unless it is off.
    pub fn new(rule: Option<Rc<ActiveRule>>) -> Self {
        Self { rule }
    }

    /// The rule; none if it is off.
    pub fn rules(&self) -> &[Rc<ActiveRule>] {
        self.rule.as_slice()
    }

    /// Whether a request is to be judged here. Also ask for a delivery to an inbox: the target may be one to this and the other to that router.
    pub fn takes(&self, method: &[u8], target: &[u8]) -> bool {
        self.rule.is_some() && Endpoint::of(method, target).is_some()
    }

    /// Judges what the head alone tells, so that the body of a refused request need not be held. `None` when it is needed. The decision is to accept in `shadow` mode,
    /// and where there is nothing to judge.
    pub fn begin(&self, head: &RequestHead) -> Option<Decision> {
        let judged =
            self.with(head, |rule, endpoint| of_head(head).map(|fault| decision(rule, endpoint, head, Some(fault))));
        judged.unwrap_or_else(|| Some(Decision::default()))
    }

    /// Judges a body that is still growing and has `received` bytes so far.
    pub fn too_large(&self, head: &RequestHead, received: usize) -> Option<Decision> {
        if received <= MAX_SIGN_UP_BYTES {
            return None;
        }
        self.with(head, |rule, endpoint| decision(rule, endpoint, head, Some(Fault::Size)))
    }

    /// Judges a whole request.
    pub fn decide(&self, head: &RequestHead, body: &[u8]) -> Decision {
        self.with(head, |rule, endpoint| {
            let fault = of_head(head).or_else(|| of_body(rule, endpoint, body));
            decision(rule, endpoint, head, fault)
        })
        .unwrap_or_default()
    }

    /// Calls `judge` with what a request is judged by; `None` for a request that is not.
    fn with<T>(&self, head: &RequestHead, judge: impl FnOnce(&ActiveRule, Endpoint) -> T) -> Option<T> {
        let rule = self.rule.as_deref()?;
        let target = head.path.as_deref().unwrap_or_default();
        let endpoint = Endpoint::of(head.method.as_deref().unwrap_or_default(), target)?;
        Some(judge(rule, endpoint))
    }
}

fn decision(rule: &ActiveRule, endpoint: Endpoint, head: &RequestHead, fault: Option<Fault>) -> Decision {
    let mut tally = Tally::new(head);
    if let Some(fault) = fault {
        // `Decided` only ends an evaluation early, and nothing comes after this.
        let _ended = tally.note(rule, fault.finding(endpoint), None);
    }
    tally.decision
}

fn of_head(head: &RequestHead) -> Option<Fault> {
    let is_json = head.content_type.as_ref().is_none_or(|value| media_type::is_one_of(value, &MEDIA_TYPES));
    let is_plain = |value: &Vec<u8>| value.is_empty() || value.eq_ignore_ascii_case(b"identity");
    match () {
        () if !is_json => Some(Fault::MediaType),
        () if !head.content_encoding.as_ref().is_none_or(is_plain) => Some(Fault::Encoding),
        () if head.content_length.as_deref().map_or(0, content_length::announced_bytes) > MAX_SIGN_UP_BYTES => {
            Some(Fault::Size)
        }
        () => None,
    }
}

fn of_body(rule: &ActiveRule, endpoint: Endpoint, body: &[u8]) -> Option<Fault> {
    if body.len() > MAX_SIGN_UP_BYTES {
        return Some(Fault::Size);
    }
    let Ok(document) = json::parse(body) else {
        return Some(Fault::Json);
    };
    let Some(members) = document.as_object().filter(|members| members.get(PROTOTYPE_KEY).is_none()) else {
        return Some(Fault::Shape);
    };
    let text = match members.get(endpoint.key()) {
        None | Some(Json::Null) if endpoint != Endpoint::Available => return None,
        // The form sends it so where the server asks for no address.
        Some(Json::String(text)) if text.is_empty() && endpoint != Endpoint::Available => return None,
        Some(Json::String(text)) => text,
        _ => return Some(Fault::Type),
    };
    match (Address::parse(text), &rule.check) {
        (Err(fault), _) => Some(Fault::Address(fault)),
        (Ok(address), Check::SignUp(check)) => check(&address),
        (Ok(_), _) => None,
    }
}

#[cfg(test)]
mod tests;
