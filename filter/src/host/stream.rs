//! One request: read what it is, ask the core, do what it decides.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::abi::{self, Level, Status};
use super::kind::{Kind, LogField};
use super::page::PageStream;
use super::pairs;
use super::plugin::Plugin;
use super::preview::PreviewStream;
use super::pseudonym::sign;
use crate::answer::Answer;
use crate::decision::{Decision, Mode, Refusal, Shadowed};
use crate::http::{RequestHead, path, pseudonym};
use crate::incident::Incident;
use crate::metrics::{AuthRoute, Counter};
use crate::page::PageRequest;
use crate::page::fields::Received;
use crate::page::reports::MAX_REPORT_BYTES;
use crate::policy::Site;
use crate::preview::Cleaned;
use crate::signup::Endpoint;

/// One request.
pub struct Stream {
    plugin: Option<Rc<Plugin>>,
    kind: Kind,
    /// The host, where the policy depends on it.
    host: Option<String>,
    is_delivery: bool,
    /// Our name, which the response is to carry.
    via: Option<Rc<str>>,
    stage: Stage,
    page: PageStream,
    preview: Option<PreviewStream>,
}

impl Stream {
    /// A request, under the policy in force.
    pub fn new(plugin: Option<Rc<Plugin>>, kind: Kind) -> Self {
        Self {
            plugin,
            kind,
            host: None,
            is_delivery: false,
            via: None,
            stage: Stage::Other,
            page: PageStream::default(),
            preview: None,
        }
    }
}

/// How far the filter is with a request.
enum Stage {
    /// It passes, and nobody asks how it ends.
    Other,
    /// Its body is wanted and on its way; so many bytes of it were here at the last callback.
    Reading {
        /// The head.
        head: Box<RequestHead>,
        /// In bytes.
        received: usize,
        /// What was noted before the body.
        earlier: Vec<Shadowed>,
    },
    /// It is a report of a browser, whose body is on its way.
    Report {
        /// Its `Content-Type`.
        content_type: Option<Vec<u8>>,
        /// The host that it came for.
        host: Option<String>,
    },
    /// It passes to where the server authenticates.
    Passed(AuthRoute),
    /// It is refused: whatever the host calls next, nothing of it goes on.
    Held,
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, count: usize, end_of_stream: bool) -> Action {
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
        let asked = Received(&fields);
        let (Some(method), Some(path)) = (asked.first(":method"), asked.first(":path")) else {
            return self.fail(Status::NOT_FOUND);
        };
        self.is_delivery = path::is_inbox_delivery(method, path);
        let Some(plugin) = self.plugin.clone() else {
            let is_guarded = self.is_delivery || Endpoint::of(method, path).is_some();
            return if is_guarded { self.stop(Incident::NoPolicy) } else { Action::Continue };
        };
        if plugin.page.is_report(method, path) && !self.is_delivery {
            return self.begin_report(asked, end_of_stream);
        }
        // A delivery is answered to a server, not to a browser.
        if !self.is_delivery {
            match PageStream::asked(&plugin.page, self.kind, asked) {
                Ok(page) => self.page = page,
                Err(status) => return self.fail(status),
            }
            match PreviewStream::asked(&plugin.policy, self.kind, asked) {
                Ok(preview) => self.preview = preview,
                Err(status) => return self.fail(status),
            }
            if let Some(url) = self.page.https_url() {
                return self.upgrade(&url);
            }
            if !path::is_read(method) && path.starts_with(b"/api/signin") {
                self.stage = Stage::Passed(AuthRoute::SignIn);
            }
        }
        let mut head = RequestHead::from_fields(fields.iter().copied());
        head.pseudonym = Some(Rc::clone(&plugin.pseudonym));
        if plugin.policy.has_hosts() {
            self.host = head.host_name();
        }
        let site = plugin.policy.site(self.host.as_deref());
        let first = site.guard.decide(&head);
        if first.refusal.is_some() {
            return self.conclude(&first);
        }
        if site.guard.keeps_authorization(&head)
            && let Err(status) = self.kind.withdraw("authorization")
        {
            return self.fail(status);
        }
        // Our media service writes its own name, and may fetch from here.
        if let Some(name) = site.pseudonym(&plugin.pseudonym).filter(|_| !plugin.policy.is_for_media(&head)) {
            self.via = Some(Rc::clone(name));
            if let Err(status) = sign(self.kind, asked, &head, name) {
                return self.fail(status);
            }
        }
        if !self.is_delivery && !site.signup.takes(method, path) {
            self.note_shadow(&first);
            return Action::Continue;
        }
        let earlier = first.shadow;
        if let Some(decision) = site.begin(&head) {
            return self.conclude(&decision.after(&earlier));
        }
        if !self.kind.has_body(asked, end_of_stream) {
            return self.conclude(&site.decide_body(&head, b"").after(&earlier));
        }
        self.stage = Stage::Reading { head: Box::new(head), received: 0, earlier };
        self.kind.await_body()
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if let Stage::Report { .. } = self.stage {
            return self.report(size, end_of_stream);
        }
        let (Stage::Reading { head, received, earlier }, Some(plugin)) = (&mut self.stage, &self.plugin) else {
            return self.stage.action();
        };
        *received = size;
        let site = plugin.policy.site(self.host.as_deref());
        if let Some(decision) = site.too_large(head, size) {
            let decision = decision.after(earlier);
            return self.conclude(&decision);
        }
        if end_of_stream { self.decide() } else { Action::Pause }
    }

    fn on_http_response_headers(&mut self, count: usize, end_of_stream: bool) -> Action {
        // Servers are asked by HTTP/1.1.
        let via = self.via.take().map(|name| pseudonym::via_entry(b"HTTP/1.1", &name));
        let Some(plugin) = self.plugin.clone() else { return Action::Continue };
        // Our own answers pass here too, and are as they should be.
        if matches!(self.stage, Stage::Held) {
            self.preview = None;
            return Action::Continue;
        }
        if let Stage::Passed(route) = &self.stage
            && let Some(failure) = response_status().and_then(|status| route.failure(status))
        {
            plugin.count(failure);
        }
        if let Err(status) = self.page.head(&plugin, self.kind, count, via) {
            abi::log(Level::Error, &format!("sekisho: the head of a page cannot be changed: {status}"));
        }
        if let (Some(preview), false) = (&mut self.preview, end_of_stream)
            && let Err(status) = preview.head(&plugin.policy.preview, self.kind, count)
        {
            abi::log(Level::Error, &format!("sekisho: the head of a preview cannot be changed: {status}"));
        }
        Action::Continue
    }

    fn on_http_response_body(&mut self, _size: usize, end_of_stream: bool) -> Action {
        let Some(plugin) = &self.plugin else { return Action::Continue };
        self.page.body(plugin, end_of_stream);
        if let Some(preview) = &mut self.preview
            && let Some(cleaned) = preview.body(&plugin.policy.preview, end_of_stream)
        {
            self.note_preview(&cleaned);
        }
        Action::Continue
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        // With trailers, no body callback is the last one.
        if let Stage::Report { .. } = self.stage { self.report(0, true) } else { self.decide() }
    }
}

