//! What drawing an SVG would cost, told from its XML before anything is built: references multiply, and so do their targets'.

use std::collections::HashMap;

use resvg::tiny_skia::Point;
use resvg::usvg::roxmltree::{self, Document, NodeId};
use resvg::usvg::{Group, Node, Tree};

use super::super::ConvertError;
use super::super::limits;

/// Whether the text may be parsed: its entities, expanded, stay small.
///
/// # Errors
/// [`ConvertError::TooLarge`] where they may not.
pub fn check_entities(text: &str) -> Result<(), ConvertError> {
    let Some(first) = text.find("<!ENTITY") else { return Ok(()) };
    // What all declarations come to, times the references there can be. Illustrator's ten short ones are far below.
    let declared = text.get(first..).and_then(|rest| rest.find("]>")).unwrap_or(text.len());
    let references = text.bytes().filter(|&byte| byte == b'&').count();
    if declared.saturating_mul(references) > limits::MAX_SVG_ENTITY_BYTES {
        return Err(ConvertError::TooLarge);
    }
    Ok(())
}

/// What a document comes to, when every reference is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Elements.
    pub elements: u64,
    /// Passes over the whole picture: filters, masks, clips, patterns, groups with opacity.
    pub layers: u64,
    depth: u32,
}

impl Cost {
    /// Of this document.
    ///
    /// # Errors
    /// [`ConvertError::TooLarge`] where its elements, or their depth, are beyond the limits.
    pub fn of(document: &Document<'_>) -> Result<Self, ConvertError> {
        let mut sums = Sums::new(document)?;
        let total = sums.of(document.root_element(), 0)?;
        if total.elements > limits::MAX_SVG_ELEMENTS { Err(ConvertError::TooLarge) } else { Ok(total) }
    }

    /// The size, at most this, in which the tree of the document is drawn within the limits.
    ///
    /// # Errors
    /// [`ConvertError::TooLarge`] where that would show nothing.
    pub fn affordable(&self, tree: &Tree, (width, height): (u32, u32)) -> Result<(u32, u32), ConvertError> {
        let (wide, high) = (f64::from(width), f64::from(height));
        let mut paths = Paths { scale: high / f64::from(tree.size().height()), most: high, rows: 0.0 };
        paths.add(tree.root());
        let by_layers = (limits::MAX_SVG_LAYER_PIXELS as f64 / (self.layers.max(1) as f64 * wide * high)).sqrt();
        let by_rows = limits::MAX_SVG_PATH_ROWS / paths.rows.max(1.0);
        let scale = by_layers.min(by_rows);
        if scale >= 1.0 {
            return Ok((width, height));
        }
        let smaller = |side: f64| ((side * scale) as u32).max(1);
        let size = (smaller(wide), smaller(high));
        if size.0.max(size.1) < limits::MIN_SVG_SIDE { Err(ConvertError::TooLarge) } else { Ok(size) }
    }

    fn add(&mut self, other: Self) {
        self.elements = self.elements.saturating_add(other.elements);
        self.layers = self.layers.saturating_add(other.layers);
        self.depth = self.depth.max(other.depth);
    }
}

/// How far the edges of all paths go up and down: every row that one crosses is work.
struct Paths {
    scale: f64,
    most: f64,
    rows: f64,
}

impl Paths {
    fn add(&mut self, group: &Group) {
        for node in group.children() {
            match node {
                Node::Group(group) => self.add(group),
                Node::Path(path) => {
                    let turn = path.abs_transform();
                    let down = |point: &Point| f64::from(turn.ky * point.x + turn.sy * point.y) * self.scale;
                    let points = path.data().points();
                    let steps = points.iter().zip(points.iter().skip(1));
                    let rows: f64 = steps.map(|(a, b)| (down(b) - down(a)).abs().min(self.most) + 1.0).sum();
                    // A stroke has two sides.
                    self.rows += if path.stroke().is_some() { 3.0 * rows } else { rows };
                }
                Node::Image(_) | Node::Text(_) => {}
            }
            // Of patterns, masks and clips.
            node.subroots(|group| self.add(group));
        }
    }
}

