//! What is inline.

use super::list::List;
use super::{Csp, Directive, Source};

/// Whether a policy surely lets an inline script run that is known by its hash-source, such as `'sha256-...'` with its quotes (CSP3 section 6.7.3.3).
///
/// It does if any of these hold:
///
/// 1. nothing governs scripts in it;
/// 2. the list that governs them has the hash;
/// 3. that list has `'unsafe-inline'`, and nothing that makes it void.
pub fn lets_run_inline(policy: &Csp, hash_source: &str) -> bool {
    let Some((directive, sources)) = policy.effective(&Directive::ScriptSrcElem) else { return true };
    let list = List::new(directive, sources);
    let is_listed = match Source::read(hash_source) {
        Source::Hash(hash) => list.has_hash(&hash),
        _ => false,
    };
    is_listed || list.surely_allows_inline()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::csp::parse_policy;

    #[test]
    fn inline_scripts_by_hash() {
        const HASH: &str = "'sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='";
        for (policy, expected) in [
            ("img-src 'none'", true),
            ("script-src 'self' 'sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='", true),
            ("script-src 'self' 'unsafe-inline'", true),
            ("script-src 'none'; script-src-elem 'unsafe-inline'", true),
            ("default-src 'self'", false),
            ("script-src 'self' 'unsafe-inline' 'nonce-x'", false),
            ("script-src 'sha256-BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='", false),
            ("script-src 'unsafe-inline'; script-src-elem 'self'", false),
        ] {
            let policy = parse_policy(policy.as_bytes()).unwrap();
            assert_eq!(lets_run_inline(&policy, HASH), expected, "{policy}");
        }
    }
}
