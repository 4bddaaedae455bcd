//! The section `preview` of the policy.

use url::Url;

use super::players::{self, Known, Players};
use crate::decision::Mode;
use crate::policy::{Choice, Reader};

/// What the section is for, in documentation.
pub const SUMMARY: &str =
    "Previews of links (`GET /url`): the players, pictures and texts that a stranger's page puts into the server's own";

/// What previews may hold.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether previews are looked at, and cleaned.
    pub mode: Mode,
    /// Where players may come from.
    pub players: Players,
    /// Where pictures may come from.
    pub images: Images,
    /// Where our own media proxy is, beside `/proxy/` of the page's host: URLs that end with `/`.
    pub proxies: Vec<String>,
    /// The paths that previews are at.
    pub paths: Vec<String>,
}

/// Where pictures may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Images {
    /// Anywhere by https, or our own media proxy.
    Any,
    /// Our own media proxy.
    Proxy,
}

impl Choice for Images {
    const WORDS: &'static [(&'static str, Self)] = &[("any", Self::Any), ("proxy", Self::Proxy)];
}

/// The most hosts that may be listed: each stands in `frame-src` of every page.
const MAX_PLAYER_HOSTS: usize = 32;

/// The longest name (RFC 1035 section 2.3.4) behind `*.`, in bytes.
const MAX_PATTERN_BYTES: usize = 255;

/// The path where Misskey answers previews.
const DEFAULT_PATH: &str = "/url";

impl Settings {
    /// Reads the section.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        let mode = reader.choice(
            "mode",
            Mode::Enforce,
            "`shadow`: what would be changed is only counted; `off`: nothing is looked at",
        );
        let known = reader.choice(
            "players",
            Known::Known,
            "players of other sites: `known`: of well-known hosts (YouTube, Vimeo, niconico, Twitch, Spotify, SoundCloud, Bandcamp, ..) and those of `player_hosts`; `listed`: of `player_hosts` alone. \
             With `page.preset` `misskey` the same hosts stand in `frame-src`",
        );
        let listed = reader.strings(
            "player_hosts",
            MAX_PLAYER_HOSTS,
            MAX_PATTERN_BYTES,
            players::is_pattern,
            "further hosts of players, such as a PeerTube that is trusted; `*.tube.example` for all below it. Never one that serves the server itself",
        );
        let images = reader.choice(
            "images",
            Images::Any,
            "icons and thumbnails: `any`: by https from anywhere; `proxy`: only by the media proxy, at `/proxy/` of the page's host or at one of `proxies`",
        );
        let proxies = reader.strings(
            "proxies",
            8,
            256,
            is_proxy,
            "where Misskey's `mediaProxy` is, if it is elsewhere, such as `https://media.example`",
        );
        let paths = reader.strings("paths", 8, 128, is_path, "where the server answers previews; none: `/url`");
        Self {
            mode,
            players: Players::new(known, &listed),
            images,
            proxies: proxies.into_iter().map(|url| if url.ends_with('/') { url } else { format!("{url}/") }).collect(),
            paths: if paths.is_empty() { vec![DEFAULT_PATH.to_owned()] } else { paths },
        }
    }

    /// What `frame-src` of pages that show previews allows. What only counts changes no page.
    pub fn frame_sources(&self) -> Vec<String> {
        if self.mode == Mode::Enforce { self.players.sources() } else { Vec::new() }
    }
}

fn is_proxy(text: &str) -> Result<(), &'static str> {
    let is_fit = Url::parse(text).is_ok_and(|url| {
        let is_plain =
            url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
        // As the parser writes it, but for the slash at its end.
        url.scheme() == "https" && is_plain && url.as_str().trim_end_matches('/') == text.trim_end_matches('/')
    });
    is_fit.then_some(()).ok_or("expected an https URL without a query, such as https://media.example")
}

