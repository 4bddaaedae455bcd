//! What stands in a page, by an HTML parser.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use lol_html::html_content::{Element, EndTag, TextChunk};
use lol_html::{HtmlRewriter, MemorySettings, Settings, element, text};
use url::Url;

use super::entities;
use crate::page::script_type::{self, ScriptType};

/// How much the parser may hold, in bytes.
const MAX_PARSER_BYTES: usize = 64 * 1024 * 1024;

/// What something in a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The text of a classic script.
    InlineScript,
    /// The text of a module.
    InlineModule,
    /// The text of an import map, or of speculation rules.
    ImportMap,
    /// The value of an event handler attribute.
    Handler,
    /// The text of a `style` element.
    InlineStyle,
    /// The URL of a classic script.
    Script,
    /// The URL of a module.
    Module,
    /// The URL of a style sheet.
    Style,
}

/// Something in a page: a text as the browser hashes it, or an absolute URL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// The text or URL.
    pub text: String,
}

/// What stands in a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Once each.
    pub items: BTreeSet<Item>,
    /// What relative URLs are relative to.
    pub base: Url,
    /// Whether there is an import map.
    pub has_import_map: bool,
    /// What could not be read: a word on what it is, and the beginning of it.
    pub unread: Vec<(&'static str, String)>,
}

/// Reads a page that is at a URL. Elements without an end are left out: a script that the page ends in does not run.
///
/// # Errors
/// Why it cannot be read: not UTF-8, or markup that a browser might read otherwise than this parser.
pub fn read(html: &[u8], url: &Url) -> Result<Page, String> {
    let html = std::str::from_utf8(html).map_err(|_| "not UTF-8".to_owned())?;
    // As browsers do before they parse (HTML section 13.2.3.5). References such as `&#13;` stay.
    let html = html.strip_prefix('\u{feff}').unwrap_or(html).replace("\r\n", "\n").replace('\r', "\n");
    let reader = Rc::new(RefCell::new(Reader::default()));
    let (elements, texts) = (Rc::clone(&reader), Rc::clone(&reader));
    let settings = Settings::new()
        .append_element_content_handler(element!("*", move |element: &mut Element<'_, '_>| {
            if elements.borrow_mut().element(element) {
                let reader = Rc::clone(&elements);
                element.on_end_tag(Box::new(move |_: &mut EndTag<'_>| {
                    reader.borrow_mut().end();
                    Ok(())
                }))?;
            }
            Ok(())
        }))
        .append_element_content_handler(text!("script, style", move |chunk: &mut TextChunk<'_>| {
            texts.borrow_mut().text(chunk.as_str());
            Ok(())
        }))
        .with_memory_settings(MemorySettings::new().with_max_allowed_memory_usage(MAX_PARSER_BYTES));
    let mut rewriter = HtmlRewriter::new(settings, |_: &[u8]| {});
    rewriter.write(html.as_bytes()).map_err(|error| error.to_string())?;
    rewriter.end().map_err(|error| error.to_string())?;
    Ok(reader.take().page(url))
}

#[derive(Default)]
struct Reader {
    inline: BTreeSet<Item>,
    links: Vec<(Kind, String)>,
    base: Option<String>,
    has_import_map: bool,
    unread: Vec<(&'static str, String)>,
    /// The element that texts belong to.
    open: Option<(Kind, String)>,
}

impl Reader {
    /// Whether the text of the element is wanted.
    fn element(&mut self, element: &Element<'_, '_>) -> bool {
        self.handlers(element);
        self.open = None;
        let attribute = |name| element.get_attribute(name).map(|value| value.replace('\0', "\u{fffd}"));
        match element.tag_name().as_str() {
            "base" if self.base.is_none() => self.base = attribute("href"),
            "link" => self.link(&attribute("rel").unwrap_or_default(), attribute("as"), attribute("href")),
            "script" => {
                let kind = match script_type::of(attribute("type").as_deref(), attribute("language").as_deref()) {
                    ScriptType::Classic => Kind::InlineScript,
                    ScriptType::Module => Kind::InlineModule,
                    ScriptType::ImportMap => {
                        self.has_import_map = true;
                        Kind::ImportMap
                    }
                    ScriptType::Speculation => Kind::ImportMap,
                    ScriptType::Data => return false,
                };
                return self.script(element, kind, attribute("src"));
            }
            "style" => return self.wanted(element, Kind::InlineStyle),
            _ => {}
        }
        false
    }

    fn script(&mut self, element: &Element<'_, '_>, kind: Kind, src: Option<String>) -> bool {
        let Some(src) = src else { return self.wanted(element, kind) };
        match kind {
            Kind::InlineScript => self.links.push((Kind::Script, src)),
            Kind::InlineModule => self.links.push((Kind::Module, src)),
            // Neither may have a `src`.
            _ => {}
        }
        false
    }

    fn wanted(&mut self, element: &Element<'_, '_>, kind: Kind) -> bool {
        // In SVG and MathML text is read by other rules.
        if element.namespace_uri() != "http://www.w3.org/1999/xhtml" {
            self.unread.push(("script or style in SVG or MathML", element.tag_name()));
            return false;
        }
        self.open = Some((kind, String::new()));
        true
    }

