//! The plugin in one worker: the policy that it was configured with, and the runtime keys over it.

use std::rc::Rc;
use std::time::Duration;

use crate::hash;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use super::abi::{self, Level};
use super::kind::Kind;
use super::learned::Learned;
use super::live::{self, Live};
use super::metrics::{self, Metrics};
use super::plugin::Plugin;
use super::pseudonym;
use super::reports::Reporter;
use super::stream::Stream;
use crate::metrics::{Counter, Gauge};
use crate::policy::{Overlay, OverlayReport, Policy, PolicyError};

/// How soon after a configuration the first tick comes. Only what really takes over traffic ticks: Envoy also configures a copy to try a policy.
const FIRST_TICK: Duration = Duration::from_millis(100);

/// How often there is a tick where nothing else asks for one: what is counted later has to be handed over.
const COUNT_TICK: Duration = Duration::from_secs(5);

/// The plugin in one worker.
#[derive(Default)]
pub struct Root {
    kind: Kind,
    /// What tells this plugin from others in the same process.
    name: String,
    /// The policy as it was configured. Valid, once there is a `plugin`.
    document: Vec<u8>,
    /// What the streams use. `None` until a policy was valid.
    plugin: Option<Rc<Plugin>>,
    pseudonym: Rc<str>,
    metrics: Rc<Metrics>,
    reporter: Rc<Reporter>,
    live: Option<Live>,
    /// What the service learned of the server's pages.
    learned: Option<Learned>,
    report: OverlayReport,
    ticked: bool,
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, _fields: usize, body_size: usize, _trailers: usize) {
        if let Some(live) = &mut self.live {
            live.answered(token, body_size, &self.metrics);
        }
        if let (Some(learned), Some(plugin)) = (&mut self.learned, &self.plugin)
            && learned.answered(token, body_size, &plugin.policy.page, &self.metrics)
        {
            self.put_in_force(Rc::clone(&plugin.policy));
            self.tell_manifest();
        }
        self.refresh();
    }
}

impl RootContext for Root {
    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn on_configure(&mut self, _size: usize) -> bool {
        self.kind = Kind::detect();
        let document = match abi::plugin_configuration() {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(status) => {
                abi::log(Level::Error, &format!("sekisho: the host does not show the policy: {status}"));
                return self.kind.keeps_without_policy();
            }
        };
        let policy = match Policy::parse(&document) {
            Ok(policy) => policy,
            Err(errors) => {
                log_errors(&errors);
                return self.kind.keeps_without_policy();
            }
        };
        self.document = document;
        self.name = if self.kind.has_runtime_keys() { self.kind.plugin_name() } else { String::new() };
        self.pseudonym = pseudonym::derived(self.kind);
        self.metrics = Rc::new(Metrics::new());
        self.live = if self.kind.has_runtime_keys() { Live::new(&policy.runtime) } else { None };
        let learn = policy.page.settings.learn.as_ref();
        self.learned = learn.filter(|_| self.kind.has_runtime_keys()).map(Learned::new);
        if learn.is_some() && self.learned.is_none() {
            let (host, what) = (self.kind.name(), "page.learn_origin does nothing here: pin the manifest");
            abi::log(Level::Error, &format!("sekisho: pages: in {host}, {what}"));
        }
        match self.live.as_mut().and_then(Live::inherited) {
            // Another configuration of this process has learned them: there is no moment without them.
            Some(overlay) => self.lay_over(&overlay),
            None => self.put_in_force(Rc::new(policy)),
        }
        if self.kind.has_runtime_keys() {
            set_tick_period(FIRST_TICK);
        } else {
            self.tell();
        }
        true
    }

    fn on_tick(&mut self) {
        if !self.ticked {
            self.ticked = true;
            live::make_current(&self.name, self.configuration());
            self.tell();
        }
        self.metrics.tick();
        self.refresh();
        if live::is_current(&self.name, configuration(&self.document)) {
            if let Some(live) = &mut self.live {
                live.ask(&self.metrics);
            }
            if let Some(learned) = &mut self.learned {
                learned.ask(&self.metrics);
            }
        }
        let ticks = [self.live.as_ref().map(Live::tick), self.learned.as_ref().map(Learned::tick)];
        set_tick_period(ticks.into_iter().flatten().min().unwrap_or(COUNT_TICK));
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(self.plugin.clone(), self.kind)))
    }
}

impl Root {
    /// Puts in force what was learned of runtime keys and of the server's pages, by whichever worker.
    fn refresh(&mut self) {
        if let (Some(learned), Some(plugin)) = (&mut self.learned, &self.plugin)
            && learned.look()
        {
            self.put_in_force(Rc::clone(&plugin.policy));
            self.tell_manifest();
        }
        let Some(overlay) = self.live.as_mut().and_then(Live::news) else { return };
        self.lay_over(&overlay);
        self.tell();
    }

