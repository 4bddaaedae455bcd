//! What pages of a kind of server need: source lists as data. `HOST` is the page's own host and port.

use crate::policy::Choice;

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Any server whose pages load from itself.
    Generic,
    /// Misskey and its forks, as a real one was watched in a browser without a violation.
    Misskey,
    /// Mastodon and its forks.
    Mastodon,
}

impl Choice for Preset {
    const WORDS: &'static [(&'static str, Self)] =
        &[("generic", Self::Generic), ("misskey", Self::Misskey), ("mastodon", Self::Mastodon)];
}

/// A directive and its sources.
pub type Entry = (&'static str, &'static [&'static str]);

const MISSKEY: &[Entry] = &[
    ("default-src", &["'none'"]),
    // Never 'self': an uploaded file is on the same origin.
    (
        "script-src",
        &[
            "HOST/vite/",
            "HOST/embed_vite/",
            "HOST/static-assets/misc/",
            "HOST/client-assets/",
            "https://esm.sh/shiki@4.0.2/",
        ],
    ),
    // The buttons of its error screens; innocent, and constant over versions: location.reload(true); location.reload(!0) location.reload();
    (
        "script-src-attr",
        &[
            "'unsafe-hashes'",
            "'sha256-9gtbHAy4K6JrFmbrKlwTlPZ8Lcrga9kA//7qwXjQRp4='",
            "'sha256-THZ8u+QDVKwXIZGD8L6ZsbGiI4hMAWsSza+UG5yfZ2Y='",
            "'sha256-yIcJ0MuOeA57YwAm4jHKyQMVN6aqOdqiQNV+sD8JECs='",
        ],
    ),
    ("style-src", &["'self'", "'unsafe-inline'"]),
    // Patrons and contributors on /about-misskey; the pictures of empty lists, until three others are set.
    (
        "img-src",
        &[
            "'self'",
            "data:",
            "blob:",
            "https://assets.misskey-hub.net",
            "https://avatars.githubusercontent.com",
            "https://xn--931a.moe",
        ],
    ),
    ("media-src", &["'self'"]),
    ("font-src", &["'self'"]),
    // 'self' is not the streaming socket in every browser (Safari before 15.4).
    ("connect-src", &["'self'", "wss://HOST"]),
    ("worker-src", &["HOST/vite/", "HOST/embed_vite/", "HOST/sw.js", "blob:"]),
    ("manifest-src", &["'self'"]),
    // And the players of previews: `Preset::has_players`.
    ("frame-src", &["'self'"]),
    ("object-src", &["'none'"]),
    ("base-uri", &["'none'"]),
    ("form-action", &["'none'"]),
    ("frame-ancestors", &["'none'"]),
];

const MASTODON: &[Entry] = &[
    ("default-src", &["'none'"]),
    // WebAssembly reads text in pictures.
    ("script-src", &["HOST/packs/", "'wasm-unsafe-eval'"]),
    ("script-src-attr", &["'none'"]),
    ("style-src", &["'self'", "'unsafe-inline'"]),
    ("img-src", &["'self'", "data:", "blob:"]),
    ("media-src", &["'self'", "data:"]),
    ("font-src", &["'self'"]),
    ("connect-src", &["'self'", "data:", "blob:", "wss://HOST"]),
    ("worker-src", &["HOST/packs/", "HOST/sw.js", "blob:"]),
    ("manifest-src", &["'self'"]),
    // Players of linked sites, as Mastodon's own policy has it: its server answers previews by another route, with HTML in them.
    ("frame-src", &["'self'", "https:"]),
    ("object-src", &["'none'"]),
    ("base-uri", &["'none'"]),
    ("form-action", &["'self'"]),
    ("frame-ancestors", &["'none'"]),
];

const GENERIC: &[Entry] = &[
    ("default-src", &["'none'"]),
    // What the manifest knows, and nothing else.
    ("script-src", &[]),
    ("script-src-attr", &["'none'"]),
    ("style-src", &["'self'", "'unsafe-inline'"]),
    ("img-src", &["'self'", "data:", "blob:", "https:"]),
    ("media-src", &["'self'", "data:", "blob:", "https:"]),
    ("font-src", &["'self'", "data:"]),
    ("connect-src", &["'self'", "wss://HOST"]),
    ("worker-src", &["'self'", "blob:"]),
    ("manifest-src", &["'self'"]),
    ("frame-src", &["'self'"]),
    ("object-src", &["'none'"]),
    ("base-uri", &["'self'"]),
    // Neither `form-action`, which browsers hold redirects after a consent to, nor `frame-ancestors`: nobody knows which pages are made for frames.
];

/// Directives that break no page whose scripts are not known.
pub const BASE: &[&str] = &["object-src", "base-uri", "frame-ancestors"];

impl Preset {
    /// Its directives, in order.
    pub fn entries(self) -> &'static [Entry] {
        match self {
            Self::Generic => GENERIC,
            Self::Misskey => MISSKEY,
            Self::Mastodon => MASTODON,
        }
    }

    /// Whether its pages frame players that the section `preview` of the policy allows.
    pub fn has_players(self) -> bool {
        self == Self::Misskey
    }

    /// Whether a path is that of files of users: never a page, whatever its type says.
    pub fn is_file(self, path: &str) -> bool {
        let prefixes: &[&str] = match self {
            Self::Generic => {
                &["/files/", "/proxy/", "/system/", "/media_proxy/", "/pictrs/", "/storage/", "/fileserver/", "/media/"]
            }
            Self::Misskey => &["/files/", "/proxy/", "/emoji/", "/identicon/"],
            Self::Mastodon => &["/system/", "/media_proxy/"],
        };
        // Mastodon's `/media/NUMBER` and its player are pages, Pleroma's `/media/HASH` and `/media/12/34/HASH` files.
        let is_mastodon = || {
            let rest = path.strip_prefix("/media/").unwrap_or_default();
            let id = rest.strip_suffix("/player").unwrap_or(rest);
            !id.is_empty() && id.len() < 32 && id.bytes().all(|b| b.is_ascii_digit())
        };
        prefixes.iter().any(|prefix| path.starts_with(prefix)) && !is_mastodon()
    }

    /// Whether a page is made to be shown in frames of other sites; the server's own word on it stands.
    pub fn is_embeddable(self, path: &str) -> bool {
        match self {
            Self::Generic => true,
            Self::Misskey => path.starts_with("/embed/") || path == "/_info_card_",
            Self::Mastodon => {
                path.ends_with("/embed") || path.ends_with("/player") || path == "/remote_interaction_helper"
            }
        }
    }

    /// Whether a page hands people over to another site: by a form (browsers hold the redirect after it to `form-action` too), or as its popup.
    pub fn hands_over(self, path: &str) -> bool {
        let first = path.split('/').nth(1);
        matches!(first, Some("oauth" | "auth" | "miauth" | "share" | "authorize_interaction"))
    }

    /// Whether a path is that of another application on the same host, with scripts of its own.
    pub fn is_foreign(self, path: &str) -> bool {
        let first = path.split('/').nth(1);
        self == Self::Mastodon && matches!(first, Some("sidekiq" | "pghero"))
    }
}

/// As its documentation has it.
const HCAPTCHA: &[&str] = &["https://hcaptcha.com", "https://*.hcaptcha.com"];

/// A service that asks people to prove that they are some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Captcha {
    /// None.
    None,
    /// hCaptcha.
    Hcaptcha,
    /// reCAPTCHA.
    Recaptcha,
    /// Cloudflare's Turnstile.
    Turnstile,
}

