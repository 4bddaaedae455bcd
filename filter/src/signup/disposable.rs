//! Domains of throw-away mailboxes.

use super::domains::suffixes;

/// The bundled list: a domain a line, sorted by bytes; lines that begin with `#`, which sorts before all of them, tell where it comes from.
/// It is searched as it is, so that a worker holds nothing but its bytes.
const LIST: &str = include_str!("disposable_domains.txt");

/// Whether a domain in its ASCII form is on the bundled list, or lies below one that is.
pub fn is_disposable(domain: &str) -> bool {
    suffixes(domain).any(|suffix| has_line(LIST, suffix))
}

/// Binary search over the lines of a sorted text in ASCII.
fn has_line(text: &str, wanted: &str) -> bool {
    let mut lines = text;
    while let Some((before, _)) = lines.split_at_checked(lines.len() / 2).filter(|_| !lines.is_empty()) {
        let start = before.rfind('\n').map_or(0, |end| end.saturating_add(1));
        let Some((earlier, rest)) = lines.split_at_checked(start) else { return false };
        let (line, later) = rest.split_once('\n').unwrap_or((rest, ""));
        lines = match wanted.cmp(line) {
            std::cmp::Ordering::Less => earlier,
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Greater => later,
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::domains::listed_form;
    use super::*;

    /// It is part of the module, whose size is bounded.
    const MAX_BYTES: usize = 80 * 1024;

    fn domains() -> Vec<&'static str> {
        LIST.lines().filter(|line| !line.starts_with('#')).collect()
    }

    #[test]
    fn the_list_can_be_searched() {
        let (domains, comments) = (domains(), LIST.lines().take_while(|line| line.starts_with('#')).count());
        println!("{} domains, {} bytes", domains.len(), LIST.len());
        assert!(comments > 0 && domains.len() + comments == LIST.lines().count(), "comments come first");
        assert!(domains.is_sorted_by(|a, b| a < b), "sorted, each once");
        assert!(LIST.is_ascii() && LIST.ends_with('\n') && LIST.len() <= MAX_BYTES);
        for domain in &domains {
            assert_eq!(listed_form(domain).as_deref(), Ok(*domain));
            assert!(domain.contains('.'), "{domain} would be a whole top-level domain");
            assert!(has_line(LIST, domain), "{domain}");
            assert!(!suffixes(domain).skip(1).any(|parent| domains.contains(&parent)), "{domain} is listed already");
        }
    }

    #[test]
    fn what_is_disposable() {
        for domain in ["mailinator.com", "a.b.mailinator.com", "yopmail.com", "sute.jp", "10mail.org", "zoemail.org"] {
            assert!(is_disposable(domain), "{domain}");
        }
        for domain in [
            "gmail.com",
            "mailinator.com.example",
            "notmailinator.example",
            "com",
            "jp",
            "",
            "#",
            "a",
            "zzz.zz",
            // Services that pass mail on.
            "duck.com",
            "mozmail.com",
            "simplelogin.com",
            "privaterelay.appleid.com",
        ] {
            assert!(!is_disposable(domain), "{domain}");
        }
        for text in ["", "\n", "a", "a\n", "a\nb", "a\nb\nc\n"] {
            assert!(!has_line(text, "x") && !has_line(text, "0"), "{text:?}");
            assert!(text.lines().filter(|line| !line.is_empty()).all(|line| has_line(text, line)), "{text:?}");
        }
    }
}
