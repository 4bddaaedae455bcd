//! The policy: the one JSON document that operators write, and its compiled form.

mod choice;
mod compiler;
mod layers;
mod overlay;
mod reader;
pub mod schema;
mod site;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use serde_json::{Map, Value};

pub use choice::Choice;
pub use overlay::{Kind, Overlay, OverlayReport, PREFIX};
pub(crate) use reader::integer;
pub use reader::{Field, REDACTED, Reader};
pub use site::Site;

use crate::decision::{Action, Mode};
use crate::hash;
use crate::http::{RequestHead, path};
use crate::json::{self, Json};
use crate::media_settings;
use crate::page::{self, Page};
use crate::preview::{self, Preview};
use crate::registry::RULE_SECTIONS;
use crate::runtime::Settings;
use compiler::{Compiler, unknown_keys};
use layers::Source;
use site::Compiled;

/// The largest policy that is read, in bytes.
pub const MAX_POLICY_BYTES: usize = 4 * 1024 * 1024;

/// The most hosts that may have rules of their own. What a host does not configure itself it shares with the others.
pub const MAX_HOSTS: usize = 64;

/// The longest name of such a host, in bytes: it becomes part of the name of a metric, and nginx traps at one of more than 245 bytes.
pub const MAX_HOST_BYTES: usize = 128;

/// The label in metrics of what is for all hosts that have no rules of their own; no host has this name.
const DEFAULT_LABEL: &str = "default";

/// One thing that is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// Where, as a JSON path from `$`, or the runtime key.
    pub path: String,
    /// What.
    pub message: String,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// A compiled policy.
#[derive(Debug)]
pub struct Policy {
    base: Site,
    hosts: BTreeMap<String, Site>,
    /// How the filter reads runtime keys.
    pub runtime: Settings,
    /// What the media service does; the filter only checks it, and knows where the service answers.
    pub media: media_settings::Settings,
    /// See [`Self::is_for_media`]: `media.own_hosts` as [`host::name`](crate::http::host::name) writes them.
    media_hosts: BTreeSet<String>,
    /// What browsers get.
    pub page: Rc<Page>,
    /// What previews of links may hold.
    pub preview: Rc<Preview>,
    effective: Value,
    /// See [`Self::fingerprint`].
    fingerprint: u32,
}

