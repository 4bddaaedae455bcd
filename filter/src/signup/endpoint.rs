//! Which requests name an e-mail address.

use crate::http::path::{is_read, percent_decode_once};

/// How often percent-encoding is undone. A router behind a proxy may see it undone twice.
const DECODING_ROUNDS: usize = 2;

/// An endpoint of Misskey's API that takes an e-mail address.
///
/// `signup-pending` takes a code only, and `admin/accounts/create` no address. `request-reset-password` compares one with what is stored, and stores nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/api/signup`: makes an account.
    SignUp,
    /// `/api/i/update-email`: changes the address of one.
    UpdateEmail,
    /// `/api/email-address/available`: what the form asks while somebody types.
    Available,
}

/// The last segments of their paths.
const PATHS: [(&str, Endpoint); 3] = [
    ("/api/signup", Endpoint::SignUp),
    ("/api/i/update-email", Endpoint::UpdateEmail),
    ("/api/email-address/available", Endpoint::Available),
];

impl Endpoint {
    /// The endpoint that a request is for: any method but a read, to a path that a router might take for one of theirs.
    ///
    /// The path is read as generously as any router might: percent-encoding undone or not, cut at `?`, `#` and `;` or not, case folded, empty and dot segments resolved, a
    /// backslash for a slash, a final slash left out, below any prefix, with an authority before it. A path too many is a request judged too many.
    pub fn of(method: &[u8], target: &[u8]) -> Option<Self> {
        if is_read(method) {
            return None;
        }
        let path = before(target, b"?#");
        // Nearly every path has one reading only.
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_');
        if path.starts_with(b"/api/") && !path.ends_with(b"/") && path.iter().all(is_plain) && !has_empty_segment(path)
        {
            return PATHS
                .iter()
                .find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(path))
                .map(|(_, found)| *found);
        }
        let mut path = path.to_vec();
        for _ in 0..=DECODING_ROUNDS {
            let readings = [&path[..], before(&path, b"?#"), before(&path, b";")];
            if let Some(found) = readings.into_iter().find_map(of_path) {
                return Some(found);
            }
            if !path.contains(&b'%') {
                return None;
            }
            path = percent_decode_once(&path);
        }
        None
    }

    /// The key of the address in the body.
    pub fn key(self) -> &'static str {
        match self {
            Self::SignUp | Self::Available => "emailAddress",
            Self::UpdateEmail => "email",
        }
    }
}

fn has_empty_segment(path: &[u8]) -> bool {
    path.windows(2).any(|pair| pair == b"//")
}

fn before<'p>(path: &'p [u8], marks: &[u8]) -> &'p [u8] {
    path.split(|byte| marks.contains(byte)).next().unwrap_or_default()
}

fn of_path(path: &[u8]) -> Option<Endpoint> {
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| matches!(byte, b'/' | b'\\')) {
        match before(segment, b";").trim_ascii() {
            b"" | b"." => {}
            b".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let ends_as = |known: &str| {
        let known: Vec<&[u8]> = known.as_bytes().split(|byte| *byte == b'/').skip(1).collect();
        let skipped = segments.len().checked_sub(known.len());
        let last = skipped.and_then(|skipped| segments.get(skipped..)).unwrap_or_default();
        last.len() == known.len() && last.iter().zip(known).all(|(segment, known)| segment.eq_ignore_ascii_case(known))
    };
    PATHS.iter().find(|(known, _)| ends_as(known)).map(|(_, found)| *found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_them_in_any_spelling() {
        for (target, expected) in [
            ("/api/signup", Endpoint::SignUp),
            ("/api/signup?x", Endpoint::SignUp),
            ("/api/signup/", Endpoint::SignUp),
            ("//api//signup", Endpoint::SignUp),
            ("/API/SignUp", Endpoint::SignUp),
            ("/api/%73ignup", Endpoint::SignUp),
            ("/api/%2573ignup", Endpoint::SignUp),
            ("/api%2Fsignup", Endpoint::SignUp),
            ("/api%252fsignup", Endpoint::SignUp),
            ("/api/signup;x", Endpoint::SignUp),
            ("/api;x/signup", Endpoint::SignUp),
            ("/api/signup%3Bx/y", Endpoint::SignUp),
            ("/api/signup%3Fx", Endpoint::SignUp),
            ("/api/signup#x", Endpoint::SignUp),
            ("/api/signup%23x", Endpoint::SignUp),
            ("/api/signup%20", Endpoint::SignUp),
            ("/api/x/../signup", Endpoint::SignUp),
            ("/api/./signup", Endpoint::SignUp),
            ("/x/%2e%2e/api/signup", Endpoint::SignUp),
            ("\\api\\signup", Endpoint::SignUp),
            ("/api%5csignup", Endpoint::SignUp),
            ("https://a.example/api/signup", Endpoint::SignUp),
            ("/misskey/api/signup", Endpoint::SignUp),
            ("/api/signup?q=/inbox", Endpoint::SignUp),
            ("/api/i/update-email", Endpoint::UpdateEmail),
            ("/api/i//update%2Demail", Endpoint::UpdateEmail),
            ("/api/email-address/available", Endpoint::Available),
            ("/api/Email-Address/available/", Endpoint::Available),
        ] {
            for method in [&b"POST"[..], b"PUT", b"post", b"PATCH", b"DELETE", b"QUERY", b""] {
                assert_eq!(Endpoint::of(method, target.as_bytes()), Some(expected), "{target}");
            }
            for method in [&b"GET"[..], b"HEAD", b"OPTIONS"] {
                assert_eq!(Endpoint::of(method, target.as_bytes()), None, "{target}");
            }
        }
        for other in [
            "/",
            "",
            "/api/notes/create",
            "/api/signup-pending",
            "/api/signin",
            "/api/admin/accounts/create",
            "/api/username/available",
            "/api/i/update",
            "/signup",
            "/api/signup/x",
            "/api/signup/..",
            "/api?/signup",
            "/?x=/api/signup",
            "/api/%",
            "/api/%2",
            "/%252573ignup",
        ] {
            assert_eq!(Endpoint::of(b"POST", other.as_bytes()), None, "{other}");
        }
    }
}