    fn lay_over(&mut self, overlay: &Overlay) {
        // The document alone is valid, and an overlay cannot change that.
        let Ok((mut policy, mut report)) = Policy::parse_with(&self.document, overlay) else { return };
        let good = live::good_values(&self.name);
        let mended = overlay.mended(&report, &good);
        if let Some(mended) = &mended
            && let Ok((with_last, last)) = Policy::parse_with(&self.document, mended)
        {
            policy = with_last;
            report.applied = last.applied;
        }
        let values = mended.as_ref().unwrap_or(overlay).only(&report.applied);
        if values != good && live::is_current(&self.name, self.configuration()) {
            live::keep_good_values(&self.name, &values);
        }
        if let Some(live) = &mut self.live {
            live.set_period(policy.runtime.period);
        }
        self.report = report;
        self.put_in_force(Rc::new(policy));
    }

    /// From now on streams begin under this policy, with what is known of the server's pages.
    fn put_in_force(&mut self, policy: Rc<Policy>) {
        let page = self.learned.as_ref().map_or_else(|| Rc::clone(&policy.page), |learned| learned.page(&policy.page));
        self.plugin = Some(Rc::new(Plugin::new(
            policy,
            page,
            Rc::clone(&self.pseudonym),
            Rc::clone(&self.metrics),
            Rc::clone(&self.reporter),
        )));
    }

    fn tell_manifest(&self) {
        let is_current = live::is_current(&self.name, self.configuration());
        if let (Some(learned), Some(plugin), true) = (&self.learned, &self.plugin, is_current) {
            learned.tell(&self.name, &plugin.page);
        }
    }

    /// Tells the log and the gauges what is in force: one worker for all of the process, unless this configuration was replaced.
    fn tell(&self) {
        let Some(plugin) = &self.plugin else { return };
        if self.kind.has_runtime_keys() && !live::is_current(&self.name, self.configuration()) {
            return;
        }
        let fingerprint = plugin.policy.fingerprint();
        metrics::set(Gauge::PolicyFingerprint, fingerprint.into());
        let (applied, refused) = (self.report.applied.len(), self.report.refused.len());
        metrics::set(Gauge::RuntimeApplied, u64::try_from(applied).unwrap_or(u64::MAX));
        metrics::set(Gauge::RuntimeRefused, u64::try_from(refused).unwrap_or(u64::MAX));
        self.tell_refusals();
        self.tell_manifest();
        if self.kind.has_runtime_keys() && !live::says_first(&self.name, self.state()) {
            return;
        }
        if let Ok(now) = abi::now() {
            metrics::set(Gauge::PolicyLoaded, now / 1_000_000_000);
        }
        let (version, host, summary) = (env!("CARGO_PKG_VERSION"), self.kind.name(), plugin.policy.summary());
        let keys = match applied {
            0 => String::new(),
            _ => format!("; runtime keys in force: {applied}: {}", shown(&self.report.applied)),
        };
        abi::log(Level::Info, &format!("sekisho {version} in {host}: policy loaded: {summary}{keys}"));
        for warning in plugin.policy.warnings() {
            abi::log(Level::Warn, &format!("sekisho: {warning}"));
        }
    }

    /// Tells what was refused, once for as long as it is the same.
    fn tell_refusals(&self) {
        let refused = &self.report.refused;
        let what = hash::of(refused.iter().flat_map(|error| [error.path.as_bytes(), error.message.as_bytes()]));
        if !self.kind.has_runtime_keys() || !live::says_first(&format!("{}.refused", self.name), what) {
            return;
        }
        if !refused.is_empty() {
            let count = refused.len();
            self.metrics.count(Counter::RefusedValues, u32::try_from(count).unwrap_or(u32::MAX));
            abi::log(Level::Error, &format!("sekisho: runtime keys refused: {count}: {}", shown(refused)));
        }
    }

    /// A number for what is told: the version, the policy in force, and which keys are.
    fn state(&self) -> u64 {
        let numbers =
            [self.configuration(), self.plugin.as_ref().map_or(0, |plugin| plugin.policy.fingerprint().into())];
        let numbers = numbers.map(u64::to_le_bytes);
        let version = env!("CARGO_PKG_VERSION").as_bytes();
        let parts = numbers.iter().map(|number| &number[..]).chain([version]);
        hash::of(parts.chain(self.report.applied.iter().map(String::as_bytes)))
    }

    fn configuration(&self) -> u64 {
        configuration(&self.document)
    }
}

/// A number for a policy as it was configured.
fn configuration(document: &[u8]) -> u64 {
    hash::of([document])
}

/// The first few of many things, in one line.
fn shown(all: &[impl ToString]) -> String {
    const MAX_SHOWN: usize = 5;
    let mut shown: Vec<String> = all.iter().take(MAX_SHOWN).map(ToString::to_string).collect();
    if all.len() > MAX_SHOWN {
        shown.push("..".to_owned());
    }
    shown.join("; ")
}

fn log_errors(errors: &[PolicyError]) {
    const MAX_LOGGED: usize = 100;
    for error in errors.iter().take(MAX_LOGGED) {
        abi::log(Level::Error, &format!("sekisho: policy: {error}"));
    }
    abi::log(Level::Error, &format!("sekisho: policy refused, errors: {}; try `sekisho check`", errors.len()));
}

fn set_tick_period(period: Duration) {
    if let Err(status) = abi::set_tick_period(period) {
        abi::log(Level::Error, &format!("sekisho: no ticks, so no runtime keys: {status}"));
    }
}
