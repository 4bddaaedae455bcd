//! The page of one stream: what of the request matters to it, the head of the response, and the body piece by piece.

use std::rc::Rc;

use super::abi::{self, Level, Status};
use super::head::ResponseHead;
use super::kind::{Kind, NO_TAG};
use super::pairs;
use super::plugin::Plugin;
use crate::decision::Mode;
use crate::metrics::PageResult;
use crate::page::fields::{Changes, Received};
use crate::page::rewrite::Rewriter;
use crate::page::{CSP, Page, PageRequest, may_be_page, wants_page};

/// How far a response is.
#[derive(Default)]
pub enum PageStream {
    /// It is left as it is.
    #[default]
    Untouched,
    /// It was asked for; by whom matters to pages alone.
    Asked(Box<PageRequest>),
    /// Its body passes through the rewriter.
    Rewriting(Box<Rewriter>),
}

impl PageStream {
    /// Notes what is asked for. A request that may be answered with a page is changed so that the page can be rewritten, and revalidated.
    pub fn asked(page: &Page, kind: Kind, asked: Received<'_>) -> Result<Self, Status> {
        if page.settings.mode == Mode::Off {
            return Ok(Self::Untouched);
        }
        let target = asked.first(":path").unwrap_or_default();
        let method = asked.first(":method").unwrap_or_default();
        let mut request = PageRequest {
            is_head: method == b"HEAD",
            // Whatever is asked for, and however, the answer may be a page: that of a form, or of an error.
            host: asked.first(kind.host_field()).and_then(PageRequest::host),
            is_https: kind.is_https(asked),
            ..PageRequest::of(target)
        };
        if page.needs_language() {
            request.accept_language = asked.first("accept-language").map(<[u8]>::to_vec);
        }
        let is_read = matches!(method, b"GET" | b"HEAD");
        let accept = asked.first("accept");
        if is_read && may_be_page(accept) && page.settings.mode == Mode::Enforce {
            if page.settings.upgrade && !request.is_https {
                request.wants_https = asked.first("upgrade-insecure-requests") == Some(b"1");
            }
            prepare(page, kind, asked, &mut request, wants_page(accept))?;
        }
        Ok(Self::Asked(Box::new(request)))
    }

    /// The same page by https, if the browser is to be sent there.
    pub fn https_url(&self) -> Option<String> {
        match self {
            Self::Asked(request) if request.wants_https => request.https_url(),
            _ => None,
        }
    }

    /// Decides about the response at its head, and adds our entry in `Via`, if there is to be one.
    pub fn head(&mut self, plugin: &Rc<Plugin>, kind: Kind, count: usize, via: Option<String>) -> Result<(), Status> {
        let Self::Asked(request) = std::mem::take(self) else {
            return via.map_or(Ok(()), |via| abi::add_response_field("via", &via));
        };
        let page = &plugin.page;
        let head = ResponseHead::read(kind, count)?;
        let fields = head.fields();
        let received = Received(&fields);
        let status = received.first(":status").and_then(|status| std::str::from_utf8(status).ok()?.parse().ok());
        let Some(status) = status else { return Err(Status::NOT_FOUND) };
        let mut changes = page.response(&request, status, received);
        if page.settings.mode != Mode::Enforce {
            changes = Changes { is_page: changes.is_page, rewrite: changes.rewrite, ..Changes::default() };
        }
        if let Some(via) = via {
            changes.add("via", via);
        }
        if changes.is_page {
            let result = if changes.rewrite.is_any() { PageResult::Rewritten } else { PageResult::Headed };
            plugin.count_page(result);
        }
        if head.is_whole && changes.count() >= kind.batch() {
            abi::set_response_fields(&pairs::write(&changes.applied(received)))?;
        } else {
            // Where the host does not show all, there may be policies that were not seen.
            changes.remove.retain(|name| if head.is_whole { received.has(name) } else { *name != CSP });
            apply(&changes)?;
        }
        if page.settings.mode == Mode::Enforce
            && let Some(rewriter) = page.rewriter(&request, changes.rewrite, received.only("content-type"))
        {
            *self = Self::Rewriting(Box::new(rewriter));
        }
        Ok(())
    }

    /// Rewrites what is here of the body.
    pub fn body(&mut self, plugin: &Plugin, end_of_stream: bool) {
        let Self::Rewriting(_) = self else { return };
        let Self::Rewriting(mut rewriter) = std::mem::take(self) else { return };
        let bytes = match abi::response_body() {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(status) => return log("the host does not show the body of a page", status),
        };
        let mut rewritten = rewriter.write(&bytes);
        if end_of_stream {
            rewritten.extend(rewriter.end());
            if rewriter.stopped().is_some() {
                plugin.count_page(PageResult::Stopped);
            }
        } else {
            *self = Self::Rewriting(rewriter);
        }
        if rewritten != bytes
            && let Err(status) = abi::replace_response_body(&rewritten)
        {
            log("the host took no body of a page", status);
        }
    }
}

/// Changes the head field by field.
pub(super) fn apply(changes: &Changes) -> Result<(), Status> {
    for name in &changes.remove {
        abi::remove_response_field(name)?;
    }
    for (name, value) in &changes.set {
        abi::set_response_field(name, value)?;
    }
    for (name, value) in &changes.add {
        abi::add_response_field(name, value)?;
    }
    Ok(())
}

/// Asks the server for bytes that can be read, and about the page that it sent rather than the one that we made of it. A script is left alone: it may come compressed, and
/// its tags are the server's own.
fn prepare(
    page: &Page,
    kind: Kind,
    asked: Received<'_>,
    request: &mut PageRequest,
    wants_page: bool,
) -> Result<(), Status> {
    if wants_page && page.rewrites() && kind.asks_for_identity() && asked.has("accept-encoding") {
        abi::set_request_field("accept-encoding", "identity")?;
    }
    let tags = asked.first("if-none-match");
    if let Some(own) = tags.and_then(|tags| page.if_none_match(request, tags)) {
        request.revalidates = true;
        return abi::set_request_field("if-none-match", &own);
    }
    let has_date = asked.has("if-modified-since");
    if !wants_page || (tags.is_none() && !has_date) {
        return Ok(());
    }
    // A date tells nothing of the policy that a stored page has.
    if kind.removes_request_fields() {
        if tags.is_some() {
            abi::remove_request_field("if-none-match")?;
        }
        return if has_date { abi::remove_request_field("if-modified-since") } else { Ok(()) };
    }
    // The tag of no page; where there is one, a date does not count (RFC 9110 section 13.1.3).
    abi::set_request_field("if-none-match", NO_TAG)
}

fn log(what: &str, status: Status) {
    abi::log(Level::Error, &format!("sekisho: {what}: {status}"));
}
