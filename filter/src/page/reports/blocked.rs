//! What was blocked, as far as anybody may know.

use url::Url;

/// The longest host that is kept, in bytes.
const MAX_HOST_BYTES: usize = 128;

/// The longest segment of a path that is kept, in bytes.
const MAX_SEGMENT_BYTES: usize = 32;

/// The longest URL that is read, in bytes.
const MAX_URL_BYTES: usize = 4096;

/// What was blocked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blocked {
    /// What kind of thing.
    pub kind: BlockedKind,
    /// Where, for the log only: an origin for [`BlockedKind::Other`], the first segment of a path for [`BlockedKind::SelfOrigin`], else empty.
    pub at: String,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $label:literal,)*) => {
        /// What kind of thing was blocked.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum BlockedKind { $($(#[$doc])* $variant,)* }

        impl BlockedKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name, for metrics and the log.
            pub fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)* }
            }
        }
    };
}

kinds! {
    /// An inline script, style or attribute.
    Inline = "inline",
    /// `eval` and its kin.
    Eval = "eval",
    /// The compilation of WebAssembly.
    WasmEval = "wasm_eval",
    /// A sink or policy of trusted types.
    TrustedTypes = "trusted_types",
    /// Something of the page's own origin.
    SelfOrigin = "self",
    /// Something of another host.
    Other = "other",
    /// A `data:` URL.
    Data = "data",
    /// A `blob:` URL.
    Blob = "blob",
    /// What an extension of the browser did: noise, never logged.
    Extension = "extension",
    /// `about:blank` and the like.
    About = "about",
    /// The report names nothing.
    None = "none",
    /// The report names something else.
    Unknown = "unknown",
}

impl BlockedKind {
    /// The kind of a label.
    pub fn of_label(label: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.label() == label)
    }
}

impl From<BlockedKind> for Blocked {
    fn from(kind: BlockedKind) -> Self {
        Self { kind, at: String::new() }
    }
}

impl Blocked {
    /// Reads `blockedURL` of a report on a document.
    pub fn read(text: &str, document: &str) -> Self {
        let (scheme, is_bare) = text.split_once(':').map_or((text, true), |(scheme, _)| (scheme, false));
        match (scheme.to_ascii_lowercase().as_str(), is_bare) {
            ("", true) => BlockedKind::None.into(),
            ("inline", true) => BlockedKind::Inline.into(),
            ("eval", true) => BlockedKind::Eval.into(),
            ("wasm-eval", true) => BlockedKind::WasmEval.into(),
            ("trusted-types-sink" | "trusted-types-policy", true) => BlockedKind::TrustedTypes.into(),
            // Firefox before 63 said so of what is inline.
            ("self", true) => BlockedKind::SelfOrigin.into(),
            // Of most schemes, a browser tells nothing else (CSP3 section 5.4, strip URL for use in reports).
            ("data", _) => BlockedKind::Data.into(),
            ("blob" | "filesystem", _) => BlockedKind::Blob.into(),
            ("about", _) => BlockedKind::About.into(),
            _ if is_extension(text) => BlockedKind::Extension.into(),
            ("http" | "https" | "ws" | "wss", false) => from_url(text, document).unwrap_or(BlockedKind::Unknown.into()),
            _ => BlockedKind::Unknown.into(),
        }
    }
}

/// Whether a URL, or its scheme alone, is one of a browser's extensions or of the browser itself.
pub(super) fn is_extension(url: &str) -> bool {
    let scheme = url.split(':').next().unwrap_or_default().to_ascii_lowercase();
    scheme.ends_with("-extension") || matches!(scheme.as_str(), "chrome" | "resource" | "user-script")
}

fn from_url(text: &str, document: &str) -> Option<Blocked> {
    let url = parse(text)?;
    if parse(document).is_some_and(|document| origin(&document) == origin(&url)) {
        return Some(Blocked { kind: BlockedKind::SelfOrigin, at: first_segment(&url) });
    }
    let host = url.host_str()?;
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
    let is_known = host.len() <= MAX_HOST_BYTES && !host.is_empty() && host.bytes().all(is_plain);
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let at = if is_known { format!("{}://{host}{port}", url.scheme()) } else { String::new() };
    Some(Blocked { kind: BlockedKind::Other, at })
}

fn parse(text: &str) -> Option<Url> {
    if text.len() > MAX_URL_BYTES { None } else { Url::parse(text).ok().filter(Url::has_host) }
}

/// The origin of a URL; a WebSocket's is that of the page that it may belong to.
fn origin(url: &Url) -> (bool, Option<&str>, Option<u16>) {
    (matches!(url.scheme(), "https" | "wss"), url.host_str(), url.port_or_known_default())
}

/// The host of a document's address.
pub(super) fn host(document: &str) -> Option<String> {
    parse(document)?.host_str().map(str::to_owned)
}

/// What may be told of a document's address: the first segment of its path, for what follows may be somebody's. `/@*` for what begins with `@`, which is somebody's name;
/// `/*` for what is long or has other characters than letters, digits, `-`, `_` and `.`; empty for what is no page of the web.
pub fn page(document: &str) -> String {
    parse(document)
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .map(|url| first_segment(&url))
        .unwrap_or_default()
}

fn first_segment(url: &Url) -> String {
    let segment = url.path_segments().and_then(|mut segments| segments.next()).unwrap_or_default();
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if segment.starts_with(['@', '~']) || segment.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("%40")) {
        "/@*".to_owned()
    } else if segment.len() > MAX_SEGMENT_BYTES || !segment.bytes().all(is_plain) {
        "/*".to_owned()
    } else {
        format!("/{segment}")
    }
}
