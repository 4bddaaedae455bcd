//! The fields of a message as the decisions about pages read them, and what they change.

use std::borrow::Cow;

/// Fields that tell of the server's own bytes, which a changed body is not any more.
pub const OF_ITS_BYTES: [&str; 7] =
    ["content-length", "accept-ranges", "last-modified", "content-md5", "digest", "content-digest", "repr-digest"];

/// Fields by name, in their order.
#[derive(Clone, Copy, Debug)]
pub struct Received<'f>(pub &'f [(&'f [u8], &'f [u8])]);

impl<'f> Received<'f> {
    /// The values of all fields of a name, given in lower case.
    pub fn all(self, name: &str) -> impl Iterator<Item = &'f [u8]> {
        self.0.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| *value)
    }

    /// The value of the one field of a name; `None` where there is none, or several.
    pub fn only(self, name: &str) -> Option<&'f [u8]> {
        let mut all = self.all(name);
        all.next().filter(|_| all.next().is_none())
    }

    /// The value of the first field of a name.
    pub fn first(self, name: &str) -> Option<&'f [u8]> {
        self.all(name).next()
    }

    /// Whether there is a field of a name.
    pub fn has(self, name: &str) -> bool {
        self.all(name).next().is_some()
    }
}

/// What is changed in the head of a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Fields that go; before any is set or added.
    pub remove: Vec<&'static str>,
    /// Fields that take the place of all of their name.
    pub set: Vec<(&'static str, Cow<'static, str>)>,
    /// Fields beside others of their name.
    pub add: Vec<(&'static str, Cow<'static, str>)>,
    /// Whether it is a page, or says that the page is as it was.
    pub is_page: bool,
    /// What is written into the body.
    pub rewrite: Rewrite,
}

/// What is written into a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rewrite {
    /// Nothing: it passes byte by byte.
    #[default]
    Nothing,
    /// `integrity`, where the policy wants it.
    Integrity,
    /// An import map as well.
    WithImportMap,
}

impl Rewrite {
    /// Whether the body is read at all.
    pub fn is_any(self) -> bool {
        self != Self::Nothing
    }
}

impl Changes {
    /// Sets a field.
    pub fn set(&mut self, name: &'static str, value: impl Into<Cow<'static, str>>) {
        self.set.push((name, value.into()));
    }

    /// Adds a field.
    pub fn add(&mut self, name: &'static str, value: impl Into<Cow<'static, str>>) {
        self.add.push((name, value.into()));
    }

    /// How many fields change.
    pub fn count(&self) -> usize {
        self.remove.len().saturating_add(self.set.len()).saturating_add(self.add.len())
    }

    /// All fields as they are after the changes: those that stay in their order, then the changed ones.
    pub fn applied<'a>(&'a self, received: Received<'a>) -> Vec<(&'a [u8], &'a [u8])> {
        let goes = |name: &[u8]| {
            let named = |changed: &str| name.eq_ignore_ascii_case(changed.as_bytes());
            self.remove.iter().any(|changed| named(changed)) || self.set.iter().any(|(changed, _)| named(changed))
        };
        let stay = received.0.iter().filter(|(name, _)| !goes(name)).copied();
        let come = self.set.iter().chain(&self.add).map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        stay.chain(come).collect()
    }
}
