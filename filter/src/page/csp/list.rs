//! What a source list allows.

use super::subsume::{Own, is_within};
use super::{Directive, HashSource, Keyword, Source};

/// A source list as it counts for one directive.
pub struct List<'p> {
    directive: &'p Directive,
    sources: Vec<&'p Source>,
}

impl<'p> List<'p> {
    /// The list that governs a directive.
    pub fn new(directive: &'p Directive, sources: &'p [Source]) -> Self {
        Self { directive, sources: without_none(sources).collect() }
    }

    /// Whether each expression allows only what the other list allows:
    ///
    /// - a host, a scheme or `'self'`: one of theirs matches all that it matches; none does where theirs alone has `'strict-dynamic'`, for
    ///   that ignores them;
    /// - a nonce, `'unsafe-eval'`, `'strict-dynamic'`: theirs has it; of `'wasm-unsafe-eval'`, either of both;
    /// - a hash: theirs has it, or what is inline is allowed and a hash allows nothing else (styles, attributes);
    /// - `'unsafe-inline'`: a nonce or hash beside it makes it void in ours, or it is in theirs too, and nothing beside it that is not in ours makes
    ///   it void there;
    /// - `'unsafe-hashes'`, `'inline-speculation-rules'`: theirs has it or allows what is inline;
    /// - text that we do not know: it is in theirs too.
    ///
    /// Only hosts, schemes and `'self'` count where a directive governs nothing inline.
    pub fn is_within(&self, theirs: &Self, own: Option<&str>) -> bool {
        let own = own.and_then(Own::new);
        self.sources.iter().all(|source| self.allows_no_more(source, theirs, own.as_ref()))
    }

    fn allows_no_more(&self, source: &Source, theirs: &Self, own: Option<&Own<'_>>) -> bool {
        let has = |keyword| theirs.has(keyword);
        if !self.governs_inline() && matches!(source, Source::Nonce(_) | Source::Hash(_)) {
            return true;
        }
        match source {
            Source::Keyword(Keyword::SelfOrigin) | Source::Host(_) | Source::Scheme(_) => {
                let is_strict = self.directive.governs_scripts() && has(Keyword::StrictDynamic);
                let is_ignored = is_strict && !self.has(Keyword::StrictDynamic);
                !is_ignored && theirs.sources.iter().any(|other| self.covers(other, source, own))
            }
            Source::Keyword(Keyword::ReportSample) => true,
            Source::Keyword(_) if !self.governs_inline() => true,
            Source::Keyword(Keyword::UnsafeInline) => {
                // What makes theirs void makes ours void too, if it is there.
                let is_alike = |voids: &&Source| self.sources.contains(voids);
                let is_as_void = has(Keyword::UnsafeInline) && theirs.voids().all(|voids| is_alike(&voids));
                !self.may_allow_inline() || is_as_void
            }
            Source::Keyword(keyword @ (Keyword::UnsafeHashes | Keyword::InlineSpeculationRules)) => {
                has(*keyword) || theirs.surely_allows_inline()
            }
            Source::Keyword(Keyword::WasmUnsafeEval) => has(Keyword::WasmUnsafeEval) || has(Keyword::UnsafeEval),
            Source::Keyword(keyword) => has(*keyword),
            Source::Hash(hash) => theirs.has_hash(hash) || (self.is_all_inline() && theirs.surely_allows_inline()),
            Source::Nonce(_) | Source::Text(_) => theirs.sources.contains(&source),
        }
    }

    /// Of an ancestor only the origin is looked at, and browsers do not agree on what a path means there.
    fn covers(&self, theirs: &Source, ours: &Source, own: Option<&Own<'_>>) -> bool {
        let is_path = matches!(theirs, Source::Host(host) if host.path.is_some());
        let is_odd = *self.directive == Directive::FrameAncestors && is_path;
        if is_odd { theirs == ours } else { is_within(ours, theirs, own) }
    }

    fn has(&self, keyword: Keyword) -> bool {
        self.sources.contains(&&Source::Keyword(keyword))
    }

    /// Whether it has a hash, in either alphabet.
    pub fn has_hash(&self, hash: &HashSource) -> bool {
        self.sources.iter().any(|source| matches!(source, Source::Hash(known) if known.is_same(hash)))
    }

    /// Whether nonces, hashes and the other keywords mean something here.
    fn governs_inline(&self) -> bool {
        use Directive::{PrefetchSrc, StyleSrc, StyleSrcAttr, StyleSrcElem};
        self.directive.governs_scripts()
            || matches!(self.directive, StyleSrc | StyleSrcElem | StyleSrcAttr | PrefetchSrc)
    }

    /// Whether a hash allows nothing but what is inline. Of scripts it allows those whose `integrity` it is.
    fn is_all_inline(&self) -> bool {
        use Directive::{ScriptSrcAttr, StyleSrc, StyleSrcAttr, StyleSrcElem};
        matches!(self.directive, ScriptSrcAttr | StyleSrc | StyleSrcElem | StyleSrcAttr)
    }

    /// Whether `'unsafe-inline'` is in force, if there is the least doubt that it is void (CSP3 section 6.7.3.2).
    fn may_allow_inline(&self) -> bool {
        let voids = |source: &&Source| match source {
            Source::Nonce(_) => true,
            Source::Hash(hash) => hash.is_digest(),
            _ => false,
        };
        self.has(Keyword::UnsafeInline) && !self.sources.iter().any(voids)
    }

    /// Whether `'unsafe-inline'` is in force beyond doubt.
    pub fn surely_allows_inline(&self) -> bool {
        self.has(Keyword::UnsafeInline) && self.voids().next().is_none()
    }

    /// What may make `'unsafe-inline'` void, now or in a browser to come.
    fn voids(&self) -> impl Iterator<Item = &'p Source> {
        let may_void = |source: &&Source| match source {
            Source::Nonce(_) | Source::Hash(_) | Source::Keyword(Keyword::StrictDynamic) => true,
            Source::Text(text) => text.starts_with('\''),
            _ => false,
        };
        self.sources.iter().copied().filter(may_void)
    }
}

/// The expressions but `'none'`: alone it is nothing, and beside others it is ignored.
pub fn without_none(sources: &[Source]) -> impl Iterator<Item = &Source> {
    let is_none = |source: &Source| match source {
        Source::Keyword(keyword) => *keyword == Keyword::None,
        Source::Text(text) => text.eq_ignore_ascii_case("'none'"),
        _ => false,
    };
    sources.iter().filter(move |source| !is_none(source))
}

impl HashSource {
    /// Whether two are one: `-` and `_` stand for `+` and `/` (CSP3 section 6.7.3.3).
    fn is_same(&self, other: &Self) -> bool {
        let plain = |base64: &str| base64.replace('-', "+").replace('_', "/");
        self.algorithm == other.algorithm && plain(&self.base64) == plain(&other.base64)
    }
}
