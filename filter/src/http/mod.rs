//! The parts of an HTTP request (RFC 9110) that decisions depend on.

pub mod accept;
pub mod cdn_loop;
pub mod content_length;
pub mod federation;
pub mod host;
pub mod media_type;
pub mod path;
pub mod pseudonym;
pub mod route;
pub mod route_pattern;
mod scan;
pub mod signer;
pub mod software;
pub mod via;

use std::rc::Rc;

/// The head of a request. All values are bytes as received: nothing here is known to be text.
#[derive(Clone, Debug, Default)]
pub struct RequestHead {
    /// `:method`
    pub method: Option<Vec<u8>>,
    /// `:path`: the target, with its query
    pub path: Option<Vec<u8>>,
    /// `:authority`
    pub authority: Option<Vec<u8>>,
    /// `Host`, where it is kept beside `:authority`
    pub host: Option<Vec<u8>>,
    /// `Accept`
    pub accept: Option<Vec<u8>>,
    /// `User-Agent`
    pub user_agent: Option<Vec<u8>>,
    /// `Content-Type`
    pub content_type: Option<Vec<u8>>,
    /// `Content-Encoding`
    pub content_encoding: Option<Vec<u8>>,
    /// `Content-Length`
    pub content_length: Option<Vec<u8>>,
    /// `Signature` (draft-cavage, or RFC 9421 beside `Signature-Input`)
    pub signature: Option<Vec<u8>>,
    /// `Authorization`, where some software repeats the signature
    pub authorization: Option<Vec<u8>>,
    /// `Signature-Input` (RFC 9421)
    pub signature_input: Option<Vec<u8>>,
    /// `Via`
    pub via: Option<Vec<u8>>,
    /// `CDN-Loop`
    pub cdn_loop: Option<Vec<u8>>,
    /// Not of the request: the name that its host has derived for itself ([`pseudonym::derive`]). Rules take it where the policy gives none.
    pub pseudonym: Option<Rc<str>>,
    /// `Sec-Fetch-Site` (Fetch Metadata): how far the page that asks is from here
    pub sec_fetch_site: Option<Vec<u8>>,
    /// `Sec-Fetch-Mode`
    pub sec_fetch_mode: Option<Vec<u8>>,
    /// `Sec-Fetch-Dest`
    pub sec_fetch_dest: Option<Vec<u8>>,
}

impl RequestHead {
    /// Picks the fields that matter out of all of them, by lower-case or any other spelling of their names. Several fields of one
    /// name are one value, joined by commas (RFC 9110 section 5.3).
    pub fn from_fields<'f>(fields: impl IntoIterator<Item = (&'f [u8], &'f [u8])>) -> Self {
        let mut head = Self::default();
        for (name, value) in fields {
            let Some(slot) = head.slot(name) else { continue };
            match slot {
                Some(joined) => {
                    joined.push(b',');
                    joined.extend(value);
                }
                None => *slot = Some(value.to_vec()),
            }
        }
        head
    }

    /// Whether the request delivers to an inbox.
    pub fn is_delivery(&self) -> bool {
        let method = self.method.as_deref().unwrap_or_default();
        path::is_inbox_delivery(method, self.path.as_deref().unwrap_or_default())
    }

    /// The host that the request is for, without its port: `Host` where there is one, as nginx gives its own name as `:authority`. `None` when it is no plain name.
    pub fn host_name(&self) -> Option<String> {
        let host = self.host.as_deref().or(self.authority.as_deref())?;
        host::name(std::str::from_utf8(host).ok()?)
    }

    fn slot(&mut self, name: &[u8]) -> Option<&mut Option<Vec<u8>>> {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        // By length first: of the many fields of a request, most are none of these.
        match name.len() {
            3 if is("via") => Some(&mut self.via),
            4 if is("host") => Some(&mut self.host),
            5 if is(":path") => Some(&mut self.path),
            6 if is("accept") => Some(&mut self.accept),
            7 if is(":method") => Some(&mut self.method),
            8 if is("cdn-loop") => Some(&mut self.cdn_loop),
            9 if is("signature") => Some(&mut self.signature),
            10 if is("user-agent") => Some(&mut self.user_agent),
            10 if is(":authority") => Some(&mut self.authority),
            12 if is("content-type") => Some(&mut self.content_type),
            13 if is("authorization") => Some(&mut self.authorization),
            14 if is("content-length") => Some(&mut self.content_length),
            14 if is("sec-fetch-site") => Some(&mut self.sec_fetch_site),
            14 if is("sec-fetch-mode") => Some(&mut self.sec_fetch_mode),
            14 if is("sec-fetch-dest") => Some(&mut self.sec_fetch_dest),
            15 if is("signature-input") => Some(&mut self.signature_input),
            16 if is("content-encoding") => Some(&mut self.content_encoding),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_one_name_are_one_value() {
        let fields: [(&[u8], &[u8]); 10] = [
            (b"host", b"a"),
            (b"Content-Type", b"x"),
            (b"content-encoding", b"y"),
            (b"CONTENT-LENGTH", b"7"),
            (b"Signature", b"a"),
            (b"signature-input", b"\xff"),
            (b"signature", b"b"),
            (b"via", b"1.1 a (b"),
            (b"CDN-Loop", b"c"),
            (b"Via", b"1.1 d"),
        ];
        let head = RequestHead::from_fields(fields);
        assert_eq!(head.content_type.as_deref(), Some(&b"x"[..]));
        assert_eq!(head.content_encoding.as_deref(), Some(&b"y"[..]));
        assert_eq!(head.content_length.as_deref(), Some(&b"7"[..]));
        assert_eq!(head.signature.as_deref(), Some(&b"a,b"[..]));
        assert_eq!(head.signature_input.as_deref(), Some(&b"\xff"[..]));
        assert_eq!(head.via.as_deref(), Some(&b"1.1 a (b,1.1 d"[..]));
        assert_eq!(head.cdn_loop.as_deref(), Some(&b"c"[..]));
        assert_eq!(head.authorization, None);
    }
}