struct Sums<'a, 'input> {
    ids: HashMap<&'a str, roxmltree::Node<'a, 'input>>,
    known: HashMap<NodeId, Option<Cost>>,
    /// What the style sheets refer to. Any element may be meant.
    styled: Vec<&'a str>,
}

impl<'a, 'input> Sums<'a, 'input> {
    fn new(document: &'a Document<'input>) -> Result<Self, ConvertError> {
        let mut this = Self { ids: HashMap::new(), known: HashMap::new(), styled: Vec::new() };
        let (mut nodes, mut rules) = (0_u64, 0_u64);
        for node in document.descendants() {
            nodes += 1;
            if let Some(id) = node.attribute("id") {
                this.ids.entry(id).or_insert(node);
            }
            if node.tag_name().name() == "style" {
                for text in node.descendants().filter_map(|child| child.text()) {
                    rules += text.bytes().filter(|&byte| byte == b'{').count() as u64;
                    references(text, &mut this.styled);
                }
            }
        }
        this.styled.sort_unstable();
        this.styled.dedup();
        // Every rule is tried on every element, and what any rule refers to is counted for every element.
        let tried = nodes.saturating_mul(rules).max(nodes.saturating_mul(this.styled.len() as u64));
        if tried > limits::MAX_SVG_ELEMENTS * 100 { Err(ConvertError::TooLarge) } else { Ok(this) }
    }

    fn of(&mut self, node: roxmltree::Node<'a, 'input>, depth: u32) -> Result<Cost, ConvertError> {
        if depth > limits::MAX_SVG_DEPTH {
            return Err(ConvertError::TooLarge);
        }
        match self.known.get(&node.id()) {
            Some(Some(cost)) if depth + cost.depth <= limits::MAX_SVG_DEPTH => return Ok(*cost),
            Some(Some(_)) => return Err(ConvertError::TooLarge),
            // A circle: the drawer refuses it.
            Some(None) => return Ok(Cost::default()),
            None => {}
        }
        self.known.insert(node.id(), None);
        let mut cost = own(node);
        for child in node.children().filter(roxmltree::Node::is_element) {
            cost.add(self.of(child, depth + 1)?);
        }
        let mut targets = Vec::new();
        for attribute in node.attributes() {
            if attribute.name() == "href" {
                targets.extend(attribute.value().trim().strip_prefix('#'));
            }
            references(attribute.value(), &mut targets);
        }
        let is_drawn = node.tag_name().name() != "style";
        let styled = if is_drawn { self.styled.clone() } else { Vec::new() };
        for id in targets {
            if let Some(&target) = self.ids.get(id) {
                cost.add(self.of(target, depth + 1)?);
            }
        }
        for id in styled {
            // Most elements are not meant: what they refer to is counted once, in its size and not in its depth.
            if let Some(&target) = self.ids.get(id)
                && target.id() != node.id()
            {
                cost.elements = cost.elements.saturating_add(u64::from(target.children().count() > 0));
            }
        }
        cost.depth += 1;
        self.known.insert(node.id(), Some(cost));
        Ok(cost)
    }
}

/// Of an element without what is in it.
fn own(node: roxmltree::Node<'_, '_>) -> Cost {
    let number = |name| {
        let text = node.attribute(name).unwrap_or_default();
        // One number or two: the larger, squared, is never too little.
        let numbers = text.split([' ', ',']).filter_map(|text| text.trim().parse::<f64>().ok());
        numbers.fold(0.0, f64::max).clamp(0.0, 1e6) as u64
    };
    let layers = match node.tag_name().name() {
        "feTurbulence" => 8 * number("numOctaves").max(1),
        // Every pixel looks at every pixel in its reach.
        "feMorphology" => (2 * number("radius") + 1).saturating_pow(2),
        "feConvolveMatrix" => number("order").max(3).saturating_pow(2),
        "feGaussianBlur" | "feDropShadow" => 4,
        "mask" | "pattern" | "clipPath" | "filter" | "image" => 1,
        name if name.starts_with("fe") => 1,
        _ => u64::from(["opacity", "mix-blend-mode", "style"].iter().any(|&name| {
            node.attribute(name)
                .is_some_and(|value| name != "style" || value.contains("opacity") || value.contains("blend"))
        })),
    };
    Cost { elements: 1, layers, depth: 0 }
}