    fn handlers(&mut self, element: &Element<'_, '_>) {
        let mut names = BTreeSet::new();
        for attribute in element.attributes() {
            let name = attribute.name();
            // The first of a name counts.
            if !name.starts_with("on") || name.len() < 3 || !names.insert(name) {
                continue;
            }
            let value = attribute.value().replace('\0', "\u{fffd}");
            match entities::decode(&value) {
                Some(text) => drop(self.inline.insert(Item { kind: Kind::Handler, text: text.into_owned() })),
                None => self.unread.push(("character references of an event handler", value)),
            }
        }
    }

    fn link(&mut self, rel: &str, destination: Option<String>, href: Option<String>) {
        let Some(href) = href else { return };
        let has = |word: &str| rel.split_ascii_whitespace().any(|rel| rel.eq_ignore_ascii_case(word));
        let destination = destination.unwrap_or_default().to_ascii_lowercase();
        if has("stylesheet") {
            self.links.push((Kind::Style, href));
        } else if has("modulepreload") && matches!(destination.as_str(), "" | "script") {
            self.links.push((Kind::Module, href));
        } else if has("preload") && destination == "script" {
            self.links.push((Kind::Script, href));
        } else if has("preload") && destination == "style" {
            self.links.push((Kind::Style, href));
        }
    }

    fn text(&mut self, text: &str) {
        if let Some((_, open)) = &mut self.open {
            open.push_str(text);
        }
    }

    fn end(&mut self) {
        // What is empty does not run.
        if let Some((kind, text)) = self.open.take().filter(|(_, text)| !text.is_empty()) {
            self.inline.insert(Item { kind, text: text.replace('\0', "\u{fffd}") });
        }
    }

    fn page(self, url: &Url) -> Page {
        let Self { inline: mut items, links, base, has_import_map, mut unread, open: _ } = self;
        let base = base.and_then(|base| url.join(entities::decode(&base)?.trim()).ok()).unwrap_or_else(|| url.clone());
        for (kind, link) in links {
            match entities::decode(&link).and_then(|link| base.join(link.trim()).ok()) {
                Some(mut url) => {
                    url.set_fragment(None);
                    items.insert(Item { kind, text: url.into() });
                }
                None => unread.push(("a URL", link)),
            }
        }
        Page { items, base, has_import_map, unread }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(html: &str) -> Page {
        read(html.as_bytes(), &Url::parse("http://a.example/b/c").unwrap()).unwrap()
    }

    fn items(html: &str) -> Vec<(Kind, String)> {
        page(html).items.into_iter().map(|item| (item.kind, item.text)).collect()
    }

    fn one(html: &str, kind: Kind, text: &str) {
        assert_eq!(items(html), [(kind, text.to_owned())], "{html}");
    }

    #[test]
    fn texts_are_what_browsers_hash() {
        one("<script>a\r\nb\rc\0&amp;<b></script>", Kind::InlineScript, "a\nb\nc\u{fffd}&amp;<b>");
        one("<script><!--<script></script>--></script>", Kind::InlineScript, "<!--<script></script>-->");
        one("<SCRIPT TYPE=Module>é</SCRIPT >", Kind::InlineModule, "é");
        one("<style>\na{}</style>", Kind::InlineStyle, "\na{}");
        one("<script type=importmap>{}</script>", Kind::ImportMap, "{}");
        one("<p onclick='a(&quot;b&quot;)\r\n' onclick='c()'>", Kind::Handler, "a(\"b\")\n");
        one("<svg><a onload=a() /></svg>", Kind::Handler, "a()");
    }

    #[test]
    fn what_is_not_run() {
        for html in [
            "<script>a",
            "<script></script>",
            "<script type=application/json>{}</script>",
            "<!-- <script>a</script> -->",
            "<textarea><script>a</script></textarea>",
            "<title><script>a</script></title>",
            "<noscript><style>a</style></noscript>",
            "<p on=a()>",
            "<script type=importmap src=a></script>",
        ] {
            assert_eq!(items(html), [], "{html}");
        }
        assert_eq!(page("<svg><script>a</script><style>b</style></svg>").unread.len(), 2);
        assert_eq!(page("<p onclick='&rarr;'>").unread.len(), 1);
        assert!(page("<script type=importmap>{}</script>").has_import_map);
        assert!(read(b"\xff\xfe<", &Url::parse("http://a.example").unwrap()).is_err());
    }

    #[test]
    fn urls() {
        one("<script src='d.js?e=1&amp;f=2#g'></script>", Kind::Script, "http://a.example/b/d.js?e=1&f=2");
        one("<script src=/d.js type=module>a</script>", Kind::Module, "http://a.example/d.js");
        one("<link rel='preload stylesheet' href=//b.example/a.css as=style>", Kind::Style, "http://b.example/a.css");
        one("<link rel=modulepreload href=d.js>", Kind::Module, "http://a.example/b/d.js");
        one("<link rel=preload as=script href=d.js>", Kind::Script, "http://a.example/b/d.js");
        one("<link rel=stylesheet href=d.css><base href=/e/><base href=/f/>", Kind::Style, "http://a.example/e/d.css");
        assert_eq!(items("<link rel=preload as=font href=a><link rel=icon href=b><link rel=stylesheet>"), []);
    }

    #[test]
    fn many_texts() {
        let found = items("<script>a</script><style>b</style><script src=c></script><script>d</script>");
        assert_eq!(found.len(), 4);
    }
}
