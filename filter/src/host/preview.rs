//! The preview of one stream: its body is held whole, which is little, and goes on as what it becomes.

use super::abi::{self, Level, Status};
use super::head::ResponseHead;
use super::kind::Kind;
use super::page::apply;
use crate::decision::Mode;
use crate::page::fields::Received;
use crate::policy::Policy;
use crate::preview::{Cleaned, MAX_PREVIEW_BYTES, Preview, PreviewRequest};

/// A preview on its way.
pub struct PreviewStream {
    request: PreviewRequest,
    /// What came of the body, and at most one byte more than is read; none while it is not certain that there is one.
    held: Option<Vec<u8>>,
    /// How long the body is said to be, in bytes: nginx does not tell the end of such a one.
    length: Option<usize>,
}

impl PreviewStream {
    /// Notes that a preview is asked for, and asks the server for a whole one that can be read; `None` for any other request.
    pub fn asked(policy: &Policy, kind: Kind, asked: Received<'_>) -> Result<Option<Self>, Status> {
        let preview = &policy.preview;
        let (method, target) = (asked.first(":method"), asked.first(":path"));
        let (Some(method), Some(target)) = (method, target) else { return Ok(None) };
        if !preview.is_preview(method, target) {
            return Ok(None);
        }
        if preview.settings.mode == Mode::Enforce {
            let changes = Preview::ask();
            for (name, value) in &changes.set {
                abi::set_request_field(name, value)?;
            }
            for name in changes.remove.iter().filter(|name| asked.has(name)) {
                kind.withdraw(name)?;
            }
        }
        let request = preview.request(target, asked.first(kind.host_field()));
        Ok(Some(Self { request, held: None, length: None }))
    }

    /// Changes the head of an answer whose body is to be cleaned.
    pub fn head(&mut self, preview: &Preview, kind: Kind, count: usize) -> Result<(), Status> {
        // Whatever fails from here on: what was not read is not passed on.
        self.held = Some(Vec::new());
        let head = ResponseHead::read(kind, count)?;
        let fields = head.fields();
        let received = Received(&fields);
        let number = |name| std::str::from_utf8(received.first(name)?).ok()?.parse::<u32>().ok();
        let status = number(":status").and_then(|status| u16::try_from(status).ok()).ok_or(Status::NOT_FOUND)?;
        let Some(mut changes) = preview.head(status, received) else {
            self.held = None;
            return Ok(());
        };
        self.length = number("content-length").and_then(|length| usize::try_from(length).ok());
        if preview.settings.mode == Mode::Enforce {
            // Where the host does not show all, there may be more.
            changes.remove.retain(|name| !head.is_whole || received.has(name));
            apply(&changes)?;
        }
        Ok(())
    }

    /// Takes what is here of the body. What it becomes, once that is all.
    pub fn body(&mut self, preview: &Preview, end_of_stream: bool) -> Option<Cleaned> {
        let held = self.held.as_mut()?;
        let bytes = abi::response_body().inspect_err(|status| log("does not show", *status));
        // What could not be read makes it longer than anything that is.
        let bytes = bytes.map_or_else(|_| vec![0; MAX_PREVIEW_BYTES.saturating_add(1)], Option::unwrap_or_default);
        let room = MAX_PREVIEW_BYTES.saturating_add(1).saturating_sub(held.len());
        held.extend(bytes.iter().take(room));
        self.length = self.length.map(|length| length.saturating_sub(bytes.len()));
        let is_all = end_of_stream || self.length == Some(0);
        let is_enforced = preview.settings.mode == Mode::Enforce;
        if !is_all {
            if is_enforced {
                replace(b"");
            }
            return None;
        }
        let held = self.held.take()?;
        let cleaned = preview.clean(&held, &self.request);
        if is_enforced {
            replace(cleaned.body.as_deref().unwrap_or(&held));
        }
        Some(cleaned)
    }
}

fn replace(bytes: &[u8]) {
    if let Err(status) = abi::replace_response_body(bytes) {
        log("took no", status);
    }
}

fn log(what: &str, status: Status) {
    abi::log(Level::Error, &format!("sekisho: the host {what} body of a preview: {status}"));
}