impl Policy {
    /// Reads and compiles a policy. No bytes at all are the default policy, as a plugin without configuration sends them.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<PolicyError>> {
        Self::parse_with(bytes, &Overlay::EMPTY).map(|(policy, _)| policy)
    }

    /// Reads and compiles a policy with runtime keys laid over it.
    ///
    /// # Errors
    /// Everything that is wrong with the document, at once. A runtime key that is wrong is only reported.
    pub fn parse_with(bytes: &[u8], overlay: &Overlay) -> Result<(Self, OverlayReport), Vec<PolicyError>> {
        if bytes.len() > MAX_POLICY_BYTES {
            return Err(root_error(format!("more than {MAX_POLICY_BYTES} bytes")));
        }
        let bytes = if bytes.is_empty() { b"{}" } else { bytes };
        let document = json::parse(bytes).map_err(|error| root_error(error.to_string()))?;
        let with_overlay = Self::compile(&document, overlay);
        if let Err(errors) = &with_overlay
            && !overlay.is_empty()
            && let Ok((policy, _)) = Self::compile(&document, &Overlay::EMPTY)
        {
            // Each key passes alone, but not with the rest of the policy. The document is right, so it is what counts.
            let why = errors.first().map(ToString::to_string).unwrap_or_default();
            return Ok((policy, overlay.refused(&format!("does not fit the policy: {why}"))));
        }
        with_overlay
    }

    /// Compiles a policy document with runtime keys laid over it.
    ///
    /// # Errors
    /// Everything that is wrong with the document, at once.
    pub fn compile(document: &Json<'_>, overlay: &Overlay) -> Result<(Self, OverlayReport), Vec<PolicyError>> {
        let Json::Object(root) = document else {
            return Err(root_error(format!("expected an object, found {}", document.kind())));
        };
        let mut compiler = Compiler::new(overlay);
        let sections: Vec<&str> =
            RULE_SECTIONS.iter().copied().chain(["hosts", "media", "page", "preview", "runtime"]).collect();
        compiler.errors.extend(unknown_keys("$", document, &sections));
        let base = Source { root: Some(root), path: "$".to_owned(), runtime: String::new() };
        let all = compiler.site(std::slice::from_ref(&base), None);
        let mut effective = all.effective();
        let (runtime, fields) = compiler.group("runtime", std::slice::from_ref(&base), Settings::read);
        effective.insert("runtime".to_owned(), fields);
        let (media, fields) = compiler.group("media", std::slice::from_ref(&base), media_settings::Settings::read);
        effective.insert("media".to_owned(), fields);
        let (preview, fields) = compiler.group("preview", std::slice::from_ref(&base), preview::Settings::read);
        effective.insert("preview".to_owned(), fields);
        let players = preview.frame_sources();
        let read_page = |reader: &mut Reader<'_>| page::Settings::read(reader, players);
        let (page, fields) = compiler.group("page", std::slice::from_ref(&base), read_page);
        effective.insert("page".to_owned(), fields);

        // Every request of the service comes through the proxy: by one name for both, each would be a loop.
        let is_media =
            |compiled: &Compiled| compiled.pseudonym().is_some_and(|own| own.eq_ignore_ascii_case(&media.pseudonym));
        let same_name = "is that of the media service (media.pseudonym), whose requests would all be loops";
        if is_media(&all) {
            compiler.error("$.via.pseudonym".to_owned(), same_name.to_owned());
        }
        let mut hosts = BTreeMap::new();
        let mut hosts_effective = Map::new();
        for (name, source) in compiler.hosts(root.get("hosts")) {
            let path = format!("{}.via.pseudonym", source.path);
            let own = compiler.site(&[source, base.clone()], Some(&all));
            if is_media(&own) && !is_media(&all) {
                compiler.error(path, same_name.to_owned());
            }
            hosts_effective.insert(name.clone(), Value::Object(own.effective()));
            let site = own.site(Some(&name));
            hosts.insert(name, site);
        }
        effective.insert("hosts".to_owned(), Value::Object(hosts_effective));
        if !compiler.errors.is_empty() {
            return Err(compiler.errors);
        }
        let report = compiler.report();
        let base = all.site((!hosts.is_empty()).then_some(DEFAULT_LABEL));
        let effective = Value::Object(effective);
        let fingerprint = fingerprint(&effective);
        let (page, preview) = (Rc::new(Page::new(page)), Rc::new(Preview::new(preview)));
        let media_hosts = media.own_hosts();
        let policy = Self { base, hosts, runtime, media, media_hosts, page, preview, effective, fingerprint };
        Ok((policy, report))
    }

    /// The rules for a host, by its name in the form of [`host::name`]; those for all others when it has none of its own.
    pub fn site(&self, host: Option<&str>) -> &Site {
        host.and_then(|host| self.hosts.get(host)).unwrap_or(&self.base)
    }

    /// Whether the rules depend on the host.
    pub fn has_hosts(&self) -> bool {
        !self.hosts.is_empty()
    }

    /// Whether the media service gets a request, and not the server: by its path, or at a host of the service's own.
    pub fn is_for_media(&self, head: &RequestHead) -> bool {
        let is_own = || head.host_name().is_some_and(|host| self.media_hosts.contains(&host));
        path::is_media_route(head.path.as_deref().unwrap_or_default()) || (!self.media_hosts.is_empty() && is_own())
    }

    /// The rules of all hosts, first those for hosts that have none of their own.
    pub fn sites(&self) -> impl Iterator<Item = &Site> {
        std::iter::once(&self.base).chain(self.hosts.values())
    }

    /// The policy in force, with every default filled in.
    pub fn effective(&self) -> &Value {
        &self.effective
    }

    /// A number that tells this policy from others, runtime keys included.
    pub fn fingerprint(&self) -> u32 {
        self.fingerprint
    }

    /// What is in force, for the log.
    pub fn summary(&self) -> String {
        let hosts = match self.hosts.len() {
            0 => String::new(),
            1 => ", 1 host with its own".to_owned(),
            many => format!(", {many} hosts with their own"),
        };
        format!("{:08x}, {}{hosts}", self.fingerprint, self.base.summary())
    }

    /// What works, but perhaps not as it is meant: each in one line, for people.
    pub fn warnings(&self) -> Vec<String> {
        self.page.settings.warnings()
    }
}

