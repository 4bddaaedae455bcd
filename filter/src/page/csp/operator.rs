//! Sources that operators write.

use super::{Directive, HostSource, Keyword, Source};

/// The longest source that is read, in bytes.
const MAX_SOURCE_BYTES: usize = 512;

impl Source {
    /// Reads a source that an operator wrote. What a browser would ignore is refused here, for somebody meant something by it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("is empty");
        }
        if text.len() > MAX_SOURCE_BYTES {
            return Err("is longer than 512 bytes");
        }
        if !text.is_ascii() {
            return Err("is not ASCII: write an internationalized name as xn--..");
        }
        if text.bytes().any(|b| !b.is_ascii_graphic()) {
            return Err("holds white space or a control character: write one source each");
        }
        if text.contains([';', ',']) {
            return Err("holds `;` or `,`, which end a directive or a policy");
        }
        match Self::read(text) {
            Self::Keyword(Keyword::None) => Err("'none' adds nothing: leave it out"),
            Self::Nonce(_) => Err("a nonce that stands in a policy is known to everybody: use a hash"),
            Self::Hash(hash) if hash.is_digest() => Ok(Self::Hash(hash)),
            Self::Hash(_) => Err("is no digest of this algorithm in base64"),
            Self::Host(host) => judge(text, host),
            Self::Text(_) => Err(unknown(text)),
            known => Ok(known),
        }
    }

    /// Why it takes much of a directive's worth away, if it does. It is still a source that may be needed.
    pub fn weakens(&self, directive: &Directive) -> Option<&'static str> {
        let scripts = directive.governs_scripts();
        match self {
            Self::Keyword(Keyword::UnsafeInline) if scripts => Some("an injected inline script runs"),
            Self::Keyword(Keyword::UnsafeEval) if scripts => Some("text becomes script (eval)"),
            Self::Keyword(Keyword::StrictDynamic) if scripts => Some("what a trusted script loads is not looked at"),
            Self::Scheme(scheme) if scheme == "data" && scripts => Some("an injected data: URL runs"),
            Self::Scheme(scheme) if scheme == "blob" && scripts && *directive != Directive::WorkerSrc => {
                Some("a blob: URL runs")
            }
            Self::Scheme(scheme) if matches!(scheme.as_str(), "http" | "https" | "ws" | "wss") => (scripts
                || matches!(directive, Directive::ObjectSrc | Directive::BaseUri | Directive::FrameAncestors))
            .then_some("every host is allowed"),
            Self::Host(host) if host.host == "*" => Some("every host is allowed"),
            Self::Host(host) if scripts && host.host.starts_with("*.") => Some("every host below a domain is allowed"),
            Self::Host(HostSource { scheme: Some(scheme), .. }) if scheme == "http" && scripts => {
                Some("whoever is on the way of an http: script can change it")
            }
            Self::Keyword(Keyword::None) => None,
            _ if *directive == Directive::ObjectSrc => Some("plug-ins are allowed"),
            _ => None,
        }
    }
}

fn judge(text: &str, host: HostSource) -> Result<Source, &'static str> {
    let quoted = Keyword::ALL.iter().any(|keyword| keyword.as_str().trim_matches('\'').eq_ignore_ascii_case(text));
    let is_hash = ["sha256-", "sha384-", "sha512-", "nonce-"].iter().any(|prefix| text.starts_with(prefix));
    let name = host.host.strip_prefix("*.").unwrap_or(&host.host);
    let is_address = name.split('.').all(|label| !label.is_empty() && label.bytes().all(|b| b.is_ascii_digit()));
    if quoted || is_hash {
        Err("needs quotes: write 'self', with single quotes, and so for the other keywords and hashes")
    } else if is_address && !name.starts_with("127.") {
        // CSP3 section 6.7.2.9: of addresses, browsers match 127.0.0.1 only.
        Err("browsers match names of hosts only, no addresses")
    } else if host.path.as_deref().is_some_and(|path| !has_good_escapes(path)) {
        Err("has a `%` that two hexadecimal digits do not follow")
    } else {
        Ok(Source::Host(host))
    }
}

fn has_good_escapes(path: &str) -> bool {
    path.split('%').skip(1).all(|rest| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2)
}

fn unknown(text: &str) -> &'static str {
    if text.starts_with('\'') {
        "is no keyword and no hash that browsers know"
    } else if text.contains(['?', '#']) {
        "has a query or fragment: a source ends with its path"
    } else if text.contains('@') {
        "has user information"
    } else if text.contains('*') {
        "may have `*` as its whole host or port, or as the first label of its host"
    } else if text.contains('[') {
        "browsers match names of hosts only, no addresses"
    } else {
        "is no source: expected such as https://a.example, https://a.example/path/, data:, 'self'"
    }
}
