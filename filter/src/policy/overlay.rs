//! Runtime keys laid over the policy.
//!
//! A key is the dotted path of a scalar of the policy; its value is text, whatever the operator's proxy took it for. The field that the path
//! names turns the text into a value and judges it by the same check as a value of the document, so there is no list of special cases.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::PolicyError;
use super::compiler::printable_key;
use crate::json::Json;

/// What Envoy's runtime keys begin with; the rest is the path.
pub const PREFIX: &str = "sekisho.";

/// Values by dotted path, such as `inbox.mentions.max`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlay(BTreeMap<String, String>);

impl Overlay {
    /// No values.
    pub const EMPTY: Self = Self(BTreeMap::new());

    /// The value of a path.
    pub(super) fn get(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// Whether any path begins so.
    pub(super) fn has_below(&self, prefix: &str) -> bool {
        let next = self.0.range::<str, _>((Bound::Included(prefix), Bound::Unbounded)).next();
        next.is_some_and(|(path, _)| path.starts_with(prefix))
    }

    /// All values, in order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Only the values of these paths.
    pub fn only(&self, paths: &[String]) -> Self {
        paths.iter().filter_map(|path| Some((path.clone(), self.get(path)?.to_owned()))).collect()
    }

    /// This overlay with the last good values in the place of those that a report refuses; none where there are none.
    pub fn mended(&self, report: &OverlayReport, good: &Self) -> Option<Self> {
        let is_refused = |path: &str| {
            let key = refusal_path(path);
            report.refused.iter().any(|refused| refused.path == key)
        };
        let last: Vec<(&str, &str)> =
            good.iter().filter(|(path, _)| self.get(path).is_some() && is_refused(path)).collect();
        (!last.is_empty()).then(|| self.iter().chain(last).collect())
    }

    /// A report that refuses everything.
    pub(super) fn refused(&self, why: &str) -> OverlayReport {
        let refused = self.iter().map(|(path, _)| refusal(path, why.to_owned())).collect();
        OverlayReport { applied: Vec::new(), refused }
    }
}

impl<P: Into<String>, T: Into<String>> FromIterator<(P, T)> for Overlay {
    fn from_iter<I: IntoIterator<Item = (P, T)>>(values: I) -> Self {
        Self(values.into_iter().map(|(path, text)| (path.into(), text.into())).collect())
    }
}

/// What became of an overlay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OverlayReport {
    /// The paths whose value is in force.
    pub applied: Vec<String>,
    /// What was refused, and why. The field has the value that it would have without this key.
    pub refused: Vec<PolicyError>,
}

/// The refusal of one key.
pub(super) fn refusal(path: &str, message: String) -> PolicyError {
    PolicyError { path: refusal_path(path), message }
}

fn refusal_path(path: &str) -> String {
    format!("{PREFIX}{}", printable_key(path))
}

/// What a text means depends on the field that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// One of several words.
    Word,
    /// Any text.
    Text,
    /// An array, which no runtime key can hold.
    List,
    /// An object of its own shape, which no runtime key can hold.
    Object,
}

