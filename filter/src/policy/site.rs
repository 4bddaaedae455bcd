//! The compiled rules for one host, or for all that have none of their own.

use std::rc::Rc;

use serde_json::{Map, Value};

use super::compiler::{Compiler, unknown_keys};
use super::layers::Source;
use super::reader::Reader;
use crate::decision::{Action, Decision, Mode};
use crate::guard::Guard;
use crate::http::RequestHead;
use crate::inbox::Inbox;
use crate::registry::{ActiveRule, Phase, RULE_SECTIONS, RULES, Rule};
use crate::rules::via;
use crate::share::Share;
use crate::signup::SignUp;

/// The rules for one host.
#[derive(Debug)]
pub struct Site {
    /// Its label in metrics, where a policy has hosts: the name of the host, or `default`.
    pub label: Option<Rc<str>>,
    /// Those for all requests.
    pub guard: Guard,
    /// That for requests that name an e-mail address.
    pub signup: SignUp,
    /// Those for deliveries.
    pub inbox: Inbox,
    /// What the rule `via` says of our own name, where it is not off: empty for a derived one.
    pseudonym: Option<Rc<str>>,
}

impl Site {
    /// The name that the host appends to `Via` and `CDN-Loop` of what it forwards for this site: the policy's, or the one that the host has derived for itself. `None` where
    /// `via` is off: then nothing is appended.
    pub fn pseudonym<'s>(&'s self, derived: &'s Rc<str>) -> Option<&'s Rc<str>> {
        let configured = self.pseudonym.as_ref()?;
        Some(if configured.is_empty() { derived } else { configured })
    }

    /// Judges a whole request, as a host does step by step.
    pub fn decide(&self, head: &RequestHead, body: &[u8]) -> Decision {
        let first = self.guard.decide(head);
        if first.refusal.is_some() {
            return first;
        }
        self.decide_body(head, body).after(&first.shadow)
    }

    /// Judges what the head alone tells of a request whose body is wanted. `None` when the body is needed.
    pub fn begin(&self, head: &RequestHead) -> Option<Decision> {
        // One target can be a sign-up to this and a delivery to that router: neither is a way around the other.
        let signup = self.signup.begin(head);
        if signup.as_ref().is_some_and(|decision| decision.refusal.is_some()) {
            return signup;
        }
        let inbox = if head.is_delivery() { self.inbox.begin(head) } else { Some(Decision::default()) };
        let earlier = signup.as_ref().map_or(&[][..], |decision| &decision.shadow);
        let inbox = inbox?.after(earlier);
        (signup.is_some() || inbox.refusal.is_some()).then_some(inbox)
    }

    /// Judges a body that is still growing and has `received` bytes so far.
    pub fn too_large(&self, head: &RequestHead, received: usize) -> Option<Decision> {
        let inbox = || if head.is_delivery() { self.inbox.too_large(head, received) } else { None };
        let signup = self.signup.too_large(head, received);
        // In shadow it is let go: held any longer, the proxy itself would refuse it. A delivery has a limit of its own.
        let is_last = |decision: &Decision| decision.refusal.is_some() || !head.is_delivery();
        signup.filter(is_last).or_else(inbox)
    }

    /// Judges a request whose body is wanted, with all of it.
    pub fn decide_body(&self, head: &RequestHead, body: &[u8]) -> Decision {
        let signup = self.signup.decide(head, body);
        if signup.refusal.is_some() || !head.is_delivery() {
            return signup;
        }
        self.inbox.decide(head, body).after(&signup.shadow)
    }

    /// All rules that are not off, in the order of evaluation.
    pub fn rules(&self) -> impl Iterator<Item = &ActiveRule> {
        self.guard.rules().iter().chain(self.signup.rules()).chain(self.inbox.rules()).map(Rc::as_ref)
    }

    /// How many rules are in force, for the log.
    pub(super) fn summary(&self) -> String {
        let count = |mode| self.rules().filter(|active| active.mode == mode).count();
        format!("{} rules in enforce mode, {} in shadow", count(Mode::Enforce), count(Mode::Shadow))
    }
}