fn response_status() -> Option<u16> {
    std::str::from_utf8(&abi::response_field(":status").ok()??).ok()?.parse().ok()
}

impl Stage {
    /// What to answer a callback that brings nothing to decide.
    fn action(&self) -> Action {
        match self {
            Self::Other | Self::Passed(_) => Action::Continue,
            Self::Reading { .. } | Self::Report { .. } | Self::Held => Action::Pause,
        }
    }
}

impl Stream {
    /// What cannot be judged does not pass.
    fn fail(&mut self, status: Status) -> Action {
        abi::log(Level::Error, &format!("sekisho: the host does not show the request: {status}"));
        self.stop(Incident::HostFailure)
    }

    /// A report is answered here, whatever becomes of it. A browser does not look at the answer.
    fn begin_report(&mut self, asked: Received<'_>, end_of_stream: bool) -> Action {
        if !self.plugin.as_ref().is_some_and(|plugin| plugin.admits_report()) {
            return self.answer_plainly(429, &[("retry-after", "10")]);
        }
        if !self.kind.has_body(asked, end_of_stream) {
            return self.answer_plainly(400, &[]);
        }
        self.stage = Stage::Report {
            content_type: asked.first("content-type").map(<[u8]>::to_vec),
            host: asked.first(self.kind.host_field()).and_then(PageRequest::host),
        };
        self.kind.await_body()
    }

    fn report(&mut self, size: usize, end_of_stream: bool) -> Action {
        let (Stage::Report { content_type, host }, Some(plugin)) = (&self.stage, &self.plugin) else {
            return self.stage.action();
        };
        if size > MAX_REPORT_BYTES {
            return self.answer_plainly(413, &[]);
        }
        if !end_of_stream {
            return Action::Pause;
        }
        let status = match abi::request_body() {
            Ok(body) => plugin.report(content_type.as_deref(), host.as_deref(), &body.unwrap_or_default()),
            Err(_) => 400,
        };
        self.answer_plainly(status, &[])
    }

    /// Sends the browser to the same page by https.
    fn upgrade(&mut self, url: &str) -> Action {
        let fields = [("location", url), ("vary", "upgrade-insecure-requests"), ("cache-control", "no-store")];
        self.answer_plainly(307, &fields)
    }

    /// Answers without a body, and not for a rule.
    fn answer_plainly(&mut self, status: u16, fields: &[(&str, &str)]) -> Action {
        self.stage = Stage::Held;
        let details = self.kind.details("page");
        if let Err(status) = abi::send_local_response(status, details, &pairs::write(fields), b"") {
            abi::log(Level::Error, &format!("sekisho: the host took no answer: {status}"));
        }
        Action::Pause
    }

