//! What routers do to a path, one step each.

use crate::http::path::{percent_decode_once, percent_decode_where};

/// What a router may do to a path; `None` where it changes nothing.
pub type Step = fn(&[u8]) -> Option<Vec<u8>>;

/// What does not decode.
pub const STEPS: [Step; 10] = [
    overlong,
    backslashes,
    dot_segments,
    dot_segments_and_slashes,
    authority,
    parameters,
    |path| cut(path, b';'), // Fastify 4: the query begins there
    |path| cut(path, b'?'),
    |path| cut(path, b'#'),
    |path| cut(path, 0),
];

/// What does.
pub const DECODINGS: [Step; 2] = [decoded, decoded_but_delimiters];

/// All of it at once: see [`super::Route::path`].
pub fn normal(path: Vec<u8>, rounds: u8) -> Vec<u8> {
    let decoded = (0..rounds).fold(path, |path, _| percent_decode_once(&path));
    let decoded = overlong(&decoded).unwrap_or(decoded);
    let slashes = backslashes(&decoded).unwrap_or(decoded);
    let bare = parameters(&slashes).unwrap_or(slashes);
    join(&resolved(&bare, true))
}

/// A path up to the first of some marks.
pub fn before<'p>(path: &'p [u8], marks: &[u8]) -> &'p [u8] {
    path.split(|byte| marks.contains(byte)).next().unwrap_or_default()
}

/// Percent-encoding undone once.
fn decoded(path: &[u8]) -> Option<Vec<u8>> {
    path.contains(&b'%').then(|| percent_decode_once(path)).filter(|decoded| decoded.len() != path.len())
}

/// The same, but what would be a delimiter stays as it is: Fastify, Envoy and everybody who follows RFC 3986 section 6.2.2.2.
fn decoded_but_delimiters(path: &[u8]) -> Option<Vec<u8>> {
    let is_no_delimiter = |byte: u8| !b"/\\%?#;\0".contains(&byte);
    path.contains(&b'%')
        .then(|| percent_decode_where(path, is_no_delimiter))
        .filter(|decoded| decoded.len() != path.len())
}

/// UTF-8 with more bytes than needed (`%C0%AE` for a dot), which old decoders take for the plain character.
fn overlong(path: &[u8]) -> Option<Vec<u8>> {
    if !path.iter().any(|byte| matches!(byte, 0xc0 | 0xc1 | 0xe0 | 0xf0)) {
        return None;
    }
    let mut found = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [first, tail @ ..] = rest {
        let (lead, low, after) = match rest {
            [lead @ (0xc0 | 0xc1), low @ 0x80..=0xbf, after @ ..] => (lead & 1, low, after),
            [0xe0, mid @ (0x80 | 0x81), low @ 0x80..=0xbf, after @ ..] => (mid & 1, low, after),
            [0xf0, 0x80, mid @ (0x80 | 0x81), low @ 0x80..=0xbf, after @ ..] => (mid & 1, low, after),
            _ => {
                found.push(*first);
                rest = tail;
                continue;
            }
        };
        found.push(lead << 6 | (low & 0x3f));
        rest = after;
    }
    (found.len() != path.len()).then_some(found)
}

/// Whether a plain character is spelled in more bytes of UTF-8 than it has.
pub fn has_overlong(path: &[u8]) -> bool {
    overlong(path).is_some()
}

/// A backslash is a slash: browsers, IIS.
fn backslashes(path: &[u8]) -> Option<Vec<u8>> {
    let slash = |byte: &u8| if *byte == b'\\' { b'/' } else { *byte };
    path.contains(&b'\\').then(|| path.iter().map(slash).collect())
}

/// Each segment without what follows a `;`: Java's containers.
fn parameters(path: &[u8]) -> Option<Vec<u8>> {
    let bare = |segment| before(segment, b";");
    path.contains(&b';').then(|| path.split(|byte| *byte == b'/').map(bare).collect::<Vec<_>>().join(&b'/'))
}

/// A path ends at a mark that is in it only after decoding. A NUL ends it in C.
fn cut(path: &[u8], mark: u8) -> Option<Vec<u8>> {
    path.contains(&mark).then(|| before(path, &[mark]).to_vec()).filter(|path| !path.is_empty())
}

/// `//a.example/path` is a reference with an authority (RFC 3986 section 4.2) for those who parse a target as a URL.
fn authority(path: &[u8]) -> Option<Vec<u8>> {
    let rest = path.strip_prefix(b"//")?;
    let from = rest.iter().position(|byte| *byte != b'/')?;
    let rest = rest.get(from..)?;
    Some(rest.iter().position(|byte| *byte == b'/').and_then(|at| rest.get(at..)).unwrap_or(b"/").to_vec())
}

/// Dot segments resolved (RFC 3986 section 5.2.4), where there are any; empty segments are segments.
fn dot_segments(path: &[u8]) -> Option<Vec<u8>> {
    has_dot_segment(path).then(|| join(&resolved(path, false)))
}

/// The same after doubled slashes were made one.
fn dot_segments_and_slashes(path: &[u8]) -> Option<Vec<u8>> {
    has_dot_segment(path).then(|| join(&resolved(path, true)))
}

/// Whether a segment is `.` or `..`.
pub fn has_dot_segment(path: &[u8]) -> bool {
    path.contains(&b'.') && path.split(|byte| *byte == b'/').any(|segment| matches!(segment, b"." | b".."))
}

fn resolved(path: &[u8], merge_slashes: bool) -> Vec<&[u8]> {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    let mut segments = Vec::new();
    for segment in path.split(|byte| *byte == b'/') {
        match segment {
            b"" if merge_slashes => {}
            b"." => {}
            b".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    segments
}

fn join(segments: &[&[u8]]) -> Vec<u8> {
    [&b"/"[..], &segments.join(&b'/')].concat()
}
