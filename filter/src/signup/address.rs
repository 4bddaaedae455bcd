//! An e-mail address: the `addr-spec` of RFC 5322 section 3.4.1 in the form that RFC 5321 section 2.3.11 and RFC 6531 section 3.3 let a mailbox have, and nothing around it.

use std::borrow::Cow;

use idna::uts46::{AsciiDenyList, Hyphens, Uts46};

use super::domains::ascii_form;

/// The longest local part (RFC 5321 section 4.5.3.1.1), in bytes.
const MAX_LOCAL_BYTES: usize = 64;

/// The longest address: a path of 256 bytes without its angle brackets (RFC 5321 section 4.5.3.1.3).
const MAX_BYTES: usize = 254;

/// Exactly one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// What stands before the `@`, as written: only the server that it belongs to may interpret it.
    pub local: &'a str,
    /// The domain as [`ascii_form`] gives it.
    pub domain: Cow<'a, str>,
}

/// Why a text is not exactly one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressFault {
    /// No `@`, or several: then nobody can say whose address it is.
    At,
    /// Longer than mail servers take.
    TooLong,
    /// The local part is no `dot-atom`, or has characters that are easily taken for others.
    LocalPart,
    /// The local part names another host to send on to.
    Route,
    /// The domain is none, or not written in its usual form.
    Domain,
    /// The domain is a single label.
    OneLabel,
    /// The domain is an IPv4 address, or could be taken for one.
    Numeric,
}

impl AddressFault {
    /// What is wrong, to follow the word "address".
    pub fn as_str(self) -> &'static str {
        match self {
            Self::At => "does not have exactly one @",
            Self::TooLong => "is too long",
            Self::LocalPart => "has a local part that is not plain",
            Self::Route => "has a local part that names another host",
            Self::Domain => "has a domain that is not valid",
            Self::OneLabel => "has a domain of one label",
            Self::Numeric => "has a domain that ends in a number",
        }
    }
}

impl<'a> Address<'a> {
    /// Reads an address. All of `text` has to be the address: no display name, angle brackets, comments, folding white space, quoted strings, address literals, lists.
    ///
    /// # Errors
    /// [`AddressFault`] for everything else.
    pub fn parse(text: &'a str) -> Result<Self, AddressFault> {
        let (local, written) = text.split_once('@').ok_or(AddressFault::At)?;
        if written.contains('@') {
            return Err(AddressFault::At);
        }
        if local.len() > MAX_LOCAL_BYTES || text.len() > MAX_BYTES {
            return Err(AddressFault::TooLong);
        }
        check_local(local)?;
        let domain = ascii_form(written).filter(|form| is_usual(written, form)).ok_or(AddressFault::Domain)?;
        // What is short in Unicode can be long where it is sent to.
        if local.len().saturating_add(1).saturating_add(domain.len()) > MAX_BYTES {
            return Err(AddressFault::TooLong);
        }
        let (_, last) = domain.rsplit_once('.').ok_or(AddressFault::OneLabel)?;
        if is_number(last) {
            return Err(AddressFault::Numeric);
        }
        Ok(Self { local, domain })
    }
}

/// `Dot-string` of RFC 5321 section 4.1.2, as RFC 6531 section 3.3 widens it.
fn check_local(local: &str) -> Result<(), AddressFault> {
    let is_atom = |atom: &str| !atom.is_empty() && atom.chars().all(|c| !c.is_ascii() || is_atext(c));
    if !local.split('.').all(is_atom) || !local.is_ascii() && !is_plain(local) {
        return Err(AddressFault::LocalPart);
    }
    if is_route(local) {
        return Err(AddressFault::Route);
    }
    Ok(())
}

/// `atext` of RFC 5322 section 3.2.3.
fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
}

/// Whether the characters beyond ASCII are such as the names of domains may have: letters, marks and digits of all scripts in their composed form. RFC 6531 allows any. But
/// the full-width `＠`, invisible ones or a right-to-left override have no place in a mailbox that somebody uses, and say different things to different readers.
fn is_plain(local: &str) -> bool {
    let beyond: String = local.chars().filter(|c| !c.is_ascii()).collect();
    let (unicode, outcome) = Uts46::new().to_unicode(beyond.as_bytes(), AsciiDenyList::STD3, Hyphens::Allow);
    outcome.is_ok() && unicode == lower_case(&beyond)
}

/// Case alone may differ. Not `str::to_lowercase`, which writes a sigma differently at the end of a word.
fn lower_case(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// The routes of old (RFC 1123 section 5.2.16, RFC 5321 appendix F.2), which mail servers still undo: Postfix by default sends `user%blocked.example@own.example` on to `blocked.example`
/// (`allow_percent_hack`), and `blocked.example!user` too (`swap_bangpath`).
fn is_route(local: &str) -> bool {
    let is_host = |name: &str| {
        let plain = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        !name.is_empty() && name.chars().all(plain)
    };
    let percent = local.rsplit_once('%').is_some_and(|(user, host)| !user.is_empty() && is_host(host));
    let bang = local.split_once('!').is_some_and(|(host, user)| is_host(host) && !user.is_empty());
    percent || bang
}

/// Whether each label is written as it is in ASCII or in Unicode, whatever its case. A server that maps less than IDNA does (full-width letters, invisible characters, other dots) would see
/// another domain.
fn is_usual(written: &str, ascii: &str) -> bool {
    if written.is_ascii() {
        return written.eq_ignore_ascii_case(ascii);
    }
    let (unicode, outcome) = Uts46::new().to_unicode(ascii.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast);
    let written = lower_case(written);
    let same_count = written.split('.').count() == ascii.split('.').count();
    let mut labels = written.split('.').zip(ascii.split('.').zip(unicode.split('.')));
    outcome.is_ok() && same_count && labels.all(|(label, (ascii, unicode))| label == ascii || label == unicode)
}

/// Whether a last label makes its domain an IPv4 address to those that read one generously (URL Standard, "ends in a number").
fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hex || label.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests;
