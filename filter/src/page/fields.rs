//! The fields of a message as the decisions about pages read them, and what they change.

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
    pub set: Vec<(&'static str, String)>,
    /// Fields beside others of their name.
    pub add: Vec<(&'static str, String)>,
    /// Whether the body is rewritten.
    pub rewrite: bool,
}

impl Changes {
    /// Sets a field.
    pub fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.set.push((name, value.into()));
    }
}
