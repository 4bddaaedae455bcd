//! What is counted, under which names. A name is for ever, so all of its parts come from fixed sets or from the policy, never from a request.
//!
//! Envoy shows `wasmcustom.sekisho_decisions.rule=inbox.owner.mode=enforce.verdict=reject` as `sekisho_decisions{rule="inbox.owner",..}`: `stats_tags` in `envoy.yaml` cut
//! the labels out of the name.

use std::fmt;
use std::rc::Rc;

use crate::decision::{Decision, Mode, Shadowed, Verdict};
use crate::incident::Incident;
use crate::policy::{Policy, Site};
use crate::preview::Change;

/// A counter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counter {
    /// A rule fired, or none did.
    Decision {
        /// The rule; none for what passes all of them.
        rule: Option<&'static str>,
        /// Whether it only would have acted.
        shadow: bool,
        /// What came of it, or would have.
        verdict: &'static str,
        /// For which host, where the policy has several.
        host: Option<Rc<str>>,
    },
    /// A delivery whose activity could be read.
    Activity {
        /// Its type.
        verb: &'static str,
        /// Who sent it.
        software: &'static str,
    },
    /// A delivery, by what could be read of its signature.
    Signature(&'static str),
    /// The server behind refused to authenticate somebody.
    AuthFailure {
        /// Where.
        route: AuthRoute,
        /// How.
        status: u16,
    },
    /// A question for runtime keys.
    Poll {
        /// Whether it had a good answer.
        ok: bool,
    },
    /// A question for the manifest of the server's pages.
    ManifestPoll(ManifestPoll),
    /// A page of the server.
    Page(PageResult),
    /// Something of a preview that was changed, or would have been.
    Preview {
        /// What.
        change: Change,
        /// Whether it was.
        is_enforced: bool,
    },
    /// A body of reports.
    Report(ReportResult),
    /// Something that a browser blocked, or would have. All of it is from fixed sets.
    Violation {
        /// The directive, or the destination after `integrity-`.
        directive: &'static str,
        /// What kind of thing.
        blocked: &'static str,
        /// `enforce` or `report`.
        disposition: &'static str,
    },
    /// Values of runtime keys that were refused, each time that there is another set of keys.
    RefusedValues,
}

/// What came of a question for the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ManifestPoll {
    /// A manifest.
    New,
    /// It is the one that is known.
    Unchanged,
    /// The service has none yet.
    Unlearned,
    /// No answer, or one that cannot be used.
    Failed,
}

/// What became of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PageResult {
    /// Its fields and its body were changed.
    Rewritten,
    /// Its fields were changed.
    Headed,
    /// It was rewritten in part only, and the rest passed as it was: browsers may read it in another way than we do, or a tag was too large.
    Stopped,
}

/// What became of a body of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReportResult {
    /// It was read.
    Read,
    /// It could not be.
    Refused,
    /// It was about pages of other hosts.
    Foreign,
    /// There were too many.
    Limited,
}

/// Where the server behind authenticates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuthRoute {
    /// A delivery, by its signature.
    Inbox,
    /// A sign-in, by a password or a passkey.
    SignIn,
}

/// A number that is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gauge {
    /// [`Policy::fingerprint`] of the policy in force.
    PolicyFingerprint,
    /// When it came into force, in seconds since 1970.
    PolicyLoaded,
    /// How many runtime keys are in force.
    RuntimeApplied,
    /// How many are refused.
    RuntimeRefused,
    /// When they were last read, in seconds since 1970.
    RuntimeSuccess,
    /// Tells the manifest in force from others.
    ManifestFingerprint,
    /// When it came into force, in seconds since 1970.
    ManifestLoaded,
    /// When the service last said what it is, in seconds since 1970.
    ManifestSuccess,
}

impl Gauge {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::PolicyFingerprint => "sekisho_policy_fingerprint",
            Self::PolicyLoaded => "sekisho_policy_loaded_seconds",
            Self::RuntimeApplied => "sekisho_runtime_keys.state=applied",
            Self::RuntimeRefused => "sekisho_runtime_keys.state=refused",
            Self::RuntimeSuccess => "sekisho_runtime_read_seconds",
            Self::ManifestFingerprint => "sekisho_page_manifest_fingerprint",
            Self::ManifestLoaded => "sekisho_page_manifest_loaded_seconds",
            Self::ManifestSuccess => "sekisho_page_manifest_read_seconds",
        }
    }
}

