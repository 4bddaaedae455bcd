//! Where players may come from: the one list behind `player.url` of a preview and `frame-src` of the pages that show it.

use url::Host;

use crate::policy::Choice;

/// Hosts of well-known players, each as its own oEmbed answer, `og:video` or `twitter:player` names it, or as Misskey and its forks frame it.
///
/// Left out on purpose: hosts where anybody publishes scripts (CodePen, JSFiddle), and instances of PeerTube and its like, which are many and
/// nobody's in particular. An operator lists those that are trusted.
const KNOWN: &[&str] = &[
    // Video.
    "www.youtube.com",
    "www.youtube-nocookie.com",
    "player.vimeo.com",
    "embed.nicovideo.jp",
    "player.twitch.tv",
    "clips.twitch.tv",
    "www.dailymotion.com",
    "geo.dailymotion.com",
    "player.bilibili.com",
    "www.tiktok.com",
    "streamable.com",
    "twitcasting.tv",
    "embed.ted.com",
    // Music.
    "open.spotify.com",
    "w.soundcloud.com",
    "bandcamp.com",
    "embed.music.apple.com",
    "widget.deezer.com",
    "embed.tidal.com",
    // Slides.
    "speakerdeck.com",
    "www.docswell.com",
    // Posts: not by a preview, but by the page itself.
    "platform.twitter.com",
    "embed.bsky.app",
];

/// Whether the well-known players are among those that may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// They are.
    Known,
    /// Only those that the policy lists.
    Listed,
}

impl Choice for Known {
    const WORDS: &'static [(&'static str, Self)] = &[("known", Self::Known), ("listed", Self::Listed)];
}

/// The hosts that players may come from, by https and at its own port: `a.example`, or `*.a.example` for all below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Players(Vec<String>);

impl Players {
    /// Those of a policy, each checked by [`is_pattern`].
    pub fn new(known: Known, listed: &[String]) -> Self {
        let known = if known == Known::Known { KNOWN } else { &[] };
        let mut hosts: Vec<String> = known.iter().map(|host| (*host).to_owned()).collect();
        hosts.extend(listed.iter().filter(|host| !known.contains(&host.as_str())).cloned());
        Self(hosts)
    }

    /// Whether a host, as the URL parser writes it, is one of them. As in a source of a policy (CSP3 section 6.7.2.8), `*.a.example` is not `a.example`.
    pub fn allow(&self, host: &str) -> bool {
        self.0.iter().any(|pattern| match pattern.strip_prefix('*') {
            Some(end) => host.len() > end.len() && host.ends_with(end),
            None => host == pattern,
        })
    }

    /// The same as sources of `frame-src`.
    pub fn sources(&self) -> Vec<String> {
        self.0.iter().map(|host| format!("https://{host}")).collect()
    }
}

/// Whether a text is a host, or all hosts below one, in the form of the URL parser.
///
/// # Errors
/// What is expected.
pub fn is_pattern(text: &str) -> Result<(), &'static str> {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let is_label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=63).contains(&label.len()) && label.bytes().all(plain)
    };
    // Browsers match names only (CSP3 section 6.7.2.8), and the URL parser takes a number at the end for an address.
    let is_name = name.contains('.')
        && name.split('.').all(is_label)
        && matches!(Host::parse(name), Ok(Host::Domain(parsed)) if parsed == name);
    is_name.then_some(()).ok_or(
        "expected the name of a host in lower case, `xn--..` where it has other letters, or `*.` and such a name",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::csp::Source;

    #[test]
    fn the_known_hosts_are_patterns_and_sources() {
        for host in KNOWN {
            assert_eq!(is_pattern(host), Ok(()), "{host}");
            assert_eq!(KNOWN.iter().filter(|other| *other == host).count(), 1, "{host}");
        }
        let listed = ["*.a.example".to_owned(), "bandcamp.com".to_owned()];
        let players = Players::new(Known::Known, &listed);
        assert_eq!(players.0.len(), KNOWN.len() + 1);
        for source in players.sources() {
            assert!(Source::parse(&source).is_ok(), "{source}");
        }
        assert_eq!(Players::new(Known::Listed, &listed).sources(), ["https://*.a.example", "https://bandcamp.com"]);
    }

    #[test]
    fn hosts_are_whole_names() {
        let players = Players::new(Known::Known, &["*.a.example".to_owned()]);
        for host in ["www.youtube.com", "b.a.example", "c.b.a.example"] {
            assert!(players.allow(host), "{host}");
        }
        for host in [
            "youtube.com",
            "www.youtube.com.",
            "www.youtube.com.evil.example",
            "evilwww.youtube.com",
            "a.example",
            ".a.example",
            "xa.example",
            "",
        ] {
            assert!(!players.allow(host), "{host}");
        }
    }

    #[test]
    fn patterns() {
        for good in ["tube.example", "*.tube.example", "xn--931a.moe", "a-b.c1.example"] {
            assert_eq!(is_pattern(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "*",
            "*.",
            "*.com.",
            "localhost",
            "Tube.example",
            "é.example",
            "https://a.example",
            "a.example:443",
            "a.example/",
            "a..example",
            "10.0.0.1",
            "*.10.1",
            "[::1]",
            "a.*.example",
            "a_b.example",
            ".a.example",
            "a.0x1",
        ] {
            assert!(is_pattern(bad).is_err(), "{bad}");
        }
    }
}
