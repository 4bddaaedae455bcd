//! What comes out: the bytes of the page as they were, with insertions at places of the input.

use std::collections::VecDeque;
use std::rc::Rc;

use super::open::Open;

const CDATA: &[u8] = b"<![CDATA[";

/// lol_html would write a tag that it changes anew, attribute by attribute; what stood between them could then mean another thing. So it
/// only says where the tags are, passes on what it got, and the insertions are made on the way.
#[derive(Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    /// How many bytes of the page came so far.
    position: usize,
    insertions: VecDeque<(usize, String)>,
    integration_points: Rc<Open>,
    /// The last bytes within an integration point, fewer than start CDATA.
    tail: Vec<u8>,
}

impl Output {
    pub(super) fn new(integration_points: &Rc<Open>) -> Self {
        Self { integration_points: Rc::clone(integration_points), ..Self::default() }
    }

    /// Inserts a text before the byte of the page at this position, which has not come yet; to be called in their order.
    pub(super) fn insert(&mut self, at: usize, text: String) {
        self.insertions.push_back((at, text));
    }

    /// Takes the next bytes of the page.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        self.watch(bytes);
        let end = self.position + bytes.len();
        while let Some((at, text)) = self.insertions.pop_front_if(|(at, _)| *at < end) {
            if let Some((before, after)) = at.checked_sub(self.position).and_then(|count| bytes.split_at_checked(count))
            {
                self.bytes.extend_from_slice(before);
                self.bytes.extend_from_slice(text.as_bytes());
                self.position = at;
                bytes = after;
            }
        }
        self.bytes.extend_from_slice(bytes);
        self.position = end;
    }

    /// For lol_html, what starts CDATA directly in an integration point is a comment: what follows is then not certain.
    fn watch(&mut self, bytes: &[u8]) {
        if self.integration_points.number() == 0 {
            self.tail.clear();
            return;
        }
        self.tail.extend_from_slice(bytes);
        if self.tail.windows(CDATA.len()).any(|window| window == CDATA) {
            self.integration_points.lose();
        }
        self.tail.drain(..self.tail.len().saturating_sub(CDATA.len() - 1));
    }

    /// What can go on.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insertions_are_at_their_place_however_the_bytes_come() {
        for cut in 0..=4 {
            let mut output = Output::default();
            for (at, text) in [(0, "a"), (2, "b"), (2, "c"), (3, "d"), (4, "never")] {
                output.insert(at, text.to_owned());
            }
            let (head, tail) = b"0123".split_at(cut);
            output.pass(head);
            output.pass(tail);
            assert_eq!(output.take(), b"a01bc2d3", "{cut}");
        }
    }
}
