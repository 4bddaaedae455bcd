//! Content Security Policy Level 3: what a policy says, read from a header and printed into one.
//!
//! [`parse_header`] reads what a server sent exactly as a browser does, and what it does not know it keeps as text, so that printing loses nothing that has a meaning.
//! [`Source::parse`] reads what an operator wrote, and refuses what a browser would silently ignore. [`is_at_least_as_strict`] compares two policies.

mod directive;
mod inline;
mod list;
mod operator;
mod parse;
mod read;
mod source;
mod strict;
mod subsume;

use std::fmt;

pub use directive::Directive;
pub use inline::lets_run_inline;
pub use parse::{MAX_DIRECTIVES, MAX_HEADER_BYTES, MAX_POLICIES, MAX_SOURCES, TooLarge, parse_header, parse_policy};
pub use source::{HashSource, HostSource, Keyword, Port, Source};
pub use strict::is_at_least_as_strict;

/// One policy (CSP3 section 2.2): its directives in order, no name twice. A name that stands twice counts once, the first time; [`Csp::push`] and the parsers see to that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Csp {
    /// The directives, each with its value.
    pub directives: Vec<(Directive, Vec<Source>)>,
}

impl Csp {
    /// The value of a directive, without the ones that it falls back to.
    pub fn get(&self, directive: &Directive) -> Option<&[Source]> {
        self.directives.iter().find(|(name, _)| name == directive).map(|(_, sources)| sources.as_slice())
    }

    /// The directive that governs what `directive` is about: itself, or the first present that it falls back to, with its value.
    pub fn effective(&self, directive: &Directive) -> Option<(&Directive, &[Source])> {
        let names = std::iter::once(directive).chain(directive.fallbacks());
        names
            .filter_map(|name| self.directives.iter().find(|(known, _)| known == name))
            .map(|(name, sources)| (name, sources.as_slice()))
            .next()
    }

    /// Adds a directive, unless it is there already.
    pub fn push(&mut self, directive: Directive, sources: Vec<Source>) {
        if self.get(&directive).is_none() {
            self.directives.push((directive, sources));
        }
    }

    /// Whether it says nothing at all.
    pub fn is_empty(&self) -> bool {
        self.directives.is_empty()
    }
}

impl fmt::Display for Csp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (directive, sources)) in self.directives.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{directive}")?;
            for source in sources {
                write!(f, " {source}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod strict_tests;
#[cfg(test)]
mod tests;
