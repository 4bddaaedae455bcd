//! The callbacks of a proxy-wasm filter: read what the request is, ask the core, do what it decides.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};

use super::abi::{self, Level, Status};
use super::kind::{Kind, LogField};
use super::pairs;
use crate::answer::{self, Answer};
use crate::decision::{self, Decision};
use crate::http::{RequestHead, path};
use crate::policy::{Policy, PolicyError};
use crate::rules;

/// The plugin in one worker.
#[derive(Default)]
pub struct Root {
    /// What the streams use. `None` until a policy was valid.
    plugin: Option<Rc<Plugin>>,
    kind: Kind,
}

/// A policy in force.
struct Plugin {
    policy: Policy,
    counters: Vec<(CounterKey, u32)>,
}

/// What a counter counts: the rule that fired, or none, and what came of it.
#[derive(PartialEq, Eq)]
struct CounterKey {
    rule: Option<&'static str>,
    shadow: bool,
}

impl Context for Root {}

impl RootContext for Root {
    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn on_configure(&mut self, _size: usize) -> bool {
        self.kind = Kind::detect();
        let configuration = match abi::plugin_configuration() {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(status) => {
                abi::log(Level::Error, &format!("sekisho: the policy cannot be read from the host: {status:?}"));
                return self.refuse_policy();
            }
        };
        match Policy::parse(&configuration) {
            Ok(policy) => {
                let summary = policy.inbox.summary();
                abi::log(Level::Info, &format!("sekisho {}: policy loaded, {summary}", env!("CARGO_PKG_VERSION")));
                let counters = define_counters(&policy);
                self.plugin = Some(Rc::new(Plugin { policy, counters }));
                true
            }
            Err(errors) => {
                log_errors(&errors);
                self.refuse_policy()
            }
        }
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        let stage = Stage::Other;
        Some(Box::new(Stream { plugin: self.plugin.clone(), kind: self.kind, stage }))
    }
}

impl Root {
    /// What to tell the host about an invalid policy. Envoy then refuses the configuration, or keeps the last good one; nginx
    /// would lose its workers and let every request hang, so there the filter stays and refuses deliveries.
    fn refuse_policy(&self) -> bool {
        self.kind == Kind::Nginx
    }
}

fn log_errors(errors: &[PolicyError]) {
    const MAX_LOGGED: usize = 100;
    for error in errors.iter().take(MAX_LOGGED) {
        abi::log(Level::Error, &format!("sekisho: policy: {error}"));
    }
    abi::log(Level::Error, &format!("sekisho: policy refused, errors: {}; try `sekisho check`", errors.len()));
}

/// One counter for each rule in force, and one for what no rule refuses. Names are for ever, and never from a request.
fn define_counters(policy: &Policy) -> Vec<(CounterKey, u32)> {
    let mut counters = Vec::new();
    let mut define = |rule: Option<&'static str>, shadow, verdict: &str| {
        let (name, mode) = (rule.unwrap_or("none"), if shadow { "shadow" } else { "enforce" });
        let name = format!("sekisho_decisions.rule={name}.mode={mode}.verdict={verdict}");
        match abi::define_counter(&name) {
            Ok(id) => counters.push((CounterKey { rule, shadow }, id)),
            Err(status) => abi::log(Level::Error, &format!("sekisho: no counter {name}: {status:?}")),
        }
    };
    define(None, false, "accept");
    for active in policy.inbox.rules() {
        let verdict = match active.action {
            decision::Action::Drop => "drop",
            decision::Action::Reject => "reject",
        };
        define(Some(active.rule.id), active.mode == decision::Mode::Shadow, verdict);
    }
    counters
}

/// One request.
struct Stream {
    plugin: Option<Rc<Plugin>>,
    kind: Kind,
    stage: Stage,
}

