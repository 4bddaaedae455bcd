//! What can be wrong with a page or a file.

use std::fmt;

use super::html::{Item, Kind};
use super::ours::Ours;
use super::personal::Personal;
use super::trust::Doubt;
use crate::media::net::FetchError;
use crate::page::manifest::Integrity;

/// How much of a text is shown.
const EXCERPT_CHARS: usize = 60;

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// There is no answer.
    Unreachable(FetchError),
    /// The answer is not 200.
    Status(u16),
    /// A page that is there, but not with 200.
    PageStatus(u16),
    /// It is elsewhere.
    Redirected(String),
    /// A page with different statuses.
    Unsteady(u16, u16),
    /// A page that is none.
    NotHtml(String),
    /// A file of another type than what loads it takes.
    WrongType {
        /// What it takes.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// It was another at the second look.
    Changed,
    /// It was not read to its end.
    Unreadable(String),
    /// Something in a page could not be read.
    Unread {
        /// What.
        what: &'static str,
        /// How it begins.
        excerpt: String,
    },
    /// Something in a page is not trusted.
    Doubtful {
        /// What.
        what: &'static str,
        /// Its hash.
        hash: Integrity,
        /// How it begins.
        excerpt: String,
        /// Why.
        doubt: Doubt,
    },
    /// A file that others may get in another form.
    Personal(Personal),
    /// A page that has been through us.
    Ours(Ours),
    /// It belongs to somebody else.
    OtherOrigin,
    /// A module is imported by a bare name.
    Bare,
    /// Imports of what only running the script would tell.
    Computed(usize),
    /// Style sheets that a style sheet imports.
    CssImports(usize),
    /// A list of Vite whose base is not known.
    NoBase,
    /// None of the entries that a loader could mean is there.
    NoEntry(usize),
    /// A language that no loader has.
    NoLanguage,
    /// A URL that a manifest cannot hold.
    UnfitUrl,
    /// There is too much.
    Limit(&'static str),
    /// Not all files were looked at again.
    Sampled {
        /// How many were.
        looked_at: usize,
        /// Of how many.
        of: usize,
    },
}

/// Whether a server answers so that is in trouble, or does not want to be asked now: the answer is not what it would else say.
pub(super) fn is_status_of_trouble(status: u16) -> bool {
    matches!(status, 401 | 403 | 407 | 408 | 425 | 429) || status >= 500
}

impl Trouble {
    /// Whether it may be gone at the next try, without anything new on the server.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Unsteady(..) | Self::Changed => true,
            Self::Status(status) | Self::PageStatus(status) => is_status_of_trouble(*status),
            _ => false,
        }
    }

    pub(super) fn doubt(item: &Item, doubt: Doubt) -> Self {
        let hash = Integrity::sha256(item.text.as_bytes());
        Self::Doubtful { what: name(item.kind), hash, excerpt: excerpt(&item.text), doubt }
    }

    pub(super) fn unread(what: &'static str, text: &str) -> Self {
        Self::Unread { what, excerpt: excerpt(text) }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => write!(f, "unreachable ({error})"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::PageStatus(status) => write!(f, "the page has status {status}, and was taken as it is"),
            Self::Redirected(to) => write!(f, "redirected to {to}"),
            Self::Unsteady(one, other) => write!(f, "now status {one}, now {other}"),
            Self::NotHtml(found) => write!(f, "no HTML, but {found:?}"),
            Self::WrongType { expected, found } => write!(f, "wrong type: {expected} is needed, found {found:?}"),
            Self::Changed => f.write_str("changed between two fetches"),
            Self::Unreadable(why) => write!(f, "not readable to its end ({why}): what it loads is not known"),
            Self::Unread { what, excerpt } => write!(f, "cannot read {what}: {excerpt}"),
            Self::Doubtful { what, hash, excerpt, doubt } => {
                let why = match doubt {
                    Doubt::Varies => "varies between fetches",
                    Doubt::Reflects => "repeats the request",
                    Doubt::Once => "was seen only once",
                };
                write!(f, "{what} {why}, not trusted: {hash} {excerpt}")
            }
            Self::Personal(why) => write!(f, "not pinned: not the same for everybody ({why})"),
            Self::Ours(mark) => write!(f, "came through Sekisho itself, as {mark} shows"),
            Self::OtherOrigin => f.write_str("not pinned: other origin"),
            Self::Bare => f.write_str("import by a bare name: needs an import map"),
            Self::Computed(count) => write!(f, "{count} import() of what only running it would tell"),
            Self::CssImports(count) => write!(f, "{count} @import: not followed"),
            Self::NoBase => f.write_str("in a list of Vite whose base was not found"),
            Self::NoEntry(tried) => write!(f, "its loader's entry was not found in {tried} places"),
            Self::NoLanguage => f.write_str("no scripts for this language"),
            Self::UnfitUrl => f.write_str("no URL that a manifest can hold"),
            Self::Limit(what) => write!(f, "left out: too many {what}"),
            Self::Sampled { looked_at, of } => write!(f, "only {looked_at} of {of} were fetched a second time"),
        }
    }
}

pub(super) fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::InlineScript => "inline script",
        Kind::InlineModule => "inline module",
        Kind::ImportMap => "import map",
        Kind::Handler => "event handler",
        Kind::InlineStyle => "inline style",
        Kind::Script => "script",
        Kind::Module => "module",
        Kind::Style => "style sheet",
    }
}

pub(super) fn excerpt(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    printable(&words).chars().take(EXCERPT_CHARS).collect()
}

/// What a terminal may show: pages must not move its cursor.
pub(super) fn printable(text: &str) -> String {
    let is_odd = |c: char| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if is_odd(c) { '\u{fffd}' } else { c }).collect()
}
