//! `Via` (RFC 9110 section 7.6.3): the proxies that a request came through, each appended by the proxy itself.
//!
//! [`Via::parse`] is strict; it is for whoever has to know that a value is what it should be. [`names`] and [`count`] take any bytes: they answer for a guard
//! against loops, which nobody may blind by what they write before our own entry.

use std::fmt;

use super::scan::{self, Scanner};

/// The longest value that is parsed, in bytes, all field lines together. An entry is some forty bytes long.
pub const MAX_VIA_BYTES: usize = 4096;

/// The most proxies that a value may name.
pub const MAX_HOPS: usize = 64;

/// How deep comments may be nested.
pub const MAX_COMMENT_DEPTH: usize = 16;

/// The proxies that a message came through, the last of them last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Via<'f> {
    /// The proxies.
    pub hops: Vec<Hop<'f>>,
}

/// One proxy, and how it received the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop<'f> {
    /// The name of the protocol; HTTP where it is not named.
    pub protocol_name: Option<&'f str>,
    /// Its version, such as `1.1` or `2`.
    pub protocol_version: &'f str,
    /// The host or pseudonym, without its port.
    ///
    /// RFC 9110 has a pseudonym here, which is a token: a name or an IPv4 address is one too. RFC 7230 had hosts, so an IPv6 address in brackets is read as well.
    pub received_by: &'f str,
    /// The port, which may be empty.
    pub port: Option<&'f str>,
    /// What is between the parentheses of the comment, as it is written.
    pub comment: Option<&'f [u8]>,
}

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViaError {
    /// It is longer than [`MAX_VIA_BYTES`].
    TooLong,
    /// It names more than [`MAX_HOPS`] proxies.
    TooManyHops,
    /// An entry does not begin with a protocol.
    Protocol,
    /// An entry has a protocol, and then no host or pseudonym.
    ReceivedBy,
    /// A comment does not end, or holds what no comment may.
    Comment,
    /// A comment is nested deeper than [`MAX_COMMENT_DEPTH`].
    TooDeep,
    /// There is more in an entry than a protocol, a name and one comment.
    Rest,
}

impl<'f> Via<'f> {
    /// Reads the values of all field lines, in their order. A value may hold several entries; empty ones are skipped, as RFC 9110 section 5.6.1.2 asks of recipients.
    ///
    /// # Errors
    /// [`ViaError`], for the first fault.
    pub fn parse(values: impl IntoIterator<Item = &'f [u8]>) -> Result<Self, ViaError> {
        let mut via = Self::default();
        let mut length = 0_usize;
        for value in values {
            length = length.saturating_add(value.len());
            if length > MAX_VIA_BYTES {
                return Err(ViaError::TooLong);
            }
            for hop in hops(value) {
                if via.hops.len() == MAX_HOPS {
                    return Err(ViaError::TooManyHops);
                }
                via.hops.push(hop?);
            }
        }
        Ok(via)
    }

    /// The value of one field line that says the same.
    pub fn to_bytes(&self) -> Vec<u8> {
        let entries: Vec<Vec<u8>> = self.hops.iter().map(Hop::to_bytes).collect();
        entries.join(&b", "[..])
    }
}

impl Hop<'_> {
    /// The entry as it is written.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Some(name) = self.protocol_name {
            bytes.extend(name.bytes());
            bytes.push(b'/');
        }
        bytes.extend(self.protocol_version.bytes());
        bytes.push(b' ');
        bytes.extend(self.received_by.bytes());
        if let Some(port) = self.port {
            bytes.push(b':');
            bytes.extend(port.bytes());
        }
        if let Some(comment) = self.comment {
            bytes.extend(b" (");
            bytes.extend(comment);
            bytes.push(b')');
        }
        bytes
    }

    /// The text of the comment: without the backslashes of its quoted pairs.
    pub fn comment_text(&self) -> Option<Vec<u8>> {
        let mut bytes = self.comment?.iter();
        let mut text = Vec::new();
        while let Some(byte) = bytes.next() {
            let byte = if *byte == b'\\' { bytes.next().unwrap_or(byte) } else { byte };
            text.push(*byte);
        }
        Some(text)
    }
}

/// Whether a proxy of this name is in the values, in whatever way a reader may see them: they may be well-formed, joined, or junk.
///
/// In what is well-formed, that is a `received-by`, and what begins an element wherever there is a comma: a proxy that joins lines puts one before and behind ours,
/// whatever the lines were. In what is not, it is any word.
pub fn names<'f>(values: impl IntoIterator<Item = &'f [u8]>, pseudonym: &str) -> bool {
    any_name(values, pseudonym, |name| name.eq_ignore_ascii_case(pseudonym.as_bytes()))
}

