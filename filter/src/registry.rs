//! The one list of rules. The JSON Schema, the documentation, the policy's keys and the order of evaluation come from here.

use std::fmt;

use crate::activitypub::Activity;
use crate::decision::{Action, Finding, Mode};
use crate::http::RequestHead;
use crate::http::signer::Signer;
use crate::json::Object;
use crate::policy::Reader;
use crate::rules;
use crate::share::Share;
use crate::signup::{Address, Fault};

/// The sections of the policy that hold rules. A host may have its own of each.
pub const RULE_SECTIONS: &[&str] = &["closing", "via", "routes", "signup", "inbox"];

/// All rules, in the order of evaluation.
pub const RULES: &[Rule] = &[
    rules::closing::RULE,
    rules::via::RULE,
    rules::via_media_proxy::RULE,
    rules::via_malformed::RULE,
    rules::routes_path::RULE,
    rules::routes_blocked::RULE,
    rules::routes_allowed::RULE,
    rules::routes_methods::RULE,
    rules::routes_query::RULE,
    rules::routes_fetch_metadata::RULE,
    rules::routes_token::RULE,
    rules::routes_content_types::RULE,
    rules::routes_body::RULE,
    rules::signup::RULE,
    rules::inbox_content_type::RULE,
    rules::inbox_content_encoding::RULE,
    rules::inbox_size::RULE,
    rules::inbox_json::RULE,
    rules::inbox_type::RULE,
    rules::inbox_shape::RULE,
    rules::inbox_ld::RULE,
    rules::inbox_collection::RULE,
    rules::inbox_origin::RULE,
    rules::inbox_owner::RULE,
    rules::inbox_announce::RULE,
    rules::inbox_accept::RULE,
    rules::inbox_move::RULE,
    rules::inbox_relay::RULE,
    rules::inbox_reaction::RULE,
    rules::inbox_mentions::RULE,
    rules::inbox_recipients::RULE,
    rules::inbox_keywords::RULE,
];

/// A rule, before a policy configures it.
#[derive(Debug)]
pub struct Rule {
    /// Its stable id, which is also its path in the policy: `section.name`, or only `section`.
    pub id: &'static str,
    /// What it looks at.
    pub phase: Phase,
    /// The status of a rejection: 4xx, or 508 for a loop.
    pub status: u16,
    /// The mode when the policy names none.
    pub mode: Mode,
    /// The action when the policy names none; `None` where only a rejection makes sense.
    pub action: Option<Action>,
    /// What it refuses, to follow the word "refuses".
    pub summary: &'static str,
    /// What a request must fulfil: "allowed if any (or all) of these hold", and a caveat where there is one.
    pub doc: &'static str,
    /// Where the rule comes from.
    pub specification: &'static str,
    /// Reads its own fields and makes the check.
    pub compile: fn(&mut Reader<'_>) -> Check,
}

impl Rule {
    /// The section of the policy that it belongs to.
    pub fn section(&self) -> &'static str {
        self.id.split_once('.').map_or(self.id, |(section, _)| section)
    }

    /// Its key within its section; none where it is all of its section.
    pub fn name(&self) -> Option<&'static str> {
        self.id.split_once('.').map(|(_, name)| name)
    }

    /// Whether it can act for a share of actors only: not where what it lets pass cannot be read, and so passes by every later rule; nor where there is no actor.
    pub fn has_share(&self) -> bool {
        let reading = [rules::inbox_json::RULE.id, rules::inbox_type::RULE.id, rules::inbox_shape::RULE.id];
        !matches!(self.phase, Phase::Request | Phase::SignUp) && !reading.contains(&self.id)
    }

    /// The anchor of its heading in `RULES.md`.
    pub fn anchor(&self) -> String {
        self.id.replace('.', "")
    }
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The head of any request.
    Request,
    /// A request that names an e-mail address.
    SignUp,
    /// The head of a delivery, before any of the body is held.
    Head,
    /// The body as bytes.
    Body,
    /// The activity that the body holds.
    Activity,
}

impl Phase {
    /// The phase in the words of the documentation.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "head of any request",
            Self::SignUp => "body of a sign-up or of a change of address",
            Self::Head => "head of a delivery",
            Self::Body => "body",
            Self::Activity => "activity",
        }
    }
}

/// A pure function of the head.
pub type HeadCheck = Box<dyn Fn(&RequestHead) -> Option<Finding>>;

/// A pure function of the address that a sign-up names.
pub type AddressCheck = Box<dyn Fn(&Address<'_>) -> Option<Fault>>;

/// A yes or no about the head.
pub type HeadTest = Box<dyn Fn(&RequestHead) -> bool>;

/// A pure function of an activity and its signer.
pub type ActivityCheck = Box<dyn Fn(&Subject<'_>) -> Option<Finding>>;

/// A configured rule: what it looks at, and how.
pub enum Check {
    /// Looks at the head of any request.
    Request(HeadCheck),
    /// The same, by credentials in `Authorization`.
    Credentials {
        /// Whether they are missing or wrong.
        check: HeadCheck,
        /// Whether they are right: then they are for the edge alone, and go no further.
        is_own: HeadTest,
    },
    /// Looks at the address that a sign-up names.
    SignUp(AddressCheck),
    /// Looks at the head of a delivery.
    Head(HeadCheck),
    /// Bounds the size of the body, in bytes; announced sizes are judged with the head.
    Size(usize),
    /// Has no check of its own: it is what the reader of the body reports its errors under.
    Reading,
    /// Never fires, as it is configured.
    Never,
    /// Looks at the activity, or at each activity of a bundle.
    Activity(ActivityCheck),
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request(_) => "Request",
            Self::SignUp(_) => "SignUp",
            Self::Credentials { .. } => "Credentials",
            Self::Head(_) => "Head",
            Self::Size(_) => "Size",
            Self::Reading => "Reading",
            Self::Never => "Never",
            Self::Activity(_) => "Activity",
        })
    }
}

/// An activity and who sent it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The activity.
    pub activity: &'a Activity<'a>,
    /// The posts that it brings: its own object and all that is embedded in it.
    pub posts: &'a [&'a Object<'a>],
    /// Who says that they signed the request.
    pub signer: &'a Signer,
}

/// A rule as the policy configures it.
#[derive(Debug)]
pub struct ActiveRule {
    /// The rule.
    pub rule: &'static Rule,
    /// Its mode.
    pub mode: Mode,
    /// For whom it acts in enforce mode; for everybody else it is as in shadow.
    pub share: Share,
    /// What it does in enforce mode.
    pub action: Action,
    /// Its check.
    pub check: Check,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_documented_and_in_a_known_section() {
        for (index, rule) in RULES.iter().enumerate() {
            assert!(RULE_SECTIONS.contains(&rule.section()), "{}", rule.id);
            assert!(RULES.iter().take(index).all(|other| other.id != rule.id), "{} twice", rule.id);
            // A loop (508, RFC 5842 section 7.2) is a fault of the way, not of what is sent: who delivers may well come again when it is mended.
            let is_loop = rule.status == 508 && rule.section() == "via";
            assert!(is_loop || (400..500).contains(&rule.status), "{} must be final for the sender", rule.id);
            assert!(!rule.summary.is_empty() && !rule.doc.is_empty() && !rule.specification.is_empty(), "{}", rule.id);
        }
    }
}