/// How far the filter is with a request.
enum Stage {
    /// It is no delivery, or is decided.
    Other,
    /// It is a delivery whose body is on its way.
    Reading(RequestHead),
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, count: usize, end_of_stream: bool) -> Action {
        // Most requests end here: one call to the host, or two.
        match is_delivery() {
            Ok(false) => return Action::Continue,
            Ok(true) => {}
            Err(status) => return self.fail(status),
        }
        let Some(plugin) = self.plugin.clone() else {
            return self.answer(&Answer::without_policy(), "policy");
        };
        if count > self.kind.max_fields() {
            return self.answer(&Answer::too_many_fields(), "request.fields");
        }
        let fields = match abi::request_fields() {
            Ok(fields) => fields,
            Err(status) => return self.fail(status),
        };
        let head = RequestHead::from_fields(pairs::read(&fields).unwrap_or_default());
        if let Some(decision) = plugin.policy.inbox.begin(&head) {
            return self.conclude(&plugin, &decision);
        }
        // nginx never says that the head is all, and has no body callback for a body without bytes.
        if end_of_stream || head.content_length.as_deref() == Some(b"0") {
            return self.conclude(&plugin, &plugin.policy.inbox.decide(&head, b""));
        }
        self.stage = Stage::Reading(head);
        match self.kind {
            Kind::Envoy => Action::Pause,
            Kind::Nginx => Action::Continue,
        }
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let (Stage::Reading(_), Some(plugin)) = (&self.stage, self.plugin.clone()) else {
            return Action::Continue;
        };
        if let Some(decision) = plugin.policy.inbox.too_large(size) {
            return self.conclude(&plugin, &decision);
        }
        if end_of_stream { self.decide(&plugin, size) } else { Action::Pause }
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        match self.plugin.clone() {
            // With trailers, no body callback is the last one.
            Some(plugin) => self.decide(&plugin, 0),
            None => Action::Continue,
        }
    }
}

/// Asks the host whether the request is a delivery. A host that cannot say what the request is has failed.
fn is_delivery() -> Result<bool, Status> {
    let pseudo_field = |name| abi::request_field(name)?.ok_or(Status::NOT_FOUND);
    if pseudo_field(":method")? != b"POST" {
        return Ok(false);
    }
    Ok(path::is_inbox_delivery(b"POST", &pseudo_field(":path")?))
}

impl Stream {
    /// What cannot be judged does not pass; senders come again.
    fn fail(&self, status: Status) -> Action {
        abi::log(Level::Error, &format!("sekisho: the host does not show the request: {status:?}"));
        self.answer(&Answer::host_failure(), "host")
    }

    /// Decides with the whole body, of which the host said that it has `size` bytes.
    fn decide(&mut self, plugin: &Plugin, size: usize) -> Action {
        let Stage::Reading(head) = std::mem::replace(&mut self.stage, Stage::Other) else {
            return Action::Continue;
        };
        let body = abi::request_body().ok().flatten().unwrap_or_default();
        if body.len() < size {
            // The host has the body, but not for us: nginx writes what is over `client_body_buffer_size` to a file.
            return self.answer(&Answer::unreadable_body(), rules::inbox_size::RULE.id);
        }
        self.conclude(plugin, &plugin.policy.inbox.decide(&head, &body))
    }

    fn conclude(&mut self, plugin: &Plugin, decision: &Decision) -> Action {
        self.stage = Stage::Other;
        plugin.count(decision);
        self.tell_log(decision);
        match &decision.refusal {
            None => Action::Continue,
            Some(refusal) => self.answer(&Answer::to(refusal), refusal.rule),
        }
    }

    /// Answers instead of the origin server, and holds the request for good. If the host cannot even do that, the request stays
    /// held: it ends in a time-out, never at the origin server.
    fn answer(&self, answer: &Answer, rule: &str) -> Action {
        let fields = pairs::write(&[("content-type", answer::CONTENT_TYPE)]);
        // Envoy logs the details; nginx would send them to the client as the reason phrase.
        let details = if self.kind == Kind::Envoy { rule } else { "" };
        if let Err(status) = abi::send_local_response(answer.status, details, &fields, answer.body.as_bytes()) {
            abi::log(Level::Error, &format!("sekisho: the host took no answer: {status:?}"));
        }
        Action::Pause
    }

    /// Hands to the access log what it may say.
    fn tell_log(&self, decision: &Decision) {
        let tell = |field, value: &str| {
            // A log without the field, or an nginx that has not declared it, is no reason to fail.
            let _status = abi::set_property(self.kind.log_property(field), value.as_bytes());
        };
        tell(LogField::Verdict, decision.verdict().as_str());
        if let Some(refusal) = &decision.refusal {
            tell(LogField::Rule, refusal.rule);
            tell(LogField::Reason, &format!("{} {}", refusal.finding.place, refusal.finding.reason));
        }
        if !decision.shadow.is_empty() {
            tell(LogField::Shadow, &decision.shadow.join(","));
        }
        if let Some(actor) = &decision.actor {
            tell(LogField::Actor, actor);
        }
        if let Some(verb) = decision.verb {
            tell(LogField::Type, verb);
        }
    }
}

impl Plugin {
    fn count(&self, decision: &Decision) {
        let increment = |rule, shadow| {
            let wanted = CounterKey { rule, shadow };
            if let Some((_, id)) = self.counters.iter().find(|(key, _)| *key == wanted) {
                // The counter was defined by this host; there is nothing to do about one that it lost.
                let _status = abi::increment(*id);
            }
        };
        increment(decision.rule(), false);
        for rule in &decision.shadow {
            increment(Some(*rule), true);
        }
    }
}
