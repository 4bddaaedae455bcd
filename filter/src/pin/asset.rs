//! One file that pages load.

use url::Url;

use super::css;
use super::html::Kind;
use super::js::{self, Goal, Script};
use super::origin::{Origin, is_redirect};
use super::personal::Personal;
use super::report::Trouble;
use crate::page::manifest::Integrity;
use crate::page::script_type;

/// What a file is loaded as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum FileKind {
    Script,
    Module,
    Style,
}

impl FileKind {
    /// Whether something in a page stands for such a file.
    pub(super) fn is(self, kind: Kind) -> bool {
        Self::of(kind) == Some(self)
    }

    /// What something in a page stands for.
    pub(super) fn of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Script => Some(Self::Script),
            Kind::Module => Some(Self::Module),
            Kind::Style => Some(Self::Style),
            _ => None,
        }
    }
}

/// What is known of a file.
pub(super) struct File {
    pub(super) integrity: Integrity,
    /// Why it may be another for others; then its integrity says nothing.
    pub(super) personal: Option<Personal>,
    /// What a script says.
    pub(super) script: Script,
    /// How many other sheets a style sheet imports.
    pub(super) css_imports: usize,
}

/// Fetches and reads a file. A redirect is not followed: it may lead elsewhere tomorrow, and it changes what a module's imports are relative to.
pub(super) async fn load(origin: &Origin, kind: FileKind, url: &Url) -> Result<File, Trouble> {
    let answer = origin.get(url, "*/*", |status| status == 200).await?;
    if is_redirect(answer.status) {
        return Err(Trouble::Redirected(answer.location.map(String::from).unwrap_or_default()));
    }
    if answer.status != 200 {
        return Err(Trouble::Status(answer.status));
    }
    let (fits, expected) = match kind {
        FileKind::Script | FileKind::Module => (script_type::is_javascript(&answer.essence), "JavaScript"),
        FileKind::Style => (answer.essence == "text/css", "text/css"),
    };
    if !fits {
        return Err(Trouble::WrongType { expected, found: answer.essence });
    }
    let text = String::from_utf8_lossy(&answer.body);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let (script, css_imports) = match kind {
        FileKind::Script => (js::read(text, Goal::Script), 0),
        FileKind::Module => (js::read(text, Goal::Module), 0),
        FileKind::Style => (Script::default(), css::imports(text)),
    };
    Ok(File { integrity: Integrity::sha384(&answer.body), personal: answer.personal, script, css_imports })
}
