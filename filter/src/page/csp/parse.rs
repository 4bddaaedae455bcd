//! Policies as they stand in headers (CSP3 section 2.2.1 and 2.2.2).

use std::fmt;

use super::{Csp, Directive, Source};

/// The longest header that is read, in bytes.
pub const MAX_HEADER_BYTES: usize = 32 * 1024;

/// The most policies of one header.
pub const MAX_POLICIES: usize = 32;

/// The most directives of one policy.
pub const MAX_DIRECTIVES: usize = 128;

/// The most expressions of one policy, over all directives.
pub const MAX_SOURCES: usize = 2048;

/// There is more of something than is read. A part of a policy allows more than the whole does, so there is no reading half of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge(
    /// Of what.
    pub &'static str,
);

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "too many {} in a policy", self.0)
    }
}

/// The policies of a header's value: commas part them, and what has no directive is none.
///
/// # Errors
/// When there is more of it than is read.
pub fn parse_header(value: &[u8]) -> Result<Vec<Csp>, TooLarge> {
    let mut policies = Vec::new();
    if value.len() > MAX_HEADER_BYTES {
        return Err(TooLarge("bytes"));
    }
    for serialized in value.split(|byte| *byte == b',') {
        let policy = parse_policy(serialized)?;
        if !policy.is_empty() {
            policies.push(policy);
        }
        if policies.len() > MAX_POLICIES {
            return Err(TooLarge("policies"));
        }
    }
    Ok(policies)
}

/// One policy: parse a serialized CSP. A directive that is not ASCII is left out, and so is one whose name stood before.
///
/// # Errors
/// When there is more of it than is read.
pub fn parse_policy(serialized: &[u8]) -> Result<Csp, TooLarge> {
    if serialized.len() > MAX_HEADER_BYTES {
        return Err(TooLarge("bytes"));
    }
    let (mut policy, mut count) = (Csp::default(), 0_usize);
    for token in serialized.split(|byte| *byte == b';').filter(|token| token.is_ascii()) {
        let text = std::str::from_utf8(token).unwrap_or_default();
        let mut words = text.split_ascii_whitespace();
        let Some(name) = words.next() else { continue };
        let directive = Directive::new(name);
        let read =
            |word: &str| if directive.takes_sources() { Source::read(word) } else { Source::Text(word.to_owned()) };
        let sources: Vec<Source> = words.map(read).collect();
        count = count.saturating_add(sources.len());
        policy.push(directive, sources);
        if policy.directives.len() > MAX_DIRECTIVES {
            return Err(TooLarge("directives"));
        }
        if count > MAX_SOURCES {
            return Err(TooLarge("sources"));
        }
    }
    Ok(policy)
}