    fn stop(&mut self, incident: Incident) -> Action {
        let earlier = match &self.stage {
            Stage::Reading { earlier, .. } => earlier.clone(),
            _ => Vec::new(),
        };
        self.conclude(&Decision { refusal: Some(incident.refusal()), shadow: earlier, ..Decision::default() })
    }

    fn site<'p>(&self, plugin: &'p Plugin) -> &'p Site {
        plugin.policy.site(self.host.as_deref())
    }

    /// Decides with the whole body.
    fn decide(&mut self) -> Action {
        let Stage::Reading { head, received, earlier } = &self.stage else {
            return self.stage.action();
        };
        let Some(plugin) = self.plugin.clone() else {
            return self.stop(Incident::NoPolicy);
        };
        match abi::request_body().map(Option::unwrap_or_default) {
            // The host has the body, but not for us: nginx writes what is over `client_body_buffer_size` to a file.
            Ok(body) if body.len() < *received => self.stop(Incident::UnreadableBody),
            Ok(body) => {
                let site = self.site(&plugin);
                let decision = plugin.timed(|| site.decide_body(head, &body)).after(earlier);
                self.conclude(&decision)
            }
            Err(status) => self.fail(status),
        }
    }

    fn conclude(&mut self, decision: &Decision) -> Action {
        if self.is_delivery || decision.refusal.is_some() {
            self.note(decision);
        } else {
            self.note_shadow(decision);
        }
        match &decision.refusal {
            None if self.is_delivery => self.stage = Stage::Passed(AuthRoute::Inbox),
            None => self.stage = Stage::Other,
            Some(refusal) => {
                self.stage = Stage::Held;
                self.answer(refusal);
            }
        }
        self.stage.action()
    }

    /// Counts a decision, and hands it to the log.
    fn note(&self, decision: &Decision) {
        if let Some(plugin) = &self.plugin {
            plugin.count_decision(decision, self.site(plugin));
        }
        self.tell_log(decision);
    }

    /// The same for a request that passes and is no delivery: it has no verdict, but there may be rules that would have refused it.
    fn note_shadow(&self, decision: &Decision) {
        if let (Some(plugin), false) = (&self.plugin, decision.shadow.is_empty()) {
            plugin.count_shadow(decision, self.site(plugin));
            self.tell(LogField::Shadow, &decision.shadow_rules().join(","));
        }
    }

    /// Counts what was changed in a preview, and tells the log of it.
    fn note_preview(&self, cleaned: &Cleaned) {
        let Some(plugin) = self.plugin.as_ref().filter(|_| !cleaned.changes.is_empty()) else { return };
        let is_enforced = plugin.policy.preview.settings.mode == Mode::Enforce;
        for change in &cleaned.changes {
            plugin.count(Counter::Preview { change: *change, is_enforced });
        }
        let words: Vec<&str> = cleaned.changes.iter().map(|change| change.as_str()).collect();
        let host = cleaned.player_host.as_ref().map(|host| format!(", no player of {host}")).unwrap_or_default();
        let field = if is_enforced { LogField::Reason } else { LogField::Shadow };
        self.tell(field, &format!("preview {}{host}", words.join(" ")));
    }

    /// Answers instead of the origin server. If the host cannot even do that, the request stays held and ends in a time-out.
    fn answer(&self, refusal: &Refusal) {
        let answer = Answer::to(refusal);
        let fields = pairs::write(&answer.all_fields());
        let details = self.kind.details(refusal.rule);
        if let Err(status) = abi::send_local_response(answer.status, details, &fields, answer.body.as_bytes()) {
            abi::log(Level::Error, &format!("sekisho: the host took no answer: {status}"));
        }
    }

    /// Hands to the access log what it may say.
    fn tell_log(&self, decision: &Decision) {
        let tell = |field, value: &str| self.tell(field, value);
        tell(LogField::Verdict, decision.verdict().as_str());
        if let Some(refusal) = &decision.refusal {
            tell(LogField::Rule, refusal.rule);
            tell(LogField::Reason, &format!("{} {}", refusal.finding.place, refusal.finding.reason));
        }
        if !decision.shadow.is_empty() {
            tell(LogField::Shadow, &decision.shadow_rules().join(","));
        }
        if let Some(actor) = &decision.actor {
            tell(LogField::Actor, actor);
        }
        if let Some(verb) = decision.verb {
            tell(LogField::Type, verb);
        }
    }

    fn tell(&self, field: LogField, value: &str) {
        // A log without the field, or an nginx that has not declared it, is no reason to fail.
        let _status = abi::set_property(self.kind.log_property(field), value.as_bytes());
    }
}
