//! The plugin in one worker: the policy that it was configured with, and the runtime keys over it.

use std::rc::Rc;
use std::time::Duration;

use crate::hash;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use super::abi::{self, Level};
use super::kind::Kind;
use super::live::{self, Live};
use super::metrics::{self, Metrics};
use super::plugin::Plugin;
use super::stream::Stream;
use crate::metrics::{Counter, Gauge};
use crate::policy::{Overlay, OverlayReport, Policy, PolicyError};

/// How soon after a configuration the first tick comes. Only what really takes over traffic ticks: Envoy also configures a copy to try a policy.
const FIRST_TICK: Duration = Duration::from_millis(100);

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
    metrics: Rc<Metrics>,
    live: Option<Live>,
    report: OverlayReport,
    ticked: bool,
}

impl Context for Root {
    fn on_http_call_response(&mut self, _token: u32, _fields: usize, body_size: usize, _trailers: usize) {
        if let Some(live) = &mut self.live {
            live.answered(body_size, &self.metrics);
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
        self.metrics = Rc::new(Metrics::new());
        self.live = if self.kind.has_runtime_keys() { Live::new(&policy.runtime) } else { None };
        match self.live.as_mut().and_then(Live::inherited) {
            // Another configuration of this process has learned them: there is no moment without them.
            Some(overlay) => self.lay_over(&overlay),
            None => self.plugin = Some(Rc::new(Plugin::new(policy, Rc::clone(&self.metrics)))),
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
        self.refresh();
        if let Some(live) = &mut self.live
            && live::is_current(&self.name, configuration(&self.document))
        {
            live.ask(&self.metrics);
        }
        set_tick_period(self.live.as_ref().map_or(Duration::ZERO, Live::tick));
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(self.plugin.clone(), self.kind)))
    }
}

impl Root {
    /// Puts in force what was learned of runtime keys, by whichever worker.
    fn refresh(&mut self) {
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
        self.plugin = Some(Rc::new(Plugin::new(policy, Rc::clone(&self.metrics))));
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
