//! Domains of e-mail addresses: their one form, and lists of them.

use std::borrow::Cow;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// A domain in the form in which mail is sent to it: ASCII, lower case, labels of letters, digits and hyphens, at most 63 bytes each and 253 in all, no final dot.
/// `None` for what has none. Characters that IDNA maps to others (full-width ones, say) are mapped: who may not write them has to look for himself.
pub fn ascii_form(domain: &str) -> Option<Cow<'_, str>> {
    Uts46::new().to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify).ok()
}

/// A domain as an operator writes it, in the one form. It may be a single label, and end in a dot.
///
/// # Errors
/// What to write instead.
pub fn listed_form(domain: &str) -> Result<String, &'static str> {
    let form = ascii_form(domain.strip_suffix('.').unwrap_or(domain));
    form.map(Cow::into_owned).ok_or("expected a domain, such as `blocked.example`, which stands for all below it too")
}

/// A domain and all that it lies below, the whole of it first.
pub fn suffixes(domain: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(domain), |domain| domain.split_once('.').map(|(_, parent)| parent))
}

/// A list of domains, each of which stands for all domains below it too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DomainList(Vec<String>);

impl DomainList {
    /// The list of what operators wrote; what is no domain is left out.
    pub fn new<S: AsRef<str>>(domains: &[S]) -> Self {
        let mut list: Vec<String> = domains.iter().filter_map(|domain| listed_form(domain.as_ref()).ok()).collect();
        list.sort_unstable();
        Self(list)
    }

    /// Whether a domain in its ASCII form is one of them, or lies below one.
    pub fn contains(&self, domain: &str) -> bool {
        !self.0.is_empty()
            && suffixes(domain).any(|suffix| self.0.binary_search_by(|listed| listed.as_str().cmp(suffix)).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_stands_for_all_below_it() {
        let list = DomainList::new(&["Blocked.example.", "blocked.com", "bücher.example", "xn--80ak6aa92e.com", "top"]);
        for listed in [
            "blocked.com",
            "a.blocked.com",
            "a.b.blocked.com",
            "blocked.example",
            "xn--bcher-kva.example",
            "mail.xn--bcher-kva.example",
            "xn--80ak6aa92e.com",
            "anything.top",
        ] {
            assert!(list.contains(listed), "{listed}");
        }
        for other in ["com", "unblocked.com", "blocked.com.example", "blocked", "ed.com", "example", "stop", ""] {
            assert!(!list.contains(other), "{other}");
        }
        assert!(!DomainList::default().contains("blocked.com"));
    }

    #[test]
    fn what_operators_may_write() {
        for (written, form) in [
            ("blocked.com", "blocked.com"),
            ("BLOCKED.Com.", "blocked.com"),
            ("ｂｌｏｃｋｅｄ。com", "blocked.com"),
            ("日本語.jp", "xn--wgv71a119e.jp"),
            ("XN--WGV71A119E.jp", "xn--wgv71a119e.jp"),
            ("ru", "ru"),
        ] {
            assert_eq!(listed_form(written).as_deref(), Ok(form), "{written}");
        }
        let long = format!("{}.com", "a".repeat(64));
        for written in [
            "",
            ".",
            ".blocked.com",
            "*.blocked.com",
            "@blocked.com",
            "a..b",
            "a b.com",
            "a_b.com",
            "blocked.com..",
            &long,
        ] {
            assert!(listed_form(written).is_err(), "{written}");
        }
    }
}