impl Compiler<'_> {
    /// Compiles all rules from the sources in order; also gives the sections in force. Rules of which the first source says nothing are those of `base`.
    pub(super) fn site(&mut self, sources: &[Source<'_>], base: Option<&Compiled>) -> Compiled {
        let mut compiled = Compiled::default();
        for section in RULE_SECTIONS {
            let rules = || RULES.iter().filter(|rule| rule.section() == *section);
            if let Some(own) = sources.first()
                && let Some(value) = own.root.and_then(|root| root.get(section))
                && rules().all(|rule| rule.name().is_some())
            {
                let names: Vec<&str> = rules().filter_map(Rule::name).collect();
                self.errors.extend(unknown_keys(&format!("{}.{section}", own.path), value, &names));
            }
        }
        for (index, rule) in RULES.iter().enumerate() {
            let is_silent = sources.first().is_some_and(|own| own.layer(rule.id).is_silent(self.overlay));
            let inherited = base.filter(|_| is_silent).and_then(|base| base.rules.get(index));
            let one = match inherited {
                Some((active, fields)) => (Rc::clone(active), fields.clone()),
                None => {
                    let (active, fields) = self.group(rule.id, sources, |reader| read_rule(rule, reader));
                    (Rc::new(active), fields)
                }
            };
            compiled.rules.push(one);
        }
        compiled
    }
}

/// All rules, in the order of the registry, each with its fields in force.
#[derive(Debug, Default)]
pub(super) struct Compiled {
    rules: Vec<(Rc<ActiveRule>, Value)>,
}

impl Compiled {
    /// The sections in force.
    pub(super) fn effective(&self) -> Map<String, Value> {
        let mut sections = Map::new();
        for (active, fields) in &self.rules {
            let section = sections.entry(active.rule.section()).or_insert_with(|| Value::Object(Map::new()));
            match (active.rule.name(), section) {
                (Some(name), Value::Object(members)) => drop(members.insert(name.to_owned(), fields.clone())),
                (None, Value::Object(members)) => members.extend(fields.as_object().cloned().unwrap_or_default()),
                (_, section) => section.clone_from(fields),
            }
        }
        sections
    }

    /// The rules that are not off.
    pub(super) fn site(&self, label: Option<&str>) -> Site {
        let active = self.rules.iter().map(|(active, _)| Rc::clone(active)).filter(|active| active.mode != Mode::Off);
        let (guard, other): (Vec<_>, Vec<_>) = active.partition(|active| active.rule.phase == Phase::Request);
        let (signup, inbox): (Vec<_>, Vec<_>) =
            other.into_iter().partition(|active| active.rule.phase == Phase::SignUp);
        Site {
            label: label.map(metric_label),
            guard: Guard::new(guard),
            signup: SignUp::new(signup.into_iter().next()),
            inbox: Inbox::new(inbox),
            pseudonym: self.pseudonym().map(Rc::from),
        }
    }

    /// Our name as the rule `via` has it, if that is not off.
    pub(super) fn pseudonym(&self) -> Option<&str> {
        let mut rules = self.rules.iter();
        let (_, fields) = rules.find(|(active, _)| active.rule.id == via::RULE.id && active.mode != Mode::Off)?;
        fields.get(via::PSEUDONYM)?.as_str()
    }
}

/// A name as a label: that of an IPv6 address without its brackets and colons.
fn metric_label(name: &str) -> Rc<str> {
    let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    name.chars().map(|c| if fit(c) { c } else { '_' }).collect::<String>().into()
}

/// Reads what all rules have, and what is special to this one.
pub(super) fn read_rule(rule: &'static Rule, reader: &mut Reader<'_>) -> ActiveRule {
    if rule.name().is_none() {
        let section = RULES.iter().filter(|other| other.section() == rule.section());
        reader.leave(section.filter_map(Rule::name));
    }
    let mode = reader.choice("mode", rule.mode, "`off`, `shadow` (counted and logged only) or `enforce`");
    let action = match rule.action {
        Some(default) => {
            reader.choice("action", default, "`drop` (202, silently) or `reject` (4xx with the rule's id)")
        }
        None => Action::Reject,
    };
    let check = (rule.compile)(reader);
    let share = match rule.has_share() {
        true => Share::percent(reader.integer("enforce_percent", 0..=100, 100, ENFORCE_PERCENT)),
        false => Share::ALL,
    };
    ActiveRule { rule, mode, share, action, check }
}

const ENFORCE_PERCENT: &str = "the share of actors for whom `enforce` acts, in percent, always the same ones; for the others it is as in `shadow`";
