//! Who says that they signed a request: the key id of its HTTP signature. The signature itself is not verified here.

use super::RequestHead;

/// What the signature fields of a request say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// There is no signature.
    Unsigned,
    /// The one key id that the fields name.
    KeyId(String),
    /// There is a signature, but no single key id can be read from it.
    Unreadable,
}

impl Signer {
    /// The name of what could be read, in metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::KeyId(_) => "keyid",
            Self::Unreadable => "unreadable",
        }
    }

    /// Reads draft-cavage (`Signature`, `Authorization: Signature`) and RFC 9421 (`Signature-Input`) fields. Some software sends
    /// two of them; they must name the same key, because servers differ in which one they read.
    pub fn of(head: &RequestHead) -> Self {
        let authorization = head.authorization.as_deref().and_then(signature_scheme);
        let fields = [
            (head.signature_input.as_deref(), b';', "keyid"),
            (head.signature.as_deref(), b',', "keyId"),
            (authorization, b',', "keyId"),
        ];
        let mut key_id: Option<String> = None;
        let mut is_signed = false;
        for (field, separator, name) in fields {
            let Some(field) = field else { continue };
            is_signed = true;
            let Some(named) = key_ids(field, separator, name) else {
                return Self::Unreadable;
            };
            for name in named {
                if key_id.as_ref().is_some_and(|known| *known != name) {
                    return Self::Unreadable;
                }
                key_id = Some(name);
            }
        }
        match key_id {
            Some(key_id) => Self::KeyId(key_id),
            None if is_signed => Self::Unreadable,
            None => Self::Unsigned,
        }
    }
}

/// The parameters of an `Authorization` field that holds a signature, under whatever scheme a lenient parser would find it.
fn signature_scheme(field: &[u8]) -> Option<&[u8]> {
    let text = std::str::from_utf8(field).ok()?;
    (mentions(text) > 0).then(|| {
        let at = field.iter().position(u8::is_ascii_whitespace).unwrap_or_default();
        field.get(at..).unwrap_or_default()
    })
}

/// How often something that could be read as a key id is assigned in `text`, in any case, quoted or not.
fn mentions(text: &str) -> usize {
    let mut rest = text.as_bytes();
    let mut count = 0_usize;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'k' | b'K')) {
        let found = rest.get(at..).unwrap_or_default();
        rest = found.get(1..).unwrap_or_default();
        let after = found.split_at_checked(5).filter(|(name, _)| name.eq_ignore_ascii_case(b"keyid"));
        let assigned = after.is_some_and(|(_, after)| after.trim_ascii_start().starts_with(b"="));
        count = count.saturating_add(usize::from(assigned));
    }
    count
}

/// The quoted values of all parameters called `name`; a parameter starts the field or follows `separator`. `None` when the field is
/// not text, when a quoted string does not end, or when another parser could find a key id that is not among these. A key id with a
/// quote or backslash in it is no URL, so escapes are not undone.
fn key_ids(field: &[u8], separator: u8, name: &str) -> Option<Vec<String>> {
    let text = std::str::from_utf8(field).ok()?;
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((before, quoted)) = rest.split_once('"') {
        let (value, after) = quoted.split_once('"')?;
        let mut last = before.rsplit(char::from(separator));
        if last.next().is_some_and(|last| last.trim_matches([' ', '\t']).strip_suffix('=') == Some(name)) {
            found.push(value.to_owned());
        }
        rest = after;
    }
    (mentions(text) == found.len()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cavage(value: &str) -> Signer {
        Signer::of(&RequestHead { signature: Some(value.into()), ..RequestHead::default() })
    }

    fn rfc9421(value: &str) -> Signer {
        Signer::of(&RequestHead {
            signature: Some(b"sig1=:AAAA:".to_vec()),
            signature_input: Some(value.into()),
            ..RequestHead::default()
        })
    }

    #[test]
    fn reads_the_key_id() {
        let key = Signer::KeyId("https://a.example/u#main-key".to_owned());
        for value in [
            r#"keyId="https://a.example/u#main-key",algorithm="rsa-sha256",headers="date",signature="AA==""#,
            r#"algorithm="hs2019", keyId="https://a.example/u#main-key",created=1,signature="AA==""#,
        ] {
            assert_eq!(cavage(value), key, "{value}");
        }
        let input =
            r#"sig1=("@method" "@target-uri");alg="rsa-v1_5-sha256";keyid="https://a.example/u#main-key";created=1"#;
        assert_eq!(rfc9421(input), key);
        let both = |authorization: &str| {
            Signer::of(&RequestHead {
                signature: Some(br#"keyId="https://a.example/u#main-key",signature="AA==""#.to_vec()),
                authorization: Some(authorization.into()),
                ..RequestHead::default()
            })
        };
        assert_eq!(both(r#"Signature keyId="https://a.example/u#main-key",signature="AA==""#), key);
        assert_eq!(both("Bearer abc"), key);
        assert_eq!(both("Signature\tkeyId=\"https://b.example/k\""), Signer::Unreadable);
        assert_eq!(both("Basic abc,Signature keyId=\"https://b.example/k\""), Signer::Unreadable);
        assert_eq!(both(r#"Signature keyId="https://b.example/u#main-key""#), Signer::Unreadable);
        assert_eq!(Signer::of(&RequestHead::default()), Signer::Unsigned);
    }

    #[test]
    fn says_when_it_cannot() {
        for value in [
            "",
            "junk",
            r#"keyId="https://a.example"#,
            r#"keyId=https://a.example"#,
            r#"keyId="https://a.example/k",keyId="https://b.example/k""#,
            r#"keyId="https://a.example/k",algorithm="a,keyId=https://b.example/k,b""#,
            r#"keyId="https://a.example/k",keyId=https://b.example/k"#,
            r#"keyid="https://b.example/k",keyId="https://a.example/k""#,
            r#"xkeyId="https://b.example/k",keyId="https://a.example/k""#,
        ] {
            assert_eq!(cavage(value), Signer::Unreadable, "{value}");
        }
        assert_eq!(rfc9421(r#"a=();keyid="x", b=();keyid="y""#), Signer::Unreadable);
        let hidden = RequestHead {
            signature: Some(br#"keyId="https://b.example/k",signature="AA==""#.to_vec()),
            signature_input: Some(br#"a=();keyid="https://a.example/k""#.to_vec()),
            ..RequestHead::default()
        };
        assert_eq!(Signer::of(&hidden), Signer::Unreadable);
        assert_eq!(rfc9421(r#"a=("keyid=");created=1"#), Signer::Unreadable);
    }
}