fn fingerprint(effective: &Value) -> u32 {
    let hash = hash::of([effective.to_string().as_bytes()]);
    // The upper half is dropped on purpose: a gauge holds it, and people compare it.
    u32::try_from(hash & u64::from(u32::MAX)).unwrap_or_default()
}

impl Choice for Mode {
    const WORDS: &'static [(&'static str, Self)] =
        &[("off", Self::Off), ("shadow", Self::Shadow), ("enforce", Self::Enforce)];
}

impl Choice for Action {
    const WORDS: &'static [(&'static str, Self)] = &[("drop", Self::Drop), ("reject", Self::Reject)];
}

fn root_error(message: String) -> Vec<PolicyError> {
    vec![PolicyError { path: "$".to_owned(), message }]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(policy: &str) -> Vec<String> {
        let errors = Policy::parse(policy.as_bytes()).err().unwrap_or_default();
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_empty_policy_is_the_default() {
        let empty = Policy::parse(b"").unwrap();
        assert_eq!(empty.effective(), Policy::parse(b"{}").unwrap().effective());
        assert_eq!(empty.effective()["inbox"]["mentions"]["mode"], "enforce");
        // The effective policy is itself a policy, and says the same.
        let again = Policy::parse(empty.effective().to_string().as_bytes()).unwrap();
        assert_eq!(empty.effective(), again.effective());
    }

    #[test]
    fn all_errors_are_named_by_their_path() {
        assert_eq!(
            errors(
                r#"{"inbox":{"mentions":{"max":"9","mode":"on","maximum":1},"recipients":[],"origin":{"allowed_ports":[80,0,80]},
                "nothing":{}},"outbox":{}}"#
            ),
            [
                "$.outbox: unknown key; known are closing, via, routes, signup, inbox, hosts, media, page, preview, runtime",
                "$.inbox.nothing: unknown key; known are content_type, content_encoding, size, json, type, shape, ld, \
                 collection, origin, owner, announce, accept, move, relay, reaction, mentions, recipients, keywords",
                "$.inbox.origin.allowed_ports[1]: expected a whole number from 1 to 65535",
                "$.inbox.origin.allowed_ports[2]: occurs twice",
                "$.inbox.mentions.mode: expected one of off, shadow, enforce",
                "$.inbox.mentions.max: expected a whole number from 0 to 10000, found a string",
                "$.inbox.mentions.maximum: unknown key; known are mode, action, max, enforce_percent",
                "$.inbox.recipients: expected an object, found an array",
            ]
        );
    }

    #[test]
    fn what_goes_to_the_media_service() {
        let head = |host: &str, path: &str| RequestHead {
            authority: Some(host.as_bytes().to_vec()),
            path: Some(path.as_bytes().to_vec()),
            ..RequestHead::default()
        };
        let hosts = r#"{"media":{"own_hosts":["Media.example","b\u00fccher.example","192.0.2.1","[2001:DB8::1]"]}}"#;
        for (policy, host, path, expected) in [
            ("", "a.example", "/proxy/a.webp?url=x", true),
            ("", "a.example", "/Proxy/a", false),
            ("", "media.example", "/a.webp?url=x", false),
            (hosts, "media.example:8080", "/a.webp?url=x", true),
            (hosts, "xn--bcher-kva.example", "/", true),
            (hosts, "192.0.2.1:80", "/", true),
            (hosts, "[2001:db8::1]", "/", true),
            (hosts, "a.media.example", "/", false),
            (hosts, "a.example", "/files/1", false),
            (hosts, "", "/", false),
        ] {
            let policy = Policy::parse(policy.as_bytes()).unwrap();
            assert_eq!(policy.is_for_media(&head(host, path)), expected, "{host} {path}");
        }
    }

    #[test]
    fn what_is_no_policy_at_all() {
        for (policy, error) in [
            ("[]", "$: expected an object, found an array"),
            ("{", "$: EOF while parsing an object at line 1 column 1"),
            ("{\"inbox\":{},\"inbox\":{}}", "$: a key occurs twice in the object that ends at line 1 column 23"),
            ("{\"inbox\":7}", "$.inbox: expected an object, found a number"),
            (
                "{\"in\\nbox\":{}}",
                "$.[\"in\\nbox\"]: unknown key; known are closing, via, routes, signup, inbox, hosts, media, page, preview, runtime",
            ),
            (
                "{\"inbox\":{\"mentions\":{\"max\":-1}}}",
                "$.inbox.mentions.max: expected a whole number from 0 to 10000",
            ),
            (
                "{\"inbox\":{\"mentions\":{\"max\":1.5}}}",
                "$.inbox.mentions.max: expected a whole number from 0 to 10000",
            ),
            (
                "{\"inbox\":{\"mentions\":{\"max\":null}}}",
                "$.inbox.mentions.max: expected a whole number from 0 to 10000, found null",
            ),
        ] {
            assert_eq!(errors(policy), [error], "{policy}");
        }
    }

    #[test]
    fn hosts_are_named_in_one_form() {
        let many: Vec<String> = (0..=MAX_HOSTS).map(|n| format!("\"h{n}.example\":{{}}")).collect();
        for (policy, error) in [
            (r#"{"hosts":[]}"#.to_owned(), "$.hosts: expected an object, found an array"),
            (
                r#"{"hosts":{"A.example":{}}}"#.to_owned(),
                "$.hosts[\"A.example\"]: expected the name of a host in lower case, without a port, of at most 128 bytes",
            ),
            (r#"{"hosts":{"a.example":7}}"#.to_owned(), "$.hosts[\"a.example\"]: expected an object, found a number"),
            (
                r#"{"hosts":{"a.example":{"runtime":{}}}}"#.to_owned(),
                "$.hosts[\"a.example\"].runtime: unknown key; known are closing, via, routes, signup, inbox",
            ),
            (
                r#"{"hosts":{"a.example":{"inbox":{"mentions":{"max":true}}}}}"#.to_owned(),
                "$.hosts[\"a.example\"].inbox.mentions.max: expected a whole number from 0 to 10000, found a boolean",
            ),
            (format!("{{\"hosts\":{{{}}}}}", many.join(",")), "$.hosts: at most 64 hosts"),
        ] {
            assert_eq!(errors(&policy), [error], "{policy}");
        }
    }

    #[test]
    fn a_host_has_its_own_rules_and_those_of_all() {
        let policy = Policy::parse(
            br#"{"inbox":{"keywords":{"words":["spam"]}},"hosts":{"b.example":{"inbox":{"keywords":{"mode":"shadow"}}}}}"#,
        );
        let policy = policy.unwrap();
        let keywords = |host| {
            let mut rules = policy.site(Some(host)).rules();
            rules.find(|active| active.rule.id == "inbox.keywords").map(|active| active.mode)
        };
        assert_eq!((keywords("a.example"), keywords("b.example")), (Some(Mode::Enforce), Some(Mode::Shadow)));
        assert_eq!(policy.effective()["hosts"]["b.example"]["inbox"]["keywords"]["words"][0], "spam");
        assert!(policy.has_hosts() && !policy.site(None).guard.rules().is_empty());
    }

    #[test]
    fn the_fingerprint_is_that_of_what_is_in_force() {
        let print = |policy: &str| Policy::parse(policy.as_bytes()).unwrap().fingerprint();
        assert_eq!(print("{}"), print(r#"{"inbox":{"mentions":{"max":20}}}"#));
        assert_ne!(print("{}"), print(r#"{"inbox":{"mentions":{"max":21}}}"#));
    }
}
