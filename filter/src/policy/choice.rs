//! Fields that hold one of several words.

use crate::json::Json;

/// Words that a field may hold, and what they mean.
pub trait Choice: Copy + PartialEq + 'static {
    /// All words.
    const WORDS: &'static [(&'static str, Self)];

    /// The word for a value.
    fn word(self) -> &'static str {
        let found = Self::WORDS.iter().find(|(_, value)| *value == self);
        found.map_or("", |(word, _)| word)
    }
}

/// Reads a word.
///
/// # Errors
/// What was expected.
pub(super) fn word<T: Choice>(json: &Json<'_>) -> Result<(&'static str, T), String> {
    let word = json.as_str().ok_or_else(|| format!("expected a string, found {}", json.kind()))?;
    let found = T::WORDS.iter().find(|(known, _)| *known == word).copied();
    found.ok_or_else(|| {
        let words: Vec<&str> = T::WORDS.iter().map(|(word, _)| *word).collect();
        format!("expected one of {}", words.join(", "))
    })
}
