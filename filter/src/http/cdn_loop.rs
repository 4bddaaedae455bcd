//! `CDN-Loop` (RFC 8586): the content delivery networks that a request came through. Each appends itself, and none takes anything away, so it outlives proxies
//! that drop `Via`.

use std::fmt;

use super::scan::{self, Scanner};

/// The longest value that is parsed, in bytes, all field lines together.
pub const MAX_CDN_LOOP_BYTES: usize = 4096;

/// The most networks that a value may name.
pub const MAX_CDNS: usize = 64;

/// The networks that a request came through, the last of them last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CdnLoop<'f> {
    /// The networks.
    pub cdns: Vec<Cdn<'f>>,
}

/// One network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cdn<'f> {
    /// Its host or pseudonym, without its port.
    pub id: &'f str,
    /// The port, which may be empty.
    pub port: Option<&'f str>,
    /// Its parameters as they are written, from the first semicolon on.
    pub parameters: &'f [u8],
}

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CdnLoopError {
    /// It is longer than [`MAX_CDN_LOOP_BYTES`].
    TooLong,
    /// It names more than [`MAX_CDNS`] networks.
    TooManyCdns,
    /// An entry does not begin with a host or a pseudonym.
    Id,
    /// A parameter is not a name, `=`, and a token or quoted string.
    Parameter,
}

impl<'f> CdnLoop<'f> {
    /// Reads the values of all field lines, in their order. Empty entries are skipped (RFC 9110 section 5.6.1.2).
    ///
    /// # Errors
    /// [`CdnLoopError`], for the first fault.
    pub fn parse(values: impl IntoIterator<Item = &'f [u8]>) -> Result<Self, CdnLoopError> {
        let mut cdn_loop = Self::default();
        let mut length = 0_usize;
        for value in values {
            length = length.saturating_add(value.len());
            if length > MAX_CDN_LOOP_BYTES {
                return Err(CdnLoopError::TooLong);
            }
            for cdn in cdns(value) {
                if cdn_loop.cdns.len() == MAX_CDNS {
                    return Err(CdnLoopError::TooManyCdns);
                }
                cdn_loop.cdns.push(cdn?);
            }
        }
        Ok(cdn_loop)
    }

    /// The value of one field line that says the same.
    pub fn to_bytes(&self) -> Vec<u8> {
        let entries: Vec<Vec<u8>> = self.cdns.iter().map(Cdn::to_bytes).collect();
        entries.join(&b", "[..])
    }
}

impl Cdn<'_> {
    /// The entry as it is written.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.id.as_bytes().to_vec();
        if let Some(port) = self.port {
            bytes.push(b':');
            bytes.extend(port.bytes());
        }
        bytes.extend(self.parameters);
        bytes
    }
}

/// Whether a network of this name is in the values, in whatever way a reader may see them. In what is well-formed, that is a `cdn-id`; in what is not, any word.
pub fn names<'f>(values: impl IntoIterator<Item = &'f [u8]>, pseudonym: &str) -> bool {
    any_name(values, pseudonym, |name| name.eq_ignore_ascii_case(pseudonym.as_bytes()))
}

/// The same for any name that `is` takes. All such names contain `needle`, in any case.
pub fn any_name<'f>(values: impl IntoIterator<Item = &'f [u8]>, needle: &str, is: impl Fn(&[u8]) -> bool) -> bool {
    values.into_iter().any(|value| scan::contains(value, needle) && value_names(value, &is))
}

fn value_names(value: &[u8], is: &impl Fn(&[u8]) -> bool) -> bool {
    // A quotation that somebody left open before our entry does not close behind it: what proxies append after us would have to continue it in the form of a parameter.
    match is_well_formed(value) {
        true => cdns(value).any(|cdn| cdn.is_ok_and(|cdn| is(cdn.id.as_bytes()))),
        false => scan::runs(value).any(is),
    }
}

/// How many networks the values name. Where a value is not well-formed, each of its commas separates two.
pub fn count<'f>(values: impl IntoIterator<Item = &'f [u8]>) -> usize {
    let elements = |value: &[u8]| value.split(|byte| *byte == b',').filter(|one| !one.trim_ascii().is_empty()).count();
    let one = |value: &[u8]| if is_well_formed(value) { cdns(value).count() } else { elements(value) };
    values.into_iter().map(one).fold(0, usize::saturating_add)
}

fn is_well_formed(value: &[u8]) -> bool {
    cdns(value).all(|cdn| cdn.is_ok())
}

/// The entries of a value, up to and with the first fault.
fn cdns(value: &[u8]) -> impl Iterator<Item = Result<Cdn<'_>, CdnLoopError>> {
    let mut rest = Some(Scanner::new(value));
    std::iter::from_fn(move || {
        let mut scan = rest.take()?;
        if !scan.skip_to_element() {
            return None;
        }
        let cdn = cdn(&mut scan);
        rest = cdn.is_ok().then_some(scan);
        Some(cdn)
    })
}

/// `cdn-id *( OWS ";" OWS parameter )`
fn cdn<'f>(scan: &mut Scanner<'f>) -> Result<Cdn<'f>, CdnLoopError> {
    let id = scan.host().ok_or(CdnLoopError::Id)?;
    let port = scan.port();
    scan.space();
    let whole = scan.rest();
    let mut length = 0;
    while scan.eat(b';') {
        scan.space();
        parameter(scan)?;
        length = whole.len().saturating_sub(scan.rest().len());
        scan.space();
    }
    let parameters = whole.get(..length).unwrap_or_default();
    match scan.is_element_end() {
        true => Ok(Cdn { id, port, parameters }),
        false if length > 0 => Err(CdnLoopError::Parameter),
        false => Err(CdnLoopError::Id),
    }
}

/// A parameter (RFC 9110 section 5.6.6): `token "=" ( token / quoted-string )`.
fn parameter(scan: &mut Scanner<'_>) -> Result<(), CdnLoopError> {
    scan.token().filter(|_| scan.eat(b'=')).ok_or(CdnLoopError::Parameter)?;
    if !scan.eat(b'"') {
        return scan.token().map(drop).ok_or(CdnLoopError::Parameter);
    }
    loop {
        match scan.next().ok_or(CdnLoopError::Parameter)? {
            b'"' => return Ok(()),
            b'\\' if scan.next().is_some_and(scan::is_quotable) => {}
            b'\\' => return Err(CdnLoopError::Parameter),
            byte if scan::is_quotable(byte) => {}
            _ => return Err(CdnLoopError::Parameter),
        }
    }
}

impl CdnLoopError {
    /// What is wrong, to follow the name of the field.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "is too long",
            Self::TooManyCdns => "names too many networks",
            Self::Id => "has an entry that is no name",
            Self::Parameter => "has a malformed parameter",
        }
    }
}

impl fmt::Display for CdnLoopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CDN-Loop {}", self.as_str())
    }
}

impl std::error::Error for CdnLoopError {}

#[cfg(test)]
mod tests;
