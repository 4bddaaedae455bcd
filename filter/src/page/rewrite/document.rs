//! What has been seen of a page so far, and what is done at each start tag.

use std::rc::Rc;
use std::sync::Arc;

use encoding_rs::Encoding;
use lol_html::html_content::Element;

use super::element::{self, Resource};
use super::location::{Location, Target};
use super::open::Open;
use super::output::Output;
use super::{Page, Stopped};
use crate::page::import_map::ImportMap;
use crate::page::manifest::{Integrity, Manifest};

/// The elements whose start tags are looked at: what loads, what changes how URLs or bytes are read, and what changes how tags are.
pub(super) const ELEMENTS: &str = "script, link, base, meta, template, col, select, frameset, \
    svg, math, desc, foreignobject, mi, mo, mn, ms, mtext, annotation-xml, mglyph, malignmark, \
    textarea, title, style, iframe, xmp, noembed, noframes, noscript, plaintext";

/// Elements of SVG and MathML that hold HTML.
const INTEGRATION_POINTS: [&str; 9] =
    ["desc", "foreignobject", "title", "mi", "mo", "mn", "ms", "mtext", "annotation-xml"];

/// Elements of HTML whose content is text, and so ends elsewhere than that of an element of a drawing.
const TEXTS: [&str; 9] =
    ["textarea", "title", "style", "iframe", "xmp", "noembed", "noframes", "noscript", "plaintext"];

const HTML: &str = "http://www.w3.org/1999/xhtml";

/// The most `<svg>` and `<math>`: lol_html keeps a byte or two for each that is not closed, outside of its limit of memory.
const MAX_FOREIGN: usize = 100_000;

pub(super) struct Document {
    manifest: Arc<Manifest>,
    /// Until it is inserted.
    import_map: Option<Arc<ImportMap>>,
    location: Location,
    is_encoding_declared: bool,
    /// How many `<svg>` and `<math>` there were.
    foreign: usize,
    templates: Rc<Open>,
    selects: Rc<Open>,
    /// Of `<svg>` and `<math>`.
    foreigners: Rc<Open>,
    integration_points: Rc<Open>,
}

impl Document {
    pub(super) fn new(
        manifest: &Arc<Manifest>,
        import_map: Option<&Arc<ImportMap>>,
        page: &Page<'_>,
        is_encoding_declared: bool,
        integration_points: &Rc<Open>,
    ) -> Option<Self> {
        Some(Self {
            manifest: Arc::clone(manifest),
            import_map: import_map.map(Arc::clone),
            location: Location::new(page)?,
            is_encoding_declared,
            foreign: 0,
            templates: Rc::default(),
            selects: Rc::default(),
            foreigners: Rc::default(),
            integration_points: Rc::clone(integration_points),
        })
    }

    /// Looks at one of [`ELEMENTS`], and inserts what it lacks.
    pub(super) fn start_tag(&mut self, element: &mut Element<'_, '_>, output: &mut Output) -> Result<(), Stopped> {
        let name = element.tag_name();
        if self.foreigners.is_lost() || self.integration_points.is_lost() {
            return Err(Stopped::Ambiguous);
        }
        if self.foreigners.number() == 0 {
            self.integration_points.forget_closed();
        }
        if matches!(name.as_str(), "svg" | "math") {
            return self.enter_foreign(element);
        }
        if self.foreigners.number() > 0 && self.integration_points.was_closed() && TEXTS.contains(&name.as_str()) {
            // Browsers ignore `</desc>` where another element is open in it, and are in HTML still.
            return Err(Stopped::Ambiguous);
        }
        if self.foreigners.number() > 0 && INTEGRATION_POINTS.contains(&name.as_str()) {
            if has_odd_encoding(element) {
                return Err(Stopped::Ambiguous);
            }
            self.integration_points.count(element);
        }
        let is_html = element.namespace_uri() == HTML;
        if !self.is_namespace_certain(&name, is_html) {
            return Err(Stopped::Ambiguous);
        }
        if !is_html {
            return Ok(());
        }
        match name.as_str() {
            "script" => {
                self.insert_import_map(element, output);
                self.add_integrity(element, Resource::of_script(element), "src", output);
            }
            "link" => {
                if element::is_modulepreload(element) {
                    self.insert_import_map(element, output);
                }
                self.add_integrity(element, Resource::of_link(element), "href", output);
            }
            "base" if element.get_attribute("href").is_some_and(|href| !self.location.add_base(&href)) => {
                return Err(Stopped::Base);
            }
            "base" => {}
            "meta" if !self.is_encoding_declared && is_not_ascii(element) => return Err(Stopped::Encoding),
            "meta" => {}
            "template" => self.templates.count(element),
            // From here on browsers ignore nearly everything in the template.
            "col" if self.templates.number() > 0 => return Err(Stopped::Ambiguous),
            "col" => {}
            "select" => self.selects.count(element),
            // In a frameset browsers ignore nearly everything, but not a frameset that comes too late. In a MathML text, the other two
            // are not HTML, which lol_html does not know.
            "frameset" | "mglyph" | "malignmark" => return Err(Stopped::Ambiguous),
            // In a select, what is left starts a text in some versions of browsers, and is ignored in others.
            _ if self.selects.number() > 0 => return Err(Stopped::Ambiguous),
            _ => {}
        }
        Ok(())
    }