impl Counter {
    fn decision(site: &Site, rule: Option<&'static str>, shadow: bool, verdict: Verdict) -> Self {
        Self::Decision { rule, shadow, verdict: verdict.as_str(), host: site.label.clone() }
    }
}

impl AuthRoute {
    /// The counter for a response, if its status says that authentication failed.
    pub fn failure(self, status: u16) -> Option<Counter> {
        matches!(status, 401 | 403).then_some(Counter::AuthFailure { route: self, status })
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decision { rule, shadow, verdict, host } => {
                let (rule, mode) = (rule.unwrap_or("none"), if *shadow { "shadow" } else { "enforce" });
                write!(f, "sekisho_decisions.rule={rule}.mode={mode}.verdict={verdict}")?;
                host.as_ref().map_or(Ok(()), |host| write!(f, ".host={host}"))
            }
            Self::Activity { verb, software } => write!(f, "sekisho_activities.type={verb}.software={software}"),
            Self::Signature(result) => write!(f, "sekisho_signatures.result={result}"),
            Self::AuthFailure { route, status } => {
                let route = match route {
                    AuthRoute::Inbox => "inbox",
                    AuthRoute::SignIn => "signin",
                };
                write!(f, "sekisho_auth_failures.route={route}.status={status}")
            }
            Self::Poll { ok } => {
                write!(f, "sekisho_runtime_polls.result={}", if *ok { "ok" } else { "failed" })
            }
            Self::ManifestPoll(result) => {
                let result = match result {
                    ManifestPoll::New => "ok",
                    ManifestPoll::Unchanged => "unchanged",
                    ManifestPoll::Unlearned => "unlearned",
                    ManifestPoll::Failed => "failed",
                };
                write!(f, "sekisho_page_manifest_polls.result={result}")
            }
            Self::Page(PageResult::Rewritten) => f.write_str("sekisho_pages.result=rewritten"),
            Self::Page(PageResult::Headed) => f.write_str("sekisho_pages.result=fields"),
            Self::Report(result) => {
                let result = match result {
                    ReportResult::Read => "read",
                    ReportResult::Foreign => "foreign",
                    ReportResult::Refused => "refused",
                    ReportResult::Limited => "limited",
                };
                write!(f, "sekisho_reports.result={result}")
            }
            Self::Violation { directive, blocked, disposition } => {
                write!(f, "sekisho_violations.directive={directive}.blocked={blocked}.disposition={disposition}")
            }
            Self::Page(PageResult::Stopped) => f.write_str("sekisho_pages.result=stopped"),
            Self::Preview { change, is_enforced } => {
                let mode = if *is_enforced { "enforce" } else { "shadow" };
                write!(f, "sekisho_preview_changes.kind={}.mode={mode}", change.as_str())
            }
            Self::RefusedValues => f.write_str("sekisho_runtime_refused"),
        }
    }
}

/// What a decision about a delivery, or a refusal of any request, adds one to.
pub fn of(decision: &Decision, site: &Site) -> Vec<Counter> {
    let mut counters = vec![Counter::decision(site, decision.rule(), false, decision.verdict())];
    counters.extend(shadowed(decision, site));
    if let (Some(verb), Some(software)) = (decision.verb, decision.software) {
        counters.push(Counter::Activity { verb, software });
    }
    counters.extend(decision.signature.map(Counter::Signature));
    counters
}

/// What the rules that only would have acted add one to.
pub fn shadowed(decision: &Decision, site: &Site) -> Vec<Counter> {
    let count = |one: &Shadowed| Counter::decision(site, Some(one.rule), true, one.action.into());
    decision.shadow.iter().map(count).collect()
}

