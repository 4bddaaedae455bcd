//! Whether one policy is at least as strict as another.

use super::list::{self, List};
use super::{Csp, Directive, Source};

/// Whether all that `ours` allows is allowed by `theirs`, so that ours can stand in its place. `own` is the authority of the page (`a.example`, `a.example:3000`), if it is
/// known: then `'self'` and the own name are known to be one.
///
/// Ours is at least as strict if all of these hold:
///
/// 1. For each fetch directive, the one that governs it in ours (itself, or what it falls back to) allows nothing that the one that governs it in theirs does not, see
///    [`List::is_within`]. `default-src` is compared for itself too, for what it governs in other browsers.
/// 2. `base-uri`, `form-action`, `frame-ancestors`, `navigate-to`: absent in theirs, or present in both and within.
/// 3. `sandbox`, `trusted-types`, `plugin-types`: absent in theirs, or present in both, and each word of ours is in theirs.
/// 4. `require-trusted-types-for`, `require-sri-for`, `webrtc`, and directives that we do not know: each word of theirs is in ours.
/// 5. `upgrade-insecure-requests` of theirs is in ours; so is `block-all-mixed-content`, or ours upgrades instead.
///
/// Where reports go does not count. When in doubt it is `false`: two policies that allow the same can be written too differently to tell. Several policies are enforced
/// together, so ours has to be at least as strict as each of theirs.
pub fn is_at_least_as_strict(ours: &Csp, theirs: &Csp, own: Option<&str>) -> bool {
    let fetch = Directive::ALL.iter().filter(|directive| directive.is_fetch());
    let is_fetch_within = |directive: &Directive| match (ours.effective(directive), theirs.effective(directive)) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some((_, ours)), Some((_, theirs))) => {
            List::new(directive, ours).is_within(&List::new(directive, theirs), own)
        }
    };
    let is_kept =
        |(directive, value): &(Directive, Vec<Source>)| directive.is_fetch() || is_kept(ours, directive, value, own);
    fetch.into_iter().all(is_fetch_within) && theirs.directives.iter().all(is_kept)
}

/// Whether ours keeps what a directive of theirs, of those that have no fallback, asks for.
fn is_kept(ours: &Csp, directive: &Directive, theirs: &[Source], own: Option<&str>) -> bool {
    let value = ours.get(directive);
    match directive {
        Directive::ReportUri | Directive::ReportTo => true,
        Directive::UpgradeInsecureRequests => value.is_some(),
        Directive::BlockAllMixedContent => value.is_some() || ours.get(&Directive::UpgradeInsecureRequests).is_some(),
        Directive::BaseUri | Directive::FormAction | Directive::FrameAncestors | Directive::NavigateTo => {
            value.is_some_and(|ours| List::new(directive, ours).is_within(&List::new(directive, theirs), own))
        }
        Directive::Sandbox | Directive::PluginTypes => {
            value.is_some_and(|ours| ours.iter().all(|word| has_word(theirs, word)))
        }
        Directive::TrustedTypes => value.is_some_and(|ours| list::without_none(ours).all(|name| names(theirs, name))),
        _ => value.is_some_and(|ours| theirs.iter().all(|word| has_word(ours, word))),
    }
}

fn has_word(words: &[Source], word: &Source) -> bool {
    words.iter().any(|known| known.to_string().eq_ignore_ascii_case(&word.to_string()))
}

/// Whether a trusted types policy may be made. `*` stands for all names, but not for `'allow-duplicates'`.
fn names(list: &[Source], name: &Source) -> bool {
    let any = Source::Text("*".to_owned());
    list.contains(name) || (list.contains(&any) && !name.to_string().starts_with('\''))
}
