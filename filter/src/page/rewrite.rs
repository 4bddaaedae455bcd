//! The streaming rewriter: gives a page the integrity of what it loads, chunk by chunk, and leaves every other byte as it is.
//!
//! What it inserts, and that is all:
//! - `<script src>` and `<link rel="stylesheet|modulepreload|preload" href>` whose URL the manifest knows get `integrity` and
//!   `crossorigin="anonymous"`, each only where the page has none. Integrity-Policy wants both; for a URL of the page's own origin the
//!   second changes nothing, and others are in the manifest only if they may be read across origins.
//! - The import map goes right before the first `<script>` or `<link rel=modulepreload>`, so before an import map of the page too.
//!
//! What it is not sure of stays as it is: the browser then asks for more than it gets, never for less. Where a browser may read the
//! rest of the page in another way than lol_html does, it stops ([`Stopped`]), and the rest passes unchanged. So does the rest after a
//! limit; no byte is lost or held back. The output does not depend on how the input is cut, unless the limit of memory is reached.

mod document;
mod element;
mod location;
mod open;
mod output;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use encoding_rs::Encoding;
use lol_html::html_content::Element;
use lol_html::{AsciiCompatibleEncoding, ElementContentHandlers, HtmlRewriter, MemorySettings, Selector, Settings};

use self::document::Document;
use self::open::Open;
use self::output::Output;
use super::import_map::ImportMap;
use super::manifest::Manifest;

/// The most memory that one page may take while it passes: a tag that is not complete yet, and the stack of open elements.
pub const MAX_MEMORY_BYTES: usize = 1024 * 1024;

/// What is set aside for a page at once: a start tag that two chunks share fits.
const PREALLOCATED_BYTES: usize = 1024;

/// Why the rest of a page passed unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// [`MAX_MEMORY_BYTES`] was reached: a huge tag, or very many open elements.
    Memory,
    /// Browsers may see other tags than lol_html does, for what came before.
    Ambiguous,
    /// The page says that it is in an encoding in which ASCII bytes are not ASCII.
    Encoding,
    /// There is a `<base>` whose URL could not be read.
    Base,
}

/// Where a page is, as the browser knows it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Page<'a> {
    /// Scheme, host and port, such as `https://social.example`; if unknown, absolute URLs are never taken for the page's own.
    pub origin: Option<&'a str>,
    /// The path of the request and its query.
    pub path: &'a str,
}

/// One page on its way. Bytes in, bytes out; once [`Rewriter::end`] was called, it is done.
pub struct Rewriter {
    state: State,
    output: Rc<RefCell<Output>>,
    stopped: Rc<Cell<Option<Stopped>>>,
}

type Sink = Box<dyn FnMut(&[u8])>;

enum State {
    /// Until it is known that there is no byte order mark of UTF-16, which is stronger than all that is declared.
    Start {
        held: Vec<u8>,
        html: Box<HtmlRewriter<'static, Sink>>,
    },
    Html(Box<HtmlRewriter<'static, Sink>>),
    Unchanged,
}

impl Rewriter {
    /// A rewriter for one page; `charset` is the parameter of its `Content-Type`, UTF-8 if there is none.
    ///
    /// `None` if the page has to pass unchanged: its encoding is unknown, or one in which ASCII bytes are not ASCII.
    pub fn new(
        manifest: &Arc<Manifest>,
        import_map: Option<&Arc<ImportMap>>,
        page: &Page<'_>,
        charset: Option<&[u8]>,
    ) -> Option<Self> {
        if !reads(charset) {
            return None;
        }
        let integration_points = Rc::<Open>::default();
        let output = Rc::new(RefCell::new(Output::new(&integration_points)));
        let stopped = Rc::new(Cell::new(None));
        let mut document = Document::new(manifest, import_map, page, charset.is_some(), &integration_points)?;
        let selector: Selector = document::ELEMENTS.parse().ok()?;
        let handler = {
            let (stopped, output) = (Rc::clone(&stopped), Rc::clone(&output));
            move |element: &mut Element<'_, '_>| {
                document.start_tag(element, &mut output.borrow_mut()).map_err(|reason| {
                    stopped.set(Some(reason));
                    "stopped".into()
                })
            }
        };
        let memory = MemorySettings::new()
            .with_max_allowed_memory_usage(MAX_MEMORY_BYTES)
            .with_preallocated_parsing_buffer_size(PREALLOCATED_BYTES)
            .with_graceful_bail_out_on_memory_limit_exceeded(true);
        // Attributes are compared as ASCII and only ASCII is inserted: the encoding makes no difference any more.
        let settings = Settings::new()
            .with_strict(false)
            .with_memory_settings(memory)
            .with_graceful_bail_out_on_content_handler_error(true)
            .append_element_content_handler((
                std::borrow::Cow::Owned(selector),
                ElementContentHandlers::default().element(handler),
            ));
        let sink: Sink = {
            let output = Rc::clone(&output);
            Box::new(move |bytes| output.borrow_mut().pass(bytes))
        };
        let html = Box::new(HtmlRewriter::new(settings, sink));
        Some(Self { state: State::Start { held: Vec::new(), html }, output, stopped })
    }

    /// Takes a piece of the page, and gives what can go on.
    pub fn write(&mut self, chunk: &[u8]) -> Vec<u8> {
        self.state = match std::mem::replace(&mut self.state, State::Unchanged) {
            State::Unchanged => return chunk.to_vec(),
            State::Html(html) => self.feed(html, chunk),
            State::Start { mut held, html } => {
                held.extend_from_slice(chunk);
                match held.as_slice() {
                    [] | [0xfe | 0xff] => State::Start { held, html },
                    [0xfe, 0xff, ..] | [0xff, 0xfe, ..] => {
                        self.stopped.set(Some(Stopped::Encoding));
                        return held;
                    }
                    start => self.feed(html, start),
                }
            }
        };
        self.output.borrow_mut().take()
    }

    fn feed(&self, mut html: Box<HtmlRewriter<'static, Sink>>, chunk: &[u8]) -> State {
        match html.write(chunk) {
            Ok(()) => State::Html(html),
            // Bailing out gracefully, it has put all that it had been given into the output, and may not be used again.
            Err(_) => {
                self.note_stop();
                State::Unchanged
            }
        }
    }

    /// Ends the page, and gives what is left of it.
    pub fn end(&mut self) -> Vec<u8> {
        let html = match std::mem::replace(&mut self.state, State::Unchanged) {
            State::Unchanged => return Vec::new(),
            State::Html(html) => html,
            State::Start { held, .. } => return held,
        };
        if html.end().is_err() {
            self.note_stop();
        }
        self.output.borrow_mut().take()
    }

    /// Why the rest of the page passes unchanged, if it does.
    pub fn stopped(&self) -> Option<Stopped> {
        self.stopped.get()
    }

    fn note_stop(&self) {
        self.stopped.set(self.stopped.get().or(Some(Stopped::Memory)));
    }
}

/// Whether pages of a charset can be rewritten: it is known, and ASCII bytes are ASCII in it. UTF-8 where none is named.
pub fn reads(charset: Option<&[u8]>) -> bool {
    let encoding = |label| AsciiCompatibleEncoding::new(Encoding::for_label_no_replacement(label)?);
    charset.is_none_or(|label| encoding(label).is_some())
}

#[cfg(test)]
mod tests;
