//! One error type: a sentence for the person at the terminal.

use std::fmt::{self, Debug, Display, Formatter};

/// What went wrong and, where that is known, what to do about it.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(String);

/// The result of everything in this package that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error that reads as this sentence.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Debug for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// Says what was being done when an error came up.
pub trait Context<T> {
    /// `what` is the beginning of the sentence that the error ends.
    fn context(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Display> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error(format!("{}: {error}", what())))
    }
}
