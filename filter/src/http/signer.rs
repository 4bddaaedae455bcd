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
    /// Reads draft-cavage (`Signature`, `Authorization: Signature`) and RFC 9421 (`Signature-Input`) fields. Some software sends
    /// two of them; they must name the same key.
    pub fn of(head: &RequestHead) -> Self {
        let authorization = head.authorization.as_deref().and_then(signature_scheme);
        let cavage = head.signature.as_deref().filter(|_| head.signature_input.is_none());
        let fields = [
            head.signature_input.as_deref().map(|field| key_ids(field, b';', "keyid")),
            cavage.map(|field| key_ids(field, b',', "keyId")),
            authorization.map(|field| key_ids(field, b',', "keyId")),
        ];
        let mut key_id: Option<String> = None;
        for named in fields.into_iter().flatten() {
            let Some(named) = named.filter(|named| !named.is_empty()) else {
                return Self::Unreadable;
            };
            for name in named {
                match &key_id {
                    Some(known) if *known != name => return Self::Unreadable,
                    Some(_) => {}
                    None => key_id = Some(name),
                }
            }
        }
        key_id.map_or(Self::Unsigned, Self::KeyId)
    }
}

/// The parameters of an `Authorization` field of the scheme `Signature`.
fn signature_scheme(field: &[u8]) -> Option<&[u8]> {
    let (scheme, parameters) = field.split_at_checked("signature ".len())?;
    scheme.eq_ignore_ascii_case(b"signature ").then_some(parameters)
}

/// The quoted values of all parameters called `name`; a parameter starts the field or follows `separator`. `None` when the
/// field is not text or a quoted string does not end. A key id with a quote or backslash in it is no URL, so escapes are not undone.
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
    Some(found)
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
            r#"algorithm="hs2019", keyId = "https://a.example/u#main-key",created=1,signature="AA==""#,
        ] {
            assert_eq!(cavage(&value.replace("keyId = ", "keyId=")), key, "{value}");
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
        ] {
            assert_eq!(cavage(value), Signer::Unreadable, "{value}");
        }
        assert_eq!(rfc9421(r#"a=();keyid="x", b=();keyid="y""#), Signer::Unreadable);
        assert_eq!(rfc9421(r#"a=("keyid=");created=1"#), Signer::Unreadable);
    }
}
