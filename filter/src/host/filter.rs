//! The callbacks of a proxy-wasm filter: read what the request is, ask the core, do what it decides.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};

use super::abi::{self, Level, Status};
use super::kind::{Kind, LogField};
use super::pairs;
use crate::answer::{self, Answer};
use crate::decision::{self, Decision, Refusal, Verdict};
use crate::http::{RequestHead, path};
use crate::incident::Incident;
use crate::policy::{Policy, PolicyError};

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
        let version = env!("CARGO_PKG_VERSION");
        let configuration = match abi::plugin_configuration() {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(status) => {
                abi::log(Level::Error, &format!("sekisho: the host does not show the policy: {status}"));
                return self.kind.keeps_without_policy();
            }
        };
        match Policy::parse(&configuration) {
            Ok(policy) => {
                let (host, summary) = (self.kind.name(), policy.inbox.summary());
                abi::log(Level::Info, &format!("sekisho {version} in {host}: policy loaded, {summary}"));
                let counters = define_counters(&policy);
                self.plugin = Some(Rc::new(Plugin { policy, counters }));
                true
            }
            Err(errors) => {
                log_errors(&errors);
                self.kind.keeps_without_policy()
            }
        }
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        let stage = Stage::Other;
        Some(Box::new(Stream { plugin: self.plugin.clone(), kind: self.kind, stage }))
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
    let mut define = |rule: Option<&'static str>, shadow, verdict: Verdict| {
        let (name, mode) = (rule.unwrap_or("none"), if shadow { "shadow" } else { "enforce" });
        let verdict = verdict.as_str();
        let name = format!("sekisho_decisions.rule={name}.mode={mode}.verdict={verdict}");
        match abi::define_counter(&name) {
            Ok(id) => counters.push((CounterKey { rule, shadow }, id)),
            Err(status) => abi::log(Level::Error, &format!("sekisho: no counter {name}: {status}")),
        }
    };
    define(None, false, Verdict::Accept);
    for active in policy.inbox.rules() {
        define(Some(active.rule.id), active.mode == decision::Mode::Shadow, Verdict::from(active.action));
    }
    for incident in Incident::ALL {
        define(Some(incident.id()), false, Verdict::Reject);
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
    /// It is no delivery, or passes.
    Other,
    /// It is a delivery whose body is on its way; so many bytes of it were here at the last callback.
    Reading {
        /// The head.
        head: RequestHead,
        /// In bytes.
        received: usize,
    },
    /// It is refused: whatever the host calls next, nothing of it goes on.
    Held,
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
            return self.stop(Incident::NoPolicy);
        };
        if count > self.kind.max_fields() {
            return self.stop(Incident::TooManyFields);
        }
        let fields = match abi::request_fields() {
            Ok(fields) => fields,
            Err(status) => return self.fail(status),
        };
        let Some(fields) = pairs::read(&fields) else {
            return self.stop(Incident::HostFailure);
        };
        let head = RequestHead::from_fields(fields);
        if let Some(decision) = plugin.policy.inbox.begin(&head) {
            return self.conclude(&decision);
        }
        // nginx never says that the head is all, and has no body callback for a body without bytes.
        if end_of_stream || head.content_length.as_deref() == Some(b"0") {
            return self.conclude(&plugin.policy.inbox.decide(&head, b""));
        }
        self.stage = Stage::Reading { head, received: 0 };
        self.kind.await_body()
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let (Stage::Reading { received, .. }, Some(plugin)) = (&mut self.stage, &self.plugin) else {
            return self.stage.action();
        };
        *received = size;
        if let Some(decision) = plugin.policy.inbox.too_large(size) {
            return self.conclude(&decision);
        }
        if end_of_stream { self.decide() } else { Action::Pause }
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        // With trailers, no body callback is the last one.
        self.decide()
    }
}

impl Stage {
    /// What to answer a callback that brings nothing to decide.
    fn action(&self) -> Action {
        match self {
            Self::Other => Action::Continue,
            Self::Reading { .. } | Self::Held => Action::Pause,
        }
    }
}

/// Asks the host whether the request is a delivery. A host that cannot say what the request is has failed.
fn is_delivery() -> Result<bool, Status> {
    let pseudo_field = |name| abi::request_field(name)?.ok_or(Status::NOT_FOUND);
    let method = pseudo_field(":method")?;
    if path::is_read(&method) {
        return Ok(false);
    }
    Ok(path::is_inbox_delivery(&method, &pseudo_field(":path")?))
}

impl Stream {
    /// What cannot be judged does not pass.
    fn fail(&mut self, status: Status) -> Action {
        abi::log(Level::Error, &format!("sekisho: the host does not show the request: {status}"));
        self.stop(Incident::HostFailure)
    }

    fn stop(&mut self, incident: Incident) -> Action {
        self.conclude(&Decision { refusal: Some(incident.refusal()), ..Decision::default() })
    }

    /// Decides with the whole body.
    fn decide(&mut self) -> Action {
        let Stage::Reading { head, received } = &self.stage else {
            return self.stage.action();
        };
        let Some(plugin) = self.plugin.clone() else {
            return self.stop(Incident::NoPolicy);
        };
        match abi::request_body().map(Option::unwrap_or_default) {
            // The host has the body, but not for us: nginx writes what is over `client_body_buffer_size` to a file.
            Ok(body) if body.len() < *received => self.stop(Incident::UnreadableBody),
            Ok(body) => {
                let decision = plugin.policy.inbox.decide(head, &body);
                self.conclude(&decision)
            }
            Err(status) => self.fail(status),
        }
    }

    fn conclude(&mut self, decision: &Decision) -> Action {
        if let Some(plugin) = &self.plugin {
            plugin.count(decision);
        }
        self.tell_log(decision);
        match &decision.refusal {
            None => self.stage = Stage::Other,
            Some(refusal) => {
                self.stage = Stage::Held;
                self.answer(refusal);
            }
        }
        self.stage.action()
    }

    /// Answers instead of the origin server. If the host cannot even do that, the request stays held and ends in a time-out.
    fn answer(&self, refusal: &Refusal) {
        let answer = Answer::to(refusal);
        let fields = pairs::write(&[("content-type", answer::CONTENT_TYPE)]);
        let details = self.kind.details(refusal.rule);
        if let Err(status) = abi::send_local_response(answer.status, details, &fields, answer.body.as_bytes()) {
            abi::log(Level::Error, &format!("sekisho: the host took no answer: {status}"));
        }
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