fn is_path(text: &str) -> Result<(), &'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~');
    let mut segments = text.split('/');
    let is_fit = segments.next() == Some("")
        && segments.all(|segment| !segment.is_empty() && segment.bytes().all(plain))
        && text.len() > 1;
    is_fit.then_some(()).ok_or("expected a path from the root, of letters, digits and `-_~`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    fn errors(preview: &str) -> Vec<String> {
        let errors = Policy::parse(format!(r#"{{"preview":{preview}}}"#).as_bytes()).err().unwrap_or_default();
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_default() {
        let policy = Policy::parse(b"{}").unwrap();
        let settings = &policy.preview.settings;
        assert_eq!((settings.mode, settings.images), (Mode::Enforce, Images::Any));
        assert_eq!(settings.paths, ["/url"]);
        assert!(settings.players.allow("www.youtube.com") && settings.proxies.is_empty());
        assert_eq!(policy.effective()["preview"]["players"], "known");
    }

    #[test]
    fn proxies_are_folders() {
        let policy =
            br#"{"preview":{"proxies":["https://m.example","https://m.example/a/","https://m.example:8443/b"]}}"#;
        let policy = Policy::parse(policy).unwrap();
        assert_eq!(
            policy.preview.settings.proxies,
            ["https://m.example/", "https://m.example/a/", "https://m.example:8443/b/"]
        );
    }

    #[test]
    fn wrong_settings_are_named() {
        for (preview, error) in [
            (r#"{"mode":"on"}"#, "$.preview.mode: expected one of off, shadow, enforce"),
            (r#"{"players":"all"}"#, "$.preview.players: expected one of known, listed"),
            (
                r#"{"player_hosts":["10.0.0.1"]}"#,
                "$.preview.player_hosts[0]: expected the name of a host in lower case",
            ),
            (r#"{"player_hosts":["a.example","a.example"]}"#, "$.preview.player_hosts[1]: occurs twice"),
            (r#"{"images":"https"}"#, "$.preview.images: expected one of any, proxy"),
            (r#"{"proxies":["http://m.example"]}"#, "$.preview.proxies[0]: expected an https URL"),
            (r#"{"proxies":["https://m.example/a/../b"]}"#, "$.preview.proxies[0]: expected an https URL"),
            (r#"{"proxies":["https://u@m.example"]}"#, "$.preview.proxies[0]: expected an https URL"),
            (r#"{"paths":["url"]}"#, "$.preview.paths[0]: expected a path from the root"),
            (r#"{"paths":["/"]}"#, "$.preview.paths[0]: expected a path from the root"),
            (r#"{"paths":["/a//b"]}"#, "$.preview.paths[0]: expected a path from the root"),
            (
                r#"{"hosts":[]}"#,
                "$.preview.hosts: unknown key; known are mode, players, player_hosts, images, proxies, paths",
            ),
        ] {
            let errors = errors(preview);
            assert!(errors.len() == 1 && errors.iter().all(|found| found.starts_with(error)), "{preview}: {errors:?}");
        }
        let many: Vec<String> = (0..=MAX_PLAYER_HOSTS).map(|n| format!("\"h{n}.example\"")).collect();
        assert_eq!(
            errors(&format!(r#"{{"player_hosts":[{}]}}"#, many.join(","))),
            ["$.preview.player_hosts: at most 32 items"]
        );
    }

    #[test]
    fn pages_frame_what_previews_may_hold() {
        let sources = |policy: &str| {
            let policy = Policy::parse(policy.as_bytes()).unwrap();
            policy.page.settings.players.clone()
        };
        assert!(sources("{}").contains(&"https://www.youtube.com".to_owned()));
        for mode in ["off", "shadow"] {
            assert_eq!(sources(&format!(r#"{{"preview":{{"mode":"{mode}"}}}}"#)), [""; 0], "{mode}");
        }
        let listed = r#"{"preview":{"players":"listed","player_hosts":["*.tube.example"]}}"#;
        assert_eq!(sources(listed), ["https://*.tube.example"]);
    }
}
