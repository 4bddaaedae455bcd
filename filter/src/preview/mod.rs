//! Previews of links: the JSON of `GET /url`. Summaly reads a stranger's page, and the server's own page shows what that says: its player in a frame that may
//! run scripts, its pictures in CSS and `<img>`, its texts. Misskey looks at how two of the URLs begin, and at nothing else.
//!
//! A preview is allowed as it is if all of these hold:
//! 1. It is a JSON object that every parser reads alike, of at most [`MAX_PREVIEW_BYTES`].
//! 2. `player.url` is by https, from a host that the policy allows, at its own port, without a name and password, as the URL parser writes it.
//! 3. `icon` and `thumbnail` are by https, or from our own media proxy, and hold nothing that ends a string or a function in CSS (CVE-2025-46340).
//! 4. `url` and `activityPub` are http or https, without a name and password; `player.allow` has known features only; sizes, texts and flags are such.
//!
//! What does not hold is taken away, and the rest of the preview stays. The hosts of 2 also stand in `frame-src` of the pages ([`Settings::frame_sources`]): what this
//! guard does not see, such as a preview that a browser kept, the browser does not frame.
//!
//! Deployment: answers of before, which browsers may keep for a week (`immutable`), stay as they are until then. An answer that says it is HTML is a page, and left
//! to the page guard: Misskey never labels a preview so.

mod clean;
mod object;
mod players;
mod route;
mod settings;
mod text;
mod url;

pub use clean::{Change, Cleaned, MAX_PREVIEW_BYTES};
pub use settings::{Images, SUMMARY, Settings};

use crate::decision::Mode;
use crate::page::PageRequest;
use crate::page::fields::{Changes, OF_ITS_BYTES, Received};
use crate::page::treatment;

/// The guard of previews, compiled.
#[derive(Debug)]
pub struct Preview {
    /// As the policy has it.
    pub settings: Settings,
}

/// What of the request matters to the preview that answers it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreviewRequest {
    /// The link that a preview is asked for.
    pub url: Option<String>,
    /// The host of the page, with its port or without, in the form of [`PageRequest::host`].
    pub host: Option<String>,
}

/// Fields that are about more than the server's own bytes: how they come, and which they are.
const OF_ITS_FORM: [&str; 3] = ["content-encoding", "content-range", "etag"];

/// Fields by which a browser asks for less than a whole answer that can be read.
const OF_PARTS: [&str; 4] = ["range", "if-range", "if-none-match", "if-modified-since"];

impl Preview {
    /// Compiles the section.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Whether a request asks for a preview, in any way in which a server may read its path. Most requests do not, and end at its first bytes.
    pub fn is_preview(&self, method: &[u8], target: &[u8]) -> bool {
        method == b"GET" && self.settings.mode != Mode::Off && route::is_one_of(target, &self.settings.paths)
    }

    /// What is asked for, and where: by the target, and the field that names the host.
    pub fn request(&self, target: &[u8], host: Option<&[u8]>) -> PreviewRequest {
        PreviewRequest { url: route::requested_url(target), host: host.and_then(PageRequest::host) }
    }

    /// What changes in the head of the request: the server is asked for a whole answer, in plain bytes. A browser that has one of before would keep it.
    pub fn ask() -> Changes {
        let mut changes = Changes { remove: OF_PARTS.to_vec(), ..Changes::default() };
        changes.set("accept-encoding", "identity");
        changes
    }

    /// What changes in the head of an answer whose body is to be held, and given to [`Preview::clean`]; `None` where it is left as it is.
    ///
    /// Errors are cleaned too: older frontends do not look at the status. `Cache-Control` stays: what is made of the same bytes is the same.
    pub fn head(&self, status: u16, received: Received<'_>) -> Option<Changes> {
        let has_body = !matches!(status, 100..=199 | 204 | 205 | 300..=399);
        let is_page = received.only("content-type").and_then(treatment::essence).is_some_and(|essence| {
            // No JSON to anybody, unless it lies.
            essence == "text/html" || essence == "application/xhtml+xml"
        });
        if !has_body || is_page || self.settings.mode == Mode::Off {
            return None;
        }
        let mut changes = Changes { remove: [&OF_ITS_BYTES[..], &OF_ITS_FORM].concat(), ..Changes::default() };
        changes.set("content-type", "application/json; charset=utf-8");
        changes.set("x-content-type-options", "nosniff");
        Some(changes)
    }

    /// What becomes of the whole body of an answer. In shadow it is for the host to leave the bytes as they are.
    pub fn clean(&self, body: &[u8], request: &PreviewRequest) -> Cleaned {
        clean::clean(body, request, &self.settings)
    }
}

#[cfg(test)]
mod tests;
