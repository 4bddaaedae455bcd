//! The names of directives.

use std::fmt;

macro_rules! directives {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A directive: those of CSP3, its extensions, and the ones that it dropped but that still stand in policies.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Directive {
            $($(#[$doc])* $variant,)*
            /// Any other, by its name in lower case. Browsers ignore it.
            Other(Box<str>),
        }

        impl Directive {
            /// All that have a name of their own.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other(name) => name,
                }
            }

            /// Its name, or `other`: from a fixed set, so fit for a metric.
            pub fn label(&self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other(_) => "other",
                }
            }

            /// The directive of a name, in whatever case.
            pub fn new(name: &str) -> Self {
                match name.to_ascii_lowercase().as_str() {
                    $($name => Self::$variant,)*
                    other => Self::Other(other.into()),
                }
            }
        }
    };
}

directives! {
    /// What every absent fetch directive falls back to.
    DefaultSrc = "default-src",
    /// Scripts.
    ScriptSrc = "script-src",
    /// Script elements.
    ScriptSrcElem = "script-src-elem",
    /// Event handler attributes and `javascript:` URLs.
    ScriptSrcAttr = "script-src-attr",
    /// Style sheets and styles.
    StyleSrc = "style-src",
    /// Style elements and style sheets.
    StyleSrcElem = "style-src-elem",
    /// Style attributes.
    StyleSrcAttr = "style-src-attr",
    /// Images.
    ImgSrc = "img-src",
    /// Audio, video, tracks.
    MediaSrc = "media-src",
    /// Fonts.
    FontSrc = "font-src",
    /// What scripts fetch and connect to.
    ConnectSrc = "connect-src",
    /// Workers.
    WorkerSrc = "worker-src",
    /// Frames and, before `worker-src`, workers.
    ChildSrc = "child-src",
    /// Frames.
    FrameSrc = "frame-src",
    /// `<fencedframe>`.
    FencedFrameSrc = "fenced-frame-src",
    /// Plug-ins.
    ObjectSrc = "object-src",
    /// Manifests of applications.
    ManifestSrc = "manifest-src",
    /// Prefetches; dropped from CSP3.
    PrefetchSrc = "prefetch-src",
    /// What `<base>` may be.
    BaseUri = "base-uri",
    /// Where forms go.
    FormAction = "form-action",
    /// Who may frame the page.
    FrameAncestors = "frame-ancestors",
    /// Where the page may lead; dropped from CSP3.
    NavigateTo = "navigate-to",
    /// Types of plug-ins; dropped from CSP3.
    PluginTypes = "plugin-types",
    /// WebRTC.
    Webrtc = "webrtc",
    /// The flags of a sandbox.
    Sandbox = "sandbox",
    /// URLs that reports go to.
    ReportUri = "report-uri",
    /// The endpoint that reports go to.
    ReportTo = "report-to",
    /// `http:` is fetched as `https:`.
    UpgradeInsecureRequests = "upgrade-insecure-requests",
    /// Nothing is fetched by `http:` into an `https:` page.
    BlockAllMixedContent = "block-all-mixed-content",
    /// Sinks that take trusted types only.
    RequireTrustedTypesFor = "require-trusted-types-for",
    /// The trusted types policies that may be made.
    TrustedTypes = "trusted-types",
    /// What needs integrity; never in CSP3.
    RequireSriFor = "require-sri-for",
}

impl Directive {
    /// What it falls back to when it is absent, nearest first (CSP3 section 6.8.3, get the fetch directive fallback list).
    pub fn fallbacks(&self) -> &'static [Self] {
        use Directive::{ChildSrc, DefaultSrc, FrameSrc, ScriptSrc, StyleSrc};
        match self {
            Self::ScriptSrcElem | Self::ScriptSrcAttr => &[ScriptSrc, DefaultSrc],
            Self::StyleSrcElem | Self::StyleSrcAttr => &[StyleSrc, DefaultSrc],
            Self::WorkerSrc => &[ChildSrc, ScriptSrc, DefaultSrc],
            Self::FrameSrc => &[ChildSrc, DefaultSrc],
            Self::FencedFrameSrc => &[FrameSrc, ChildSrc, DefaultSrc],
            Self::ScriptSrc
            | Self::StyleSrc
            | Self::ImgSrc
            | Self::MediaSrc
            | Self::FontSrc
            | Self::ConnectSrc
            | Self::ChildSrc
            | Self::ObjectSrc
            | Self::ManifestSrc
            | Self::PrefetchSrc => &[DefaultSrc],
            _ => &[],
        }
    }

    /// Whether it says what is fetched: it falls back to `default-src`, or is it.
    pub fn is_fetch(&self) -> bool {
        *self == Self::DefaultSrc || !self.fallbacks().is_empty()
    }

    /// Whether its value is a list of sources; of others the value is kept as text.
    pub fn takes_sources(&self) -> bool {
        self.is_fetch() || matches!(self, Self::BaseUri | Self::FormAction | Self::FrameAncestors | Self::NavigateTo)
    }

    /// Whether it governs what runs as script.
    pub fn governs_scripts(&self) -> bool {
        matches!(
            self,
            Self::DefaultSrc
                | Self::ScriptSrc
                | Self::ScriptSrcElem
                | Self::ScriptSrcAttr
                | Self::WorkerSrc
                | Self::ChildSrc
        )
    }
}

impl fmt::Display for Directive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