    fn enter_foreign(&mut self, element: &mut Element<'_, '_>) -> Result<(), Stopped> {
        self.foreign += 1;
        if self.foreign > MAX_FOREIGN {
            return Err(Stopped::Memory);
        }
        // lol_html takes `<svg/>` for the start of a drawing that goes on.
        if element.is_self_closing() {
            return Err(Stopped::Ambiguous);
        }
        self.foreigners.count(element);
        Ok(())
    }

    /// A `<p>` in a drawing ends all drawings for browsers, but only the innermost for lol_html. So where it sees more than one, or one that
    /// has ended, a tag may be one of HTML for the browser, and start a text.
    fn is_namespace_certain(&self, name: &str, is_html: bool) -> bool {
        match self.foreigners.number() {
            0 => is_html,
            1 => true,
            _ => {
                matches!(name, "link" | "base" | "meta" | "template" | "select" | "frameset" | "mglyph" | "malignmark")
            }
        }
    }

    fn insert_import_map(&mut self, element: &Element<'_, '_>, output: &mut Output) {
        // A template's scripts never run where they stand. Below a base of another origin, the map's paths would name other modules.
        if self.templates.number() > 0 || !self.location.is_root_own() {
            return;
        }
        if let Some(map) = self.import_map.take() {
            output.insert(element.source_location().bytes().start, map.element().to_owned());
        }
    }

    fn add_integrity(
        &self,
        element: &Element<'_, '_>,
        resource: Option<Resource>,
        attribute: &str,
        output: &mut Output,
    ) {
        let Some(resource) = resource else { return };
        let target = element.get_attribute(attribute).and_then(|value| self.location.resolve(&value));
        let Some(integrity) = target.and_then(|target| self.integrity(resource, &target)) else { return };
        let mut attributes = String::new();
        if !element.has_attribute("integrity") {
            attributes.extend([" integrity=\"", integrity.as_str(), "\""]);
        }
        if !element.has_attribute("crossorigin") {
            attributes.push_str(" crossorigin=\"anonymous\"");
        }
        if !attributes.is_empty() {
            // After the name whatever follows means what it meant; at the end an unquoted value might go on.
            let after_name = element.source_location().bytes().start + "<".len() + element.tag_name().len();
            output.insert(after_name, attributes);
        }
    }

    fn integrity(&self, resource: Resource, target: &Target) -> Option<&Integrity> {
        let keys = target.path.iter().chain([&target.url]);
        let mut pairs = keys.flat_map(|key| resource.known(&self.manifest).map(|known| known.get(key)));
        pairs.find_map(|integrity| integrity)
    }
}

/// Whether lol_html may read `encoding`, which makes `annotation-xml` hold HTML, in another way than browsers: it takes any of several, and no character reference.
fn has_odd_encoding(element: &Element<'_, '_>) -> bool {
    let mut all = element.attributes().iter().filter(|attribute| attribute.name() == "encoding");
    let first = all.next();
    all.next().is_some() || first.is_some_and(|attribute| attribute.value().contains('&'))
}

/// Whether a meta element declares an encoding in which ASCII bytes are not ASCII. Browsers take UTF-16 for UTF-8 there.
fn is_not_ascii(element: &Element<'_, '_>) -> bool {
    let content = || {
        let content = element.get_attribute("content")?.to_ascii_lowercase();
        let (_, charset) = content.split_once("charset")?;
        let label = charset.trim_start().strip_prefix('=')?;
        let is_end = |c: char| c == ';' || c == '"' || c == '\'' || c.is_ascii_whitespace();
        label.split(is_end).find(|part| !part.is_empty()).map(str::to_owned)
    };
    let label = element.get_attribute("charset").or_else(content);
    let encoding = label.and_then(|label| Encoding::for_label(label.as_bytes()));
    encoding.is_some_and(|encoding| {
        let is_utf_16 = [encoding_rs::UTF_16BE, encoding_rs::UTF_16LE].contains(&encoding);
        !encoding.is_ascii_compatible() && !is_utf_16
    })
}