impl Kind {
    /// The name in documentation.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "true or false",
            Self::Integer => "number",
            Self::Word => "word",
            Self::Text => "text",
            Self::List => "list",
            Self::Object => "object",
        }
    }

    /// Reads a text. What does not look like a value of this kind stays a string, which the field's own check then refuses.
    ///
    /// A number that Envoy has rounded (it shows 1,234,567 of a YAML file as `1.23457e+06`) is not one that the operator wrote, and refused; so is any
    /// fraction or exponent.
    pub(super) fn value(self, text: &str) -> Json<'_> {
        let read = match self {
            Self::Integer => {
                text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok().map(Json::Number)).flatten()
            }
            Self::Boolean => text.parse().ok().map(Json::Bool),
            // An unquoted `off` of a YAML file.
            Self::Word if text == "false" => Some(Json::String("off".into())),
            Self::Word | Self::Text | Self::List | Self::Object => None,
        };
        read.unwrap_or_else(|| Json::String(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::{Overlay, Policy};

    fn laid_over(policy: &str, keys: &[(&str, &str)]) -> (Policy, Vec<String>) {
        let overlay: Overlay = keys.iter().copied().collect();
        let (policy, report) = Policy::parse_with(policy.as_bytes(), &overlay).unwrap();
        assert_eq!(report.applied.len() + report.refused.len(), overlay.iter().count());
        (policy, report.refused.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn any_scalar_can_be_changed() {
        let keys = [
            ("inbox.mentions.max", "7"),
            ("inbox.mentions.mode", "shadow"),
            ("inbox.mentions.enforce_percent", "10"),
            ("inbox.origin.allow_http", "true"),
            ("inbox.recipients.action", "reject"),
            ("closing.mode", "enforce"),
            ("closing.farewell", "true"),
            ("runtime.poll_seconds", "1"),
            // Unquoted in YAML, `off` is false.
            ("inbox.relay.mode", "false"),
            ("hosts.a.example.closing.farewell", ""),
        ];
        let policy =
            r#"{"inbox":{"mentions":{"max":9,"action":"reject"}},"hosts":{"a.example":{"closing":{"farewell":"x"}}}}"#;
        let (policy, refused) = laid_over(policy, &keys);
        assert_eq!(refused, [""; 0]);
        let effective = policy.effective();
        assert_eq!(
            effective["inbox"]["mentions"],
            serde_json::json!({"mode":"shadow","enforce_percent":10,"action":"reject","max":7})
        );
        assert_eq!(effective["inbox"]["origin"]["allow_http"], true);
        assert_eq!(effective["inbox"]["recipients"]["action"], "reject");
        assert_eq!(effective["closing"]["mode"], "enforce");
        assert_eq!(effective["closing"]["farewell"], "true");
        assert_eq!(effective["runtime"]["poll_seconds"], 1);
        assert_eq!(effective["inbox"]["relay"]["mode"], "off");
        assert_eq!(effective["hosts"]["a.example"]["closing"]["farewell"], "");
    }

    #[test]
    fn what_is_wrong_is_refused_alone() {
        let keys = [
            ("inbox.mentions.max", "many"),
            ("inbox.mentions.mode", "off"),
            ("inbox.announce.mode", ""),
            ("inbox.recipients.max", "-1"),
            ("inbox.size.max_bytes", "1.04858e+06"),
            ("inbox.json.enforce_percent", "50"),
            ("inbox.recipients.mode", "on"),
            ("inbox.origin.allow_http", "1"),
            ("inbox.origin.allowed_ports", "[80]"),
            ("inbox.mentions", "{\"max\":1}"),
            ("inbox.mention.max", "1"),
            ("runtime.cluster", "other"),
            ("hosts.a.example.inbox.mentions.max", "1"),
            ("x\u{1b}", "1"),
        ];
        let (policy, refused) = laid_over(r#"{"inbox":{"mentions":{"max":9}}}"#, &keys);
        assert_eq!(
            refused,
            [
                "sekisho.hosts.a.example.inbox.mentions.max: no scalar of the policy has this path",
                "sekisho.inbox.announce.mode: expected one of off, shadow, enforce",
                "sekisho.inbox.json.enforce_percent: no scalar of the policy has this path",
                "sekisho.inbox.mention.max: no scalar of the policy has this path",
                "sekisho.inbox.mentions: no scalar of the policy has this path",
                "sekisho.inbox.mentions.max: expected a whole number from 0 to 10000, found a string",
                "sekisho.inbox.origin.allow_http: expected true or false, found a string",
                "sekisho.inbox.origin.allowed_ports: is a list: it can be changed in the policy only",
                "sekisho.inbox.recipients.max: expected a whole number from 0 to 10000, found a string",
                "sekisho.inbox.recipients.mode: expected one of off, shadow, enforce",
                "sekisho.inbox.size.max_bytes: expected a whole number from 1024 to 1048576, found a string",
                "sekisho.runtime.cluster: can be changed in the policy only",
                "sekisho.[\"x\\u{1b}\"]: no scalar of the policy has this path",
            ]
        );
        assert_eq!(policy.effective()["inbox"]["mentions"]["max"], 9);
        assert_eq!(policy.effective()["inbox"]["mentions"]["mode"], "off");
        assert_eq!(policy.effective()["inbox"]["recipients"]["max"], 50);
    }

    #[test]
    fn the_last_good_value_takes_the_place_of_a_wrong_one() {
        let good: Overlay = [("inbox.mentions.max", "5"), ("inbox.recipients.max", "7")].into_iter().collect();
        let now: Overlay = [("inbox.mentions.max", "many"), ("inbox.keywords.mode", "on")].into_iter().collect();
        let (_, report) = Policy::parse_with(b"{}", &now).unwrap();
        let mended = now.mended(&report, &good).unwrap();
        let (policy, report) = Policy::parse_with(b"{}", &mended).unwrap();
        assert_eq!(policy.effective()["inbox"]["mentions"]["max"], 5);
        // What was taken back is the policy's again.
        assert_eq!(policy.effective()["inbox"]["recipients"]["max"], 50);
        assert_eq!(report.applied, ["inbox.mentions.max"]);
        assert_eq!(mended.only(&report.applied), [("inbox.mentions.max", "5")].into_iter().collect());
        assert_eq!(now.mended(&report, &Overlay::EMPTY), None);
    }

    #[test]
    fn hosts_have_keys_of_their_own() {
        let policy =
            r#"{"inbox":{"mentions":{"max":9}},"hosts":{"b.example":{"inbox":{"mentions":{"max":5}}},"c.example":{}}}"#;
        let keys = [
            ("inbox.mentions.max", "7"),
            ("hosts.c.example.inbox.mentions.mode", "off"),
            ("hosts.b.example.inbox.mentions.max", "x"),
        ];
        let (policy, refused) = laid_over(policy, &keys);
        assert_eq!(
            refused,
            ["sekisho.hosts.b.example.inbox.mentions.max: expected a whole number from 0 to 10000, found a string"]
        );
        let max = |host: &str| policy.effective()["hosts"][host]["inbox"]["mentions"]["max"].clone();
        // What a host says for itself stands; what it leaves to the rest follows the rest.
        assert_eq!((max("b.example"), max("c.example")), (5.into(), 7.into()));
        assert_eq!(policy.effective()["hosts"]["c.example"]["inbox"]["mentions"]["mode"], "off");
        assert_eq!(policy.effective()["inbox"]["mentions"]["mode"], "enforce");
    }
}
