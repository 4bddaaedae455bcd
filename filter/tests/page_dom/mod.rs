//! Pages as an independent parser sees them, and the shared collection of pages.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use html5ever::tendril::TendrilSink as _;
use html5ever::{ParseOpts, parse_document};
use markup5ever_rcdom::{Handle, NodeData, RcDom};

/// An element, text, comment or doctype of a document, in tree order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub depth: usize,
    pub is_in_template: bool,
    /// Whether it is an element of HTML, and not of SVG or MathML.
    pub is_html: bool,
    /// The name of an element; empty for others.
    pub name: String,
    pub attributes: Vec<(String, String)>,
    /// Of text, comments and doctypes.
    pub text: String,
}

impl Node {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub fn is(&self, name: &str) -> bool {
        self.is_html && self.name == name
    }
}

/// The tree of a document as a browser with scripting builds it.
pub fn parse(html: &[u8]) -> Vec<Node> {
    let dom = parse_document(RcDom::default(), ParseOpts::default()).from_utf8().one(html);
    let mut nodes = Vec::new();
    let mut open: Vec<(usize, bool, Handle)> = vec![(0, false, Rc::clone(&dom.document))];
    while let Some((depth, is_in_template, handle)) = open.pop() {
        let mut node = Node {
            depth,
            is_in_template,
            is_html: false,
            name: String::new(),
            attributes: Vec::new(),
            text: String::new(),
        };
        match &handle.data {
            NodeData::Document => {}
            NodeData::Doctype { name, public_id, system_id } => node.text = format!("!{name} {public_id} {system_id}"),
            NodeData::Text { contents } => node.text = format!("\"{}", contents.borrow()),
            NodeData::Comment { contents } => node.text = format!("<!--{contents}"),
            NodeData::ProcessingInstruction { target, contents } => node.text = format!("?{target} {contents}"),
            NodeData::Element { name, attrs, template_contents, .. } => {
                node.is_html = &*name.ns == "http://www.w3.org/1999/xhtml";
                node.name = name.local.to_string();
                let attrs = attrs.borrow();
                node.attributes = attrs.iter().map(|a| (a.name.local.to_string(), a.value.to_string())).collect();
                node.attributes.sort();
                if let Some(contents) = template_contents.borrow().as_ref() {
                    open.push((depth + 1, true, Rc::clone(contents)));
                }
            }
        }
        nodes.push(node);
        let children = handle.children.borrow();
        open.extend(children.iter().rev().map(|child| (depth + 1, is_in_template, Rc::clone(child))));
    }
    nodes
}

/// The folder of a set of the collection, or `None` with the reason printed.
pub fn set(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SEKISHO_CORPORA").map(PathBuf::from);
    let root = root.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora"));
    let set = root.join(name);
    if set.is_dir() {
        return Some(set);
    }
    println!("skipped: {} is absent (it is shared beside the repository, not in it)", set.display());
    None
}

/// Every document of a folder: its name and bytes. Test files of html5lib hold many; of an exchange it is the body, if that is HTML.
pub fn documents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut documents = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("dat") => documents.extend(numbered(&name, tree_construction(&bytes))),
                Some("test") => documents.extend(numbered(&name, tokenizer(&bytes))),
                Some("http") => documents.extend(body(&bytes).map(|body| (name, body))),
                Some("cmd" | "headers" | "txt") => {}
                _ => documents.push((name, bytes)),
            }
        }
    }
    documents
}

fn numbered(name: &str, inputs: Vec<Vec<u8>>) -> impl Iterator<Item = (String, Vec<u8>)> {
    inputs.into_iter().enumerate().map(move |(index, input)| (format!("{name}#{index}"), input))
}

fn tree_construction(file: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(file);
    let text = format!("\n{text}");
    let tests = text.split("\n#data\n").skip(1);
    tests.map(|test| test.split("\n#").next().unwrap_or_default().as_bytes().to_vec()).collect()
}

fn tokenizer(file: &[u8]) -> Vec<Vec<u8>> {
    let json: serde_json::Value = serde_json::from_slice(file).unwrap();
    let tests = ["tests", "xmlViolationTests"].iter().filter_map(|key| json[*key].as_array()).flatten();
    tests.filter_map(|test| Some(test["input"].as_str()?.as_bytes().to_vec())).collect()
}

fn body(exchange: &[u8]) -> Option<Vec<u8>> {
    let end = exchange.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = exchange.split_at(end + 4);
    String::from_utf8_lossy(head).to_ascii_lowercase().contains("content-type: text/html").then(|| body.to_vec())
}