/// The ids in `url(#...)`.
fn references<'a>(text: &'a str, found: &mut Vec<&'a str>) {
    for rest in text.split("url(").skip(1) {
        let end = rest.find(')').unwrap_or(rest.len());
        let inside = rest.get(..end).unwrap_or_default().trim().trim_matches(['"', '\'']);
        found.extend(inside.strip_prefix('#'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(inner: &str) -> Result<(u64, u64), ConvertError> {
        let text =
            format!("<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink'>{inner}</svg>");
        Cost::of(&Document::parse(&text).unwrap()).map(|cost| (cost.elements, cost.layers))
    }

    #[test]
    fn references_multiply() {
        assert_eq!(cost("<g><path/><path/></g>"), Ok((4, 0)));
        assert_eq!(cost("<g id='a'><path/><path/></g><use href='#a'/><use xlink:href='#a'/>"), Ok((12, 0)));
        assert_eq!(
            cost("<pattern id='p'><path/></pattern><path fill='url(#p)'/><path style='fill:url(\"#p\")'/>"),
            Ok((9, 3))
        );
        assert_eq!(cost("<use id='a' href='#a'/>"), Ok((2, 0)));
    }

    #[test]
    fn growth_is_refused() {
        let doubled: String =
            (0..40).map(|n| format!("<g id='g{}'><use href='#g{n}'/><use href='#g{n}'/></g>", n + 1)).collect();
        assert_eq!(cost(&doubled), Err(ConvertError::TooLarge));
        let deep = "<g>".repeat(200) + &"</g>".repeat(200);
        assert_eq!(cost(&deep), Err(ConvertError::TooLarge));
        assert_eq!(cost("<feMorphology radius='1000000'/>"), Ok((2, 4_000_004_000_001)));
    }

    #[test]
    fn what_costs_too_much_is_drawn_smaller() {
        let drawn = |layers, path: &str, side: u32| {
            let text =
                format!("<svg xmlns='http://www.w3.org/2000/svg' width='2048' height='2048'><path d='{path}'/></svg>");
            let tree = Tree::from_str(&text, &resvg::usvg::Options::default()).unwrap();
            Cost { elements: 1, layers, depth: 0 }.affordable(&tree, (side, side))
        };
        assert_eq!(drawn(0, "M0 0H9V9", 2048), Ok((2048, 2048)));
        assert_eq!(drawn(128, "M0 0H9V9", 2048), Ok((1024, 1024)));
        assert_eq!(drawn(1 << 30, "M0 0H9V9", 128), Err(ConvertError::TooLarge));
        let zigzag = format!("M0 0{}", "L9 2048L0 0".repeat(8192));
        assert!((1020..=1024).contains(&drawn(0, &zigzag, 2048).unwrap().0));
    }

    #[test]
    fn entities() {
        assert_eq!(check_entities("<svg>&amp;</svg>"), Ok(()));
        assert_eq!(check_entities("<!DOCTYPE svg [<!ENTITY a 'b'>]><svg>&a;</svg>"), Ok(()));
        let bomb = format!("<!DOCTYPE svg [<!ENTITY a '{}'>]><svg>{}</svg>", "b".repeat(10_000), "&a;".repeat(1000));
        assert_eq!(check_entities(&bomb), Err(ConvertError::TooLarge));
    }
}