/// The same for any name that `is` takes. All such names contain `needle`, in any case.
pub fn any_name<'f>(values: impl IntoIterator<Item = &'f [u8]>, needle: &str, is: impl Fn(&[u8]) -> bool) -> bool {
    values.into_iter().any(|value| scan::contains(value, needle) && value_names(value, &is))
}

fn value_names(value: &[u8], is: &impl Fn(&[u8]) -> bool) -> bool {
    let mut elements = value.split(|byte| *byte == b',');
    let begins_element = |element: &[u8]| {
        let mut words = element.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
        words.nth(1).is_some_and(|word| is(scan::leading_run(word)))
    };
    elements.any(begins_element)
        || match is_well_formed(value) {
            true => hops(value).any(|hop| hop.is_ok_and(|hop| is(hop.received_by.as_bytes()))),
            false => scan::runs(value).any(is),
        }
}

/// How many proxies the values name. Where a value is not well-formed, each of its commas separates two.
pub fn count<'f>(values: impl IntoIterator<Item = &'f [u8]>) -> usize {
    let elements = |value: &[u8]| value.split(|byte| *byte == b',').filter(|one| !one.trim_ascii().is_empty()).count();
    let one = |value: &[u8]| if is_well_formed(value) { hops(value).count() } else { elements(value) };
    values.into_iter().map(one).fold(0, usize::saturating_add)
}

fn is_well_formed(value: &[u8]) -> bool {
    hops(value).all(|hop| hop.is_ok())
}

/// The entries of a value, up to and with the first fault.
fn hops(value: &[u8]) -> impl Iterator<Item = Result<Hop<'_>, ViaError>> {
    let mut rest = Some(Scanner::new(value));
    std::iter::from_fn(move || {
        let mut scan = rest.take()?;
        if !scan.skip_to_element() {
            return None;
        }
        let hop = hop(&mut scan);
        rest = hop.is_ok().then_some(scan);
        Some(hop)
    })
}

/// `received-protocol RWS received-by [ RWS comment ]`
fn hop<'f>(scan: &mut Scanner<'f>) -> Result<Hop<'f>, ViaError> {
    let first = scan.token().ok_or(ViaError::Protocol)?;
    let (protocol_name, protocol_version) = match scan.eat(b'/') {
        true => (Some(first), scan.token().ok_or(ViaError::Protocol)?),
        false => (None, first),
    };
    if !scan.space() {
        return Err(if scan.is_element_end() { ViaError::ReceivedBy } else { ViaError::Protocol });
    }
    let received_by = scan.host().ok_or(ViaError::ReceivedBy)?;
    let port = scan.port();
    let has_comment = scan.space() && scan.peek() == Some(b'(');
    let comment = if has_comment { Some(comment(scan)?) } else { None };
    scan.space();
    match scan.is_element_end() {
        true => Ok(Hop { protocol_name, protocol_version, received_by, port, comment }),
        false => Err(ViaError::Rest),
    }
}

/// A comment (RFC 9110 section 5.6.5), without its parentheses.
fn comment<'f>(scan: &mut Scanner<'f>) -> Result<&'f [u8], ViaError> {
    scan.eat(b'(');
    let whole = scan.rest();
    let mut depth = 1_usize;
    loop {
        let left = scan.rest().len();
        match scan.next().ok_or(ViaError::Comment)? {
            b'(' if depth == MAX_COMMENT_DEPTH => return Err(ViaError::TooDeep),
            b'(' => depth = depth.saturating_add(1),
            b')' if depth == 1 => return Ok(whole.get(..whole.len().saturating_sub(left)).unwrap_or_default()),
            b')' => depth = depth.saturating_sub(1),
            b'\\' if scan.next().is_some_and(scan::is_quotable) => {}
            b'\\' => return Err(ViaError::Comment),
            byte if scan::is_quotable(byte) => {}
            _ => return Err(ViaError::Comment),
        }
    }
}

impl ViaError {
    /// What is wrong, to follow the name of the field.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "is too long",
            Self::TooManyHops => "names too many proxies",
            Self::Protocol => "has an entry that begins with no protocol",
            Self::ReceivedBy => "has an entry that names no proxy",
            Self::Comment => "has a comment that does not end or holds a control character",
            Self::TooDeep => "has comments nested too deep",
            Self::Rest => "has an entry with more than a protocol, a name and a comment",
        }
    }
}

impl fmt::Display for ViaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Via {}", self.as_str())
    }
}

impl std::error::Error for ViaError {}

#[cfg(test)]
pub(in crate::http) mod tests;