/// The counters that a policy begins with, so that they are seen at zero.
pub fn initial(policy: &Policy) -> Vec<Counter> {
    let mut counters: Vec<Counter> = policy.sites().flat_map(of_site).collect();
    counters.extend(["keyid", "unsigned", "unreadable"].map(Counter::Signature));
    let failures = [AuthRoute::Inbox, AuthRoute::SignIn].map(|route| [401, 403].map(|status| (route, status)));
    counters.extend(failures.into_iter().flatten().map(|(route, status)| Counter::AuthFailure { route, status }));
    if policy.page.settings.learn.is_some() {
        let results = [ManifestPoll::New, ManifestPoll::Unchanged, ManifestPoll::Unlearned, ManifestPoll::Failed];
        counters.extend(results.map(Counter::ManifestPoll));
    }
    counters.extend([PageResult::Rewritten, PageResult::Headed, PageResult::Stopped].map(Counter::Page));
    let mode = policy.preview.settings.mode;
    if mode != Mode::Off {
        let is_enforced = mode == Mode::Enforce;
        counters.extend(Change::ALL.map(|change| Counter::Preview { change, is_enforced }));
    }
    counters.extend(
        [ReportResult::Read, ReportResult::Foreign, ReportResult::Refused, ReportResult::Limited].map(Counter::Report),
    );
    counters.extend([Counter::Poll { ok: true }, Counter::Poll { ok: false }, Counter::RefusedValues]);
    counters
}

fn of_site(site: &Site) -> Vec<Counter> {
    let count = |rule, shadow, verdict| Counter::decision(site, rule, shadow, verdict);
    let mut counters = vec![count(None, false, Verdict::Accept)];
    for active in site.rules() {
        let (rule, verdict) = (Some(active.rule.id), Verdict::from(active.action));
        if active.mode == Mode::Enforce {
            counters.push(count(rule, false, verdict));
        }
        if active.mode == Mode::Shadow || !active.share.is_all() {
            counters.push(count(rule, true, verdict));
        }
    }
    counters.extend(Incident::ALL.map(|incident| count(Some(incident.id()), false, Verdict::Reject)));
    counters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(policy: &str) -> Vec<String> {
        initial(&Policy::parse(policy.as_bytes()).unwrap()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn counters_begin_at_zero() {
        let names =
            names(r#"{"inbox":{"mentions":{"enforce_percent":25},"relay":{"mode":"shadow"},"move":{"mode":"off"}}}"#);
        let has = |name: &str| names.iter().any(|known| known == name);
        for name in [
            "sekisho_decisions.rule=none.mode=enforce.verdict=accept",
            "sekisho_decisions.rule=inbox.mentions.mode=enforce.verdict=drop",
            "sekisho_decisions.rule=inbox.mentions.mode=shadow.verdict=drop",
            "sekisho_decisions.rule=inbox.relay.mode=shadow.verdict=reject",
            "sekisho_decisions.rule=host.failure.mode=enforce.verdict=reject",
            "sekisho_signatures.result=unsigned",
            "sekisho_auth_failures.route=signin.status=403",
            "sekisho_runtime_polls.result=failed",
        ] {
            assert!(has(name), "{name}");
        }
        assert!(!has("sekisho_decisions.rule=inbox.relay.mode=enforce.verdict=reject"));
        assert!(!has("sekisho_page_manifest_polls.result=unlearned"), "nothing is to be learned");
        assert!(!names.iter().any(|name| name.contains("inbox.move")));
    }

    #[test]
    fn hosts_are_told_apart() {
        let names = names(r#"{"hosts":{"a.example":{}}}"#);
        for host in ["a.example", "default"] {
            let name = format!("sekisho_decisions.rule=none.mode=enforce.verdict=accept.host={host}");
            assert!(names.contains(&name), "{name}");
        }
    }

    #[test]
    fn names_fit_every_host() {
        // nginx traps at a metric whose name has more than 245 bytes.
        let host = format!("{}.example", "a".repeat(crate::policy::MAX_HOST_BYTES - ".example".len()));
        let names = names(&format!(r#"{{"hosts":{{"{host}":{{}},"[::1]":{{}}}}}}"#));
        assert!(names.iter().all(|name| name.len() <= 240), "{names:?}");
        assert!(names.iter().any(|name| name.ends_with(".host=___1_")));
    }

    #[test]
    fn what_a_decision_counts() {
        let policy = Policy::parse(b"").unwrap();
        let decision = Decision {
            verb: Some("Create"),
            software: Some("misskey"),
            signature: Some("keyid"),
            ..Decision::default()
        };
        let counters: Vec<String> = of(&decision, policy.site(None)).iter().map(ToString::to_string).collect();
        assert_eq!(
            counters,
            [
                "sekisho_decisions.rule=none.mode=enforce.verdict=accept",
                "sekisho_activities.type=Create.software=misskey",
                "sekisho_signatures.result=keyid",
            ]
        );
        assert_eq!(AuthRoute::Inbox.failure(202), None);
    }
}
