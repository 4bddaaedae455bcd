//! The page of one stream: what of the request matters to it, the head of the response, and the body piece by piece.

use std::rc::Rc;

use super::abi::{self, Level, Status};
use super::kind::Kind;
use super::pairs;
use super::plugin::Plugin;
use crate::decision::Mode;
use crate::metrics::{Counter, PageResult};
use crate::page::fields::{Changes, Received};
use crate::page::rewrite::Rewriter;
use crate::page::{CSP, Page, PageRequest, Treatment, may_be_page, wants_page};

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
    pub fn asked(plugin: &Plugin, kind: Kind, method: &[u8], target: Option<Vec<u8>>) -> Result<Self, Status> {
        let page = &plugin.page;
        if page.settings.mode == Mode::Off {
            return Ok(Self::Untouched);
        }
        let target = match target {
            Some(target) => target,
            None => abi::request_field(":path")?.unwrap_or_default(),
        };
        let mut request = PageRequest {
            path: PageRequest::path(&target),
            route: PageRequest::route(&target),
            is_head: method == b"HEAD",
            ..PageRequest::default()
        };
        // Whatever is asked for, and however, the answer may be a page: that of a form, or of an error.
        request.host = abi::request_field(kind.host_field())?.and_then(|host| PageRequest::host(&host));
        request.is_https = kind.is_https();
        if page.needs_language() {
            request.accept_language = abi::request_field("accept-language")?;
        }
        let is_read = matches!(method, b"GET" | b"HEAD");
        let accept = if is_read { abi::request_field("accept")? } else { None };
        if is_read && may_be_page(accept.as_deref()) && page.settings.mode == Mode::Enforce {
            if page.settings.upgrade && !request.is_https {
                request.wants_https = abi::request_field("upgrade-insecure-requests")?.as_deref() == Some(b"1");
                request.target = if request.wants_https { String::from_utf8(target).ok() } else { None };
            }
            prepare(page, kind, &mut request, wants_page(accept.as_deref()))?;
        }
        Ok(Self::Asked(Box::new(request)))
    }

    /// Whether the browser is to be sent to https.
    pub fn wants_upgrade(&self) -> bool {
        matches!(self, Self::Asked(request) if request.wants_https && request.https_url().is_some())
    }

    /// The same page by https.
    pub fn https_url(&self) -> Option<String> {
        match self {
            Self::Asked(request) => request.https_url(),
            _ => None,
        }
    }

    /// Decides about the response at its head.
    pub fn head(&mut self, plugin: &Rc<Plugin>, kind: Kind, count: usize) -> Result<(), Status> {
        let Self::Asked(request) = std::mem::take(self) else { return Ok(()) };
        let page = &plugin.page;
        let status = abi::response_field(":status")?.and_then(|status| std::str::from_utf8(&status).ok()?.parse().ok());
        let Some(status) = status else { return Err(Status::NOT_FOUND) };
        let content_type = abi::response_field("content-type")?;
        let Some(treatment) = page.treatment(&request, status, content_type.as_deref()) else {
            return if status == 304 {
                self.apply(&page.response(&request, status, Received(&[])), page)
            } else {
                Ok(())
            };
        };
        // Most responses are no pages: then little else of them matters.
        let is_shown = count <= kind.max_fields();
        let (all, single) = match treatment {
            Treatment::Page if is_shown => (abi::response_fields()?, Vec::new()),
            Treatment::Page => (Vec::new(), single_fields()?),
            Treatment::Locked | Treatment::Part => (Vec::new(), Vec::new()),
        };
        let mut fields = pairs::read(&all).unwrap_or_default();
        fields.extend(single.iter().map(|(name, value)| (*name, value.as_slice())));
        if !treatment.is_page() {
            fields.extend(content_type.as_deref().map(|value| (&b"content-type"[..], value)));
        }
        let mut changes = page.response(&request, status, Received(&fields));
        if treatment.is_page() {
            // Each call to the host costs; and where it does not show all, there may be policies that were not seen.
            changes.remove.retain(|name| if is_shown { Received(&fields).has(name) } else { *name != CSP });
            let result = if changes.rewrite { PageResult::Rewritten } else { PageResult::Headed };
            plugin.count(Counter::Page(result));
        }
        self.apply(&changes, page)?;
        if changes.rewrite && page.settings.mode == Mode::Enforce {
            let content_type = Received(&fields).only("content-type");
            if let Some(rewriter) = page.rewriter(&request, content_type) {
                *self = Self::Rewriting(Box::new(rewriter));
            }
        }
        Ok(())
    }

    fn apply(&self, changes: &Changes, page: &Page) -> Result<(), Status> {
        if page.settings.mode != Mode::Enforce {
            return Ok(());
        }
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
                plugin.count(Counter::Page(PageResult::Stopped));
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

/// Asks the server for bytes that can be read, and about the page that it sent rather than the one that we made of it. A script is left alone: it may come compressed, and
/// its tags are the server's own.
fn prepare(page: &Page, kind: Kind, request: &mut PageRequest, wants_page: bool) -> Result<(), Status> {
    if wants_page && page.rewrites() && kind.asks_for_identity() && abi::request_field("accept-encoding")?.is_some() {
        abi::set_request_field("accept-encoding", "identity")?;
    }
    let tags = abi::request_field("if-none-match")?;
    if let Some(own) = tags.as_deref().and_then(|tags| page.if_none_match(request, tags)) {
        request.revalidates = true;
        return abi::set_request_field("if-none-match", &own);
    }
    if !wants_page {
        return Ok(());
    }
    // A date tells nothing of the policy that a stored page has.
    if kind.removes_request_fields() {
        if tags.is_some() {
            abi::remove_request_field("if-none-match")?;
        }
        return abi::remove_request_field("if-modified-since");
    }
    if tags.is_some() || abi::request_field("if-modified-since")?.is_some() {
        // The tag of no page; where there is one, a date does not count (RFC 9110 section 13.1.3).
        abi::set_request_field("if-none-match", NO_TAG)?;
    }
    Ok(())
}

const NO_TAG: &str = "\"sekisho-none\"";

/// A name and its value.
type Field = (&'static [u8], Vec<u8>);

/// What of the head of a page matters, where the host cannot show all of it: the first of each name.
fn single_fields() -> Result<Vec<Field>, Status> {
    let names = [
        "content-type",
        "content-encoding",
        CSP,
        "strict-transport-security",
        "referrer-policy",
        "permissions-policy",
        "x-frame-options",
        "cross-origin-opener-policy",
        "cross-origin-resource-policy",
        "etag",
    ];
    let read = |name: &'static str| Ok(abi::response_field(name)?.map(|value| (name.as_bytes(), value)));
    names.into_iter().filter_map(|name| read(name).transpose()).collect()
}

fn log(what: &str, status: Status) {
    abi::log(Level::Error, &format!("sekisho: {what}: {status}"));
}
