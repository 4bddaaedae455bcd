//! The tokens of JavaScript, as far as imports need them.

use std::borrow::Cow;
use std::fmt;

/// A token. Comments and white space are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token<'s> {
    /// A name or keyword, private names included.
    Word(&'s str),
    /// One character of punctuation; `=>` is two of them.
    Punct(u8),
    /// A string, or a template without substitutions: what it stands for.
    Str(Cow<'s, str>),
    /// A piece of a template between substitutions.
    Template {
        /// What it stands for.
        text: Cow<'s, str>,
        /// Whether the template begins with it.
        first: bool,
        /// Whether the template ends with it.
        last: bool,
    },
    /// A number.
    Number,
    /// A regular expression.
    Regex,
}

impl Token<'_> {
    /// Whether it is this punctuation.
    pub fn is(&self, punct: u8) -> bool {
        *self == Token::Punct(punct)
    }
}

/// Which comments there are: `<!--` is one in a script and none in a module (ECMA-262 annex B.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// A classic script.
    Script,
    /// A module.
    Module,
}

/// Why a text cannot be read to its end: then what it imports is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexError {
    /// A string without an end on its line.
    String,
    /// A template without an end.
    Template,
    /// A regular expression without an end on its line.
    Regex,
    /// A comment without an end.
    Comment,
    /// Brackets too deep.
    Depth,
    /// A character that begins no token.
    Character,
}

impl fmt::Display for LexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "a string without an end",
            Self::Template => "a template without an end",
            Self::Regex => "a regular expression without an end",
            Self::Comment => "a comment without an end",
            Self::Depth => "brackets too deep",
            Self::Character => "a character that begins no token",
        })
    }
}
