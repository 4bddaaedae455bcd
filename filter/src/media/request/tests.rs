use super::*;

fn parse(target: &str) -> Result<MediaRequest, RequestError> {
    MediaRequest::parse(target.as_bytes(), &Rules::default())
}

#[test]
fn the_source() {
    for (target, source) in [
        ("/proxy/image.webp?url=https%3A%2F%2Fa.example%2Fb.png", "https://a.example/b.png"),
        ("/proxy/emoji.png?url=https%3A%2F%2Fa.example%2Fb.png&badge=1", "https://a.example/b.png"),
        ("/proxy/?url=https://a.example/b.png", "https://a.example/b.png"),
        ("/?url=https%3A%2F%2Fa.example%2Fb.png&avatar=1", "https://a.example/b.png"),
        ("/mp/static.webp?url=https%3A%2F%2Fa.example%2Fb.png&static=1", "https://a.example/b.png"),
        ("/a/b/c/d?x=1&url=http%3A%2F%2Fa.example", "http://a.example/"),
        // Without `url`, the path is.
        ("/proxy/a.example/b%20c.png?static", "https://a.example/b%20c.png"),
        ("/a.example/b.png", "https://a.example/b.png"),
        ("/proxy/a.example%2Fb%3Fc", "https://a.example/b?c"),
        ("/proxy/image.webp", "https://image.webp/"),
        // One spelling for what is the same.
        ("/?url=HTTPS://A.example:443/x/../b.png%23fragment", "https://a.example/b.png"),
        ("/?url=https%3A%2F%2Fb%C3%BCcher.example%2F%C3%BC+b", "https://xn--bcher-kva.example/%C3%BC%20b"),
        ("/?url=https://a.example/b.png#&static=1", "https://a.example/b.png"),
        ("/?url=https://a.example/100%.png", "https://a.example/100%.png"),
        ("/?u%72l=https://a.example/", "https://a.example/"),
        // What it leads to is not for this module to judge.
        ("/?url=http://0x7f.1/", "http://127.0.0.1/"),
        ("/?url=https://u:p@a.example/proxy/?url=1", "https://u:p@a.example/proxy/?url=1"),
    ] {
        assert_eq!(parse(target).map(|request| request.source.to_string()).as_deref(), Ok(source), "{target}");
    }
}

#[test]
fn what_is_refused() {
    let long = format!("/?url=https://a.example/{}", "a".repeat(MAX_SOURCE_BYTES));
    let longer = format!("/?{}", "a".repeat(MAX_TARGET_BYTES));
    for (target, error) in [
        ("/?url=https://a.example/&url=https://a.example/", RequestError::RepeatedUrl),
        ("/?url=https://a.example/&%75rl=", RequestError::RepeatedUrl),
        ("/?url=", RequestError::NotAbsolute),
        ("/?url", RequestError::NotAbsolute),
        ("/", RequestError::NotAbsolute),
        ("/proxy/", RequestError::NotAbsolute),
        ("", RequestError::NotAbsolute),
        ("/?url=/files/a", RequestError::NotAbsolute),
        ("/?url=//a.example/b", RequestError::NotAbsolute),
        ("/?url=a.example/b", RequestError::NotAbsolute),
        ("/?url=ftp://a.example/b", RequestError::NotAbsolute),
        ("/?url=file:///etc/passwd", RequestError::NotAbsolute),
        ("/?url=data:image/png,a", RequestError::NotAbsolute),
        ("/?url=javascript:alert(1)", RequestError::NotAbsolute),
        ("/?url=https://", RequestError::NotAbsolute),
        ("/?url=https://a.example:99999/", RequestError::NotAbsolute),
        ("/?url=https://%FFa.example/", RequestError::NotText),
        ("/proxy/a.example/%FF", RequestError::NotText),
        (&long, RequestError::TooLong),
        (&longer, RequestError::TooLong),
    ] {
        assert_eq!(parse(target), Err(error), "{target:.60}");
    }
    assert_eq!(MediaRequest::parse(b"/?url=\xff", &Rules::default()), Err(RequestError::NotText));
    assert!(MediaRequest::parse(b"/?\xff=\xff&url=https://a.example/", &Rules::default()).is_ok());
    assert_eq!(RequestError::RepeatedUrl.status(), 400);
}

