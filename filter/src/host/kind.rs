//! Which proxy this is. Envoy and nginx want opposite things of a paused request.

use std::borrow::Cow;

use proxy_wasm::types::Action;

use super::abi::{self, Status};
use crate::page::fields::Received;

/// A tag that no answer has.
pub const NO_TAG: &str = "\"sekisho-none\"";

/// The pseudo-fields of a request in the order in which Envoy shows those of HTTP/1 (tried with 1.40).
const HTTP_1_ORDER: [&[u8]; 4] = [b":authority", b":path", b":method", b":scheme"];

/// A proxy that runs proxy-wasm modules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Envoy: a body is held back by pausing in the headers callback.
    #[default]
    Envoy,
    /// nginx with ngx_wasm_module: the body arrives whole, and a pause in the headers callback never ends.
    Nginx,
}

impl Kind {
    /// Asks the host, outside of any request. Envoy does not find the property; nginx answers an internal failure there, and
    /// its value within a request. Tried with Envoy 1.40 and nginx 1.29 (other names than dotted ones crash nginx).
    pub fn detect() -> Self {
        match abi::property(b"ngx\0pid") {
            Err(Status::NOT_FOUND) | Ok(None) => Self::Envoy,
            _ => Self::Nginx,
        }
    }

    /// The proxy's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Envoy => "Envoy",
            Self::Nginx => "nginx",
        }
    }

    /// What to answer the headers callback of a request whose body is wanted.
    pub fn await_body(self) -> Action {
        match self {
            Self::Envoy => Action::Pause,
            Self::Nginx => Action::Continue,
        }
    }

    /// What to answer a configuration with an invalid policy. Envoy then refuses it, or keeps the last good one; nginx would lose its
    /// workers and let every request hang, so there the filter stays and refuses deliveries.
    pub fn keeps_without_policy(self) -> bool {
        self == Self::Nginx
    }

    /// Whether the host has runtime keys, and ticks that can ask for them.
    pub fn has_runtime_keys(self) -> bool {
        self == Self::Envoy
    }

    /// The name of the plugin, which tells several apart in one process. Asking nginx for it outside of a request crashes the worker.
    pub fn plugin_name(self) -> String {
        let name = match self {
            Self::Envoy => abi::property(b"plugin_name").ok().flatten(),
            Self::Nginx => None,
        };
        String::from_utf8_lossy(&name.unwrap_or_default()).into_owned()
    }

    /// The field that names the host as the browser sees it: nginx gives its own name as `:authority`.
    pub fn host_field(self) -> &'static str {
        match self {
            Self::Envoy => ":authority",
            Self::Nginx => "host",
        }
    }

    /// Whether the browser came by https, as far as the host can be trusted to know.
    pub fn is_https(self, asked: Received<'_>) -> bool {
        match self {
            // Envoy's own, or that of a proxy in front which it was told to trust.
            Self::Envoy => asked.first("x-forwarded-proto") == Some(b"https"),
            Self::Nginx => abi::property(b"request\0scheme").ok().flatten().as_deref() == Some(b"https"),
        }
    }

    /// The protocol that a request came by, such as `HTTP/2`.
    pub fn protocol(self, asked: Received<'_>) -> Cow<'static, [u8]> {
        // Envoy's codec for HTTP/1 makes the pseudo-fields itself, in one order; those of HTTP/2 stand as the client sent them, which no browser does in this one. To
        // ask for the property costs as much as all other reading of the request.
        let is_http_1 = || asked.0.iter().map(|(name, _)| *name).take(HTTP_1_ORDER.len()).eq(HTTP_1_ORDER);
        match self {
            Self::Envoy if is_http_1() => Cow::Borrowed(b"HTTP/1.1"),
            _ => abi::property(b"request\0protocol").ok().flatten().unwrap_or_default().into(),
        }
    }

    /// How many fields of a response have to change that it is cheaper to write all of them anew. nginx would lose what it keeps beside them.
    pub fn batch(self) -> usize {
        match self {
            Self::Envoy => 3,
            Self::Nginx => usize::MAX,
        }
    }

    /// Whether it can be left to the filter what encoding the server is asked for. nginx looks at the same field to decide whether it compresses itself.
    pub fn asks_for_identity(self) -> bool {
        self == Self::Envoy
    }

    /// Whether a field that is removed from a request does not reach the server. nginx only marks it, and its proxy sends it all the same.
    pub fn removes_request_fields(self) -> bool {
        self == Self::Envoy
    }

    /// Whether a request has a body that will come. nginx never says that the head is all, and has no body callback for a body without bytes.
    pub fn has_body(self, asked: Received<'_>, end_of_stream: bool) -> bool {
        let length = asked.first("content-length");
        let is_told = self == Self::Envoy || length.is_some() || asked.has("transfer-encoding");
        !end_of_stream && is_told && length != Some(b"0")
    }

    /// Takes a field away from a request, or what it says: what names no range, no tag and no credentials asks for none.
    pub fn withdraw(self, name: &str) -> Result<(), Status> {
        match (self.removes_request_fields(), name) {
            (true, _) => abi::remove_request_field(name),
            (false, "if-none-match") => abi::set_request_field(name, NO_TAG),
            (false, _) => abi::set_request_field(name, ""),
        }
    }

    /// Whether a field that is added to a request stands beside others of its name. nginx keeps one of those that it knows itself, such as `Via`, and drops the new one.
    pub fn adds_beside(self) -> bool {
        self == Self::Envoy
    }

    /// The details of an answer, given the id of the rule behind it. Envoy logs them; nginx would send them to the client as the reason
    /// phrase.
    pub fn details(self, rule: &'static str) -> &'static str {
        match self {
            Self::Envoy => rule,
            Self::Nginx => "",
        }
    }

    /// The most fields of a message that the host can show at once. nginx traps beyond 100, or loses the worker where it is a response; Envoy has a limit of its own
    /// (`max_headers_count`) and adds some fields.
    pub fn max_fields(self) -> usize {
        match self {
            Self::Envoy => usize::MAX,
            Self::Nginx => 100,
        }
    }

    /// The path of the property that carries a field of the decision to the access log: filter state in Envoy, a variable
    /// declared by `set` in nginx.
    pub fn log_property(self, field: LogField) -> &'static [u8] {
        match (self, field) {
            (Self::Envoy, LogField::Verdict) => b"sekisho.verdict",
            (Self::Envoy, LogField::Rule) => b"sekisho.rule",
            (Self::Envoy, LogField::Reason) => b"sekisho.reason",
            (Self::Envoy, LogField::Shadow) => b"sekisho.shadow",
            (Self::Envoy, LogField::Actor) => b"sekisho.actor",
            (Self::Envoy, LogField::Type) => b"sekisho.type",
            (Self::Nginx, LogField::Verdict) => b"ngx\0sekisho_verdict",
            (Self::Nginx, LogField::Rule) => b"ngx\0sekisho_rule",
            (Self::Nginx, LogField::Reason) => b"ngx\0sekisho_reason",
            (Self::Nginx, LogField::Shadow) => b"ngx\0sekisho_shadow",
            (Self::Nginx, LogField::Actor) => b"ngx\0sekisho_actor",
            (Self::Nginx, LogField::Type) => b"ngx\0sekisho_type",
        }
    }
}

/// What the access log may say about a delivery.
#[derive(Clone, Copy, Debug)]
pub enum LogField {
    /// `accept`, `drop` or `reject`.
    Verdict,
    /// The id of the rule that decided.
    Rule,
    /// Where and why it fired.
    Reason,
    /// The ids of the rules in shadow that would have, separated by commas.
    Shadow,
    /// The id of the actor.
    Actor,
    /// The type of the activity.
    Type,
}