impl Choice for Captcha {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("none", Self::None),
        ("hcaptcha", Self::Hcaptcha),
        ("recaptcha", Self::Recaptcha),
        ("turnstile", Self::Turnstile),
    ];
}

impl Captcha {
    /// The sources that it needs.
    pub fn entries(self) -> &'static [Entry] {
        match self {
            Self::None => &[],
            Self::Hcaptcha => {
                &[("script-src", HCAPTCHA), ("frame-src", HCAPTCHA), ("style-src", HCAPTCHA), ("connect-src", HCAPTCHA)]
            }
            Self::Recaptcha => &[
                (
                    "script-src",
                    &[
                        "https://www.recaptcha.net/recaptcha/",
                        "https://www.google.com/recaptcha/",
                        "https://www.gstatic.com/recaptcha/",
                        "https://www.gstatic.cn/recaptcha/",
                    ],
                ),
                ("frame-src", &["https://www.recaptcha.net/recaptcha/", "https://www.google.com/recaptcha/"]),
                ("connect-src", &["https://www.recaptcha.net/recaptcha/", "https://www.google.com/recaptcha/"]),
            ],
            Self::Turnstile => &[
                ("script-src", &["https://challenges.cloudflare.com/turnstile/"]),
                ("frame-src", &["https://challenges.cloudflare.com"]),
            ],
        }
    }
}
