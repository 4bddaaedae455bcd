//! Which elements are open, as far as tags can tell.

use std::cell::Cell;
use std::rc::Rc;

use lol_html::html_content::{Element, EndTag};

/// How many elements of a kind are open.
#[derive(Default)]
pub(super) struct Open {
    number: Cell<usize>,
    is_lost: Cell<bool>,
    was_closed: Cell<bool>,
}

impl Open {
    /// Counts an element until its end tag.
    pub(super) fn count(self: &Rc<Self>, element: &mut Element<'_, '_>) {
        let (name, open) = (element.tag_name(), Rc::clone(self));
        let handler = move |end: &mut EndTag<'_>| {
            open.was_closed.set(true);
            if end.name() == name {
                open.number.set(open.number.get().saturating_sub(1));
            } else {
                open.is_lost.set(true);
            }
            Ok(())
        };
        // It fails for an element that has no content, which is never open.
        if element.on_end_tag(Box::new(handler)).is_ok() {
            self.number.set(self.number.get() + 1);
        }
    }

    /// How many are open.
    pub(super) fn number(&self) -> usize {
        self.number.get()
    }

    /// Whether one was closed since [`Self::forget_closed`].
    pub(super) fn was_closed(&self) -> bool {
        self.was_closed.get()
    }

    /// From now on none was closed.
    pub(super) fn forget_closed(&self) {
        self.was_closed.set(false);
    }

    /// Whether it is not certain any more what is open: one was closed by the end tag of another element. It stays counted.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost.get()
    }

    /// Takes note that it is not certain.
    pub(super) fn lose(&self) {
        self.is_lost.set(true);
    }
}