#[test]
fn flags_count_by_presence() {
    let flags = |query: &str| parse(&format!("/?url=https://a.example/&{query}")).unwrap().flags;
    for query in ["emoji=1", "emoji", "emoji=", "emoji=0", "emoji=false", "emoji=1&emoji=2", "e%6doji", "emoji=%FF"] {
        assert_eq!(flags(query), Flags { emoji: true, ..Flags::default() }, "{query}");
    }
    let all = Flags { emoji: true, avatar: true, still: true, preview: true, badge: true, fallback: true };
    assert_eq!(flags("emoji&avatar&static&preview&badge&fallback"), all);
    assert!(MediaRequest::wants_fallback(b"/?url=x&url=\xff&fallb%61ck"));
    assert!(!MediaRequest::wants_fallback(b"/fallback?url=fallback&a=1#?fallback"));
    assert_eq!(flags("origin=1&Emoji=1&still=1&x[emoji]=1&="), Flags::default());
}

#[test]
fn one_answer_has_one_key() {
    let key = |target: &str| parse(target).unwrap().cache_key();
    let first = key("/proxy/avatar.webp?url=https%3A%2F%2Fa.example%2Fb.png&avatar=1");
    for same in
        ["/?avatar&url=https://a.example/b.png%23x", "/?avatar=0&fallback=1&preview&url=HTTPS://A.EXAMPLE:443/./b.png"]
    {
        assert_eq!(key(same), first, "{same}");
    }
    for other in [
        "/?url=https://a.example/b.png",
        "/?avatar&static&url=https://a.example/b.png",
        "/?avatar&url=https://a.example/B.png",
    ] {
        assert_ne!(key(other), first, "{other}");
    }
}

#[test]
fn signed_targets() {
    let key = SigningKey::new("0123456789abcdef".to_owned()).unwrap();
    let rules = Rules { signing_key: Some(&key) };
    let parse = |target: &str| MediaRequest::parse(target.as_bytes(), &rules).map(|request| request.flags);
    let avatar = Flags { avatar: true, still: true, ..Flags::default() };
    // printf 'avatar,static\nhttps://a.example/b.png' | openssl dgst -sha256 -hmac 0123456789abcdef
    let hex = "83bcecf93c420729e5b219fab5e5b55165b533624b16c01b62df7f83d3101597";
    assert_eq!(MediaRequest::sign(&key, avatar, "https://a.example/b.png"), hex);
    let target = "/?url=https%3A%2F%2Fa.example%2Fb.png&avatar=1&static";
    for sig in [
        hex,
        &hex.to_uppercase(),
        "g7zs-TxCBynlshn6teW1UWW1M2JLFsAbYt9_g9MQFZc",
        "g7zs-TxCBynlshn6teW1UWW1M2JLFsAbYt9_g9MQFZc=",
        "g7zs-TxCBynlshn6teW1UWW1M2JLFsAbYt9_g9MQFZc%3D",
    ] {
        assert_eq!(parse(&format!("{target}&sig={sig}")), Ok(avatar), "{sig}");
    }
    for target in [
        target.to_owned(),
        format!("{target}&sig="),
        format!("{target}&sig=x"),
        format!("{target}&sig={}", hex.trim_end_matches("97")),
        format!("{target}&sig={}6", hex.trim_end_matches('7')),
        format!("{target}&sig={hex}&sig={hex}"),
        format!("{target}&sig={hex}&emoji"),
        format!("/?url=https://a.example/b.png&avatar&sig={hex}"),
        format!("/?url=https://a.example/c.png&avatar&static&sig={hex}"),
        format!("/a.example/c.png?avatar&static&sig={hex}"),
    ] {
        assert_eq!(parse(&target), Err(RequestError::Signature), "{target}");
    }
    // The path is signed as the URL that it comes to.
    assert!(parse(&format!("/proxy/a.example/b.png?static&avatar&sig={hex}")).is_ok());
}

#[test]
fn any_bytes() {
    use proptest::prelude::*;
    proptest!(|(bytes in proptest::collection::vec(any::<u8>(), 0..200))| {
        let target = [b"/?url=https://a.example/", &bytes[..]].concat();
        if let Ok(request) = MediaRequest::parse(&target, &Rules::default()) {
            prop_assert!(request.source.fragment().is_none());
            prop_assert_eq!(Url::parse(request.source.as_str()).ok(), Some(request.source));
        }
        let _ = MediaRequest::parse(&bytes, &Rules::default());
    });
}
