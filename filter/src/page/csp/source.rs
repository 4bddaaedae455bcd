//! Source expressions (CSP3 section 2.3.1).

use std::fmt;

use crate::page::manifest::Integrity;

/// One expression of a source list, or one word of a directive that takes none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// `'self'` and the like.
    Keyword(Keyword),
    /// `'nonce-..'`: its value.
    Nonce(String),
    /// `'sha256-..'`.
    Hash(HashSource),
    /// `data:`: the scheme in lower case, without the colon.
    Scheme(String),
    /// `https://*.example:443/a/`.
    Host(HostSource),
    /// What is none of these, as it stood: browsers ignore it in a source list. Words of `sandbox`, `report-uri` and the like are all kept so.
    Text(String),
}

/// A hash source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HashSource {
    /// `sha256`, `sha384` or `sha512`.
    pub algorithm: &'static str,
    /// The digest in base64, as it stood.
    pub base64: String,
}

/// A host source. A lone `*` is one with that host and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostSource {
    /// The scheme in lower case.
    pub scheme: Option<String>,
    /// The host in lower case: `*`, `*.example`, `a.example`.
    pub host: String,
    /// The port.
    pub port: Option<Port>,
    /// The path, from its first `/`. One that ends with `/` stands for all below it.
    pub path: Option<String>,
}

/// The port of a host source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Port {
    /// `:*`
    Any,
    /// `:443`
    Number(u16),
}

macro_rules! keywords {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// A keyword source, in its quotes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Keyword { $($(#[$doc])* $variant,)* }

        impl Keyword {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its text with quotes.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

keywords! {
    /// The origin of the page.
    SelfOrigin = "'self'",
    /// Nothing, where it stands alone.
    None = "'none'",
    /// Whatever is inline, unless a hash or nonce stands beside it.
    UnsafeInline = "'unsafe-inline'",
    /// `eval` and its kin.
    UnsafeEval = "'unsafe-eval'",
    /// Hashes count for attributes too.
    UnsafeHashes = "'unsafe-hashes'",
    /// What a trusted script loads is trusted.
    StrictDynamic = "'strict-dynamic'",
    /// Reports hold a sample.
    ReportSample = "'report-sample'",
    /// WebAssembly is compiled.
    WasmUnsafeEval = "'wasm-unsafe-eval'",
    /// `<script type=speculationrules>`.
    InlineSpeculationRules = "'inline-speculation-rules'",
}

impl Source {
    /// The source of a keyword.
    pub const SELF: Self = Self::Keyword(Keyword::SelfOrigin);
}

impl HashSource {
    /// Whether the digest has the length of its algorithm, in the standard alphabet.
    pub fn is_digest(&self) -> bool {
        Integrity::new(&format!("{}-{}", self.algorithm, self.base64)).is_some()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keyword(keyword) => f.write_str(keyword.as_str()),
            Self::Nonce(value) => write!(f, "'nonce-{value}'"),
            Self::Hash(hash) => write!(f, "'{}-{}'", hash.algorithm, hash.base64),
            Self::Scheme(scheme) => write!(f, "{scheme}:"),
            Self::Host(host) => host.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for HostSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = &self.scheme {
            write!(f, "{scheme}://")?;
        }
        f.write_str(&self.host)?;
        match self.port {
            None => {}
            Some(Port::Any) => f.write_str(":*")?,
            Some(Port::Number(number)) => write!(f, ":{number}")?,
        }
        f.write_str(self.path.as_deref().unwrap_or_default())
    }
}
