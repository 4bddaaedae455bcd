//! Which requests ask for a preview, and of what.

use url::form_urlencoded;

use super::url::link;
use crate::http::path::{percent_decode_once, trimmed};

/// How often percent-encoding is undone. A router behind a proxy may see it undone twice.
const DECODING_ROUNDS: usize = 3;

/// The longest target whose query is read, in bytes: browsers and servers take no longer ones.
const MAX_TARGET_BYTES: usize = 64 * 1024;

/// Whether a target is one of the paths, in any way in which a router may read it: percent-encoding undone or not, case folded, empty and dot segments resolved, cut
/// at `?`, `#` and, as Fastify does, `;`. A path too many is a preview too many that is looked at; a path too few would be a way around.
pub fn is_one_of(target: &[u8], paths: &[String]) -> bool {
    // Most targets are plain, and end here without a copy.
    let end = target.iter().position(|byte| matches!(byte, b'?' | b'#' | b';')).unwrap_or(target.len());
    let path = target.get(..end).unwrap_or(target);
    if is_plain(path) {
        return paths.iter().any(|known| is_same(path, known));
    }
    let mut path = path.to_vec();
    for _ in 0..=DECODING_ROUNDS {
        let before = |mark: u8| path.split(|byte| *byte == mark).next().unwrap_or_default();
        if [&path[..], before(b'?'), before(b'#'), before(b';')].into_iter().any(|path| resolves_to(path, paths)) {
            return true;
        }
        if !path.contains(&b'%') {
            return false;
        }
        path = percent_decode_once(&path);
    }
    false
}

/// Whether a path can be read in one way only, but for its case and a slash at its end.
fn is_plain(path: &[u8]) -> bool {
    let mut before = 0;
    path.first() == Some(&b'/')
        && path.iter().all(|byte| {
            let is_plain = match byte {
                b'/' => before != b'/',
                // A dot segment begins with a dot.
                b'.' => before != b'/',
                b'%' | b'\\' => false,
                byte => byte.is_ascii_graphic(),
            };
            before = *byte;
            is_plain
        })
}

fn is_same(path: &[u8], known: &str) -> bool {
    let path = path.strip_suffix(b"/").unwrap_or(path);
    path.eq_ignore_ascii_case(known.as_bytes())
}

fn resolves_to(path: &[u8], paths: &[String]) -> bool {
    // An absolute target, as a proxy gets it.
    let rest = path.windows(3).position(|window| window == b"://").and_then(|at| path.get(at.saturating_add(3)..));
    let absolute = rest.and_then(|rest| rest.get(rest.iter().position(|byte| *byte == b'/')?..));
    [Some(path), absolute].into_iter().flatten().any(|path| {
        let segments = segments(path);
        paths.iter().any(|known| {
            let mut known = known.as_bytes().split(|byte| *byte == b'/').skip(1);
            segments.iter().all(|segment| known.next().is_some_and(|known| known.eq_ignore_ascii_case(segment)))
                && known.next().is_none()
        })
    })
}

fn segments(path: &[u8]) -> Vec<&[u8]> {
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| matches!(byte, b'/' | b'\\')).map(trimmed) {
        match segment {
            b"" | b"." => {}
            b".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    segments
}

/// The link that a preview is asked for, if there is one only, and it is such.
pub fn requested_url(target: &[u8]) -> Option<String> {
    let at = target.iter().position(|byte| matches!(byte, b'?' | b';')).filter(|_| target.len() <= MAX_TARGET_BYTES)?;
    let query = target.get(at.saturating_add(1)..)?.split(|byte| *byte == b'#').next()?;
    let mut urls = form_urlencoded::parse(query).filter(|(name, _)| name == "url");
    let (_, url) = urls.next().filter(|_| urls.next().is_none())?;
    link(&url).map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_url(target: &str) -> bool {
        is_one_of(target.as_bytes(), &["/url".to_owned(), "/api/v1/preview".to_owned()])
    }

    #[test]
    fn previews_in_any_spelling() {
        for target in [
            "/url?url=x",
            "/url",
            "/url/",
            "/url/?url=x",
            "/url;url=x",
            "/url#x",
            "//url?url=x",
            "/URL?url=x",
            "/%75rl?url=x",
            "/u%72%6c?url=x",
            "/%2575rl?url=x",
            "/%252575rl",
            "/./url",
            "/x/../url",
            "/x/%2e%2e/url",
            "/x/..%2furl",
            "/x/%2e%2e%5curl",
            "\\url",
            "/\\url",
            "/url%3Furl=x",
            "/url%3burl=x",
            "/url%23",
            "/url%20",
            "/url%00",
            "/url/.",
            "/url/x/..",
            "/.//url",
            "url",
            "http://a.example/url?url=x",
            "https://a.example//%75rl",
            "/api/v1/preview?url=x",
            "/api/v1//preview",
        ] {
            assert!(is_url(target), "{target}");
        }
        for target in [
            "",
            "/",
            "/urls",
            "/url/x",
            "/x/url",
            "/ur",
            "/url.json",
            "/url%2Fx",
            "/vite/url.js",
            "/%",
            "/%7",
            "/notes/url",
            "/api/v1",
            "/?url=/url",
            "/x?/../url",
        ] {
            assert!(!is_url(target), "{target}");
        }
    }

    #[test]
    fn what_is_asked_for() {
        for (target, expected) in [
            ("/url?url=https%3A%2F%2Fa.example%2Fx%3Fy%3D1&lang=ja-JP", Some("https://a.example/x?y=1")),
            ("/url?lang=ja&url=https://a.example/a+b", Some("https://a.example/a%20b")),
            ("/url;url=https://a.example/", Some("https://a.example/")),
            ("/url?%75rl=https://a.example/", Some("https://a.example/")),
            ("/url?url=https://a.example/#x", Some("https://a.example/")),
            ("/url?url=https://a.example/&url=https://b.example/", None),
            ("/url?url=javascript:1", None),
            ("/url?url=https://u:p@a.example/", None),
            ("/url?url=", None),
            ("/url?URL=https://a.example/", None),
            ("/url?", None),
            ("/url", None),
        ] {
            assert_eq!(requested_url(target.as_bytes()).as_deref(), expected, "{target}");
        }
    }
}
