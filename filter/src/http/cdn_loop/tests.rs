use proptest::prelude::*;

use super::*;
use crate::http::via::tests::junk;

const OWN: &str = "sekisho-0123456789ab";

fn parse(value: &[u8]) -> Result<CdnLoop<'_>, CdnLoopError> {
    CdnLoop::parse([value])
}

#[test]
fn examples_of_the_specification() {
    let value = b"foo123.foocdn.example, barcdn.example; trace=\"abcdef\"";
    let cdn_loop = parse(value).unwrap();
    let first = Cdn { id: "foo123.foocdn.example", port: None, parameters: b"" };
    let second = Cdn { id: "barcdn.example", port: None, parameters: b"; trace=\"abcdef\"" };
    assert_eq!(cdn_loop.cdns, [first, second]);
    assert_eq!(cdn_loop.to_bytes(), b"foo123.foocdn.example, barcdn.example; trace=\"abcdef\"");
    let lines = [&value[..], b"AnotherCDN; abc=123; def=\"456\""];
    assert_eq!(CdnLoop::parse(lines).map(|cdn_loop| cdn_loop.cdns.len()), Ok(3));
    assert_eq!(count(lines), 3);
}

#[rustfmt::skip]
const HOSTILE: &[(&[u8], Result<usize, CdnLoopError>)] = &[
    (b"", Ok(0)),
    (b" ,\t, ", Ok(0)),
    (b"a,,b", Ok(2)),
    (b"cloudflare; loops=1", Ok(1)),
    (b"akamai;v=1.0;c=1", Ok(1)),
    (b"a:443 ; x=y", Ok(1)),
    (b"[2001:db8::1]:443", Ok(1)),
    (b"[::1", Err(CdnLoopError::Id)),
    (b"a b", Err(CdnLoopError::Id)),
    (b"a/b", Err(CdnLoopError::Id)),
    (b"a:x", Err(CdnLoopError::Id)),
    (b";x=y", Err(CdnLoopError::Id)),
    (b"\"a\"", Err(CdnLoopError::Id)),
    (b"a (b)", Err(CdnLoopError::Id)),
    (b"\xe3\x81\x82", Err(CdnLoopError::Id)),
    (b"a\0", Err(CdnLoopError::Id)),
    (b"a;", Err(CdnLoopError::Parameter)),
    (b"a;;x=y", Err(CdnLoopError::Parameter)),
    (b"a; x", Err(CdnLoopError::Parameter)),
    (b"a; x=", Err(CdnLoopError::Parameter)),
    (b"a; x =y", Err(CdnLoopError::Parameter)),
    (b"a; x= y", Err(CdnLoopError::Parameter)),
    (b"a; x=y z", Err(CdnLoopError::Parameter)),
    (b"a; x=\"y", Err(CdnLoopError::Parameter)),
    (b"a; x=\"y, b", Err(CdnLoopError::Parameter)),
    (b"a; x=\"y, b\"", Ok(1)),
    (b"a; x=\"y\\\", b\"", Ok(1)),
    (b"a; x=\"y\\\\\", b", Ok(2)),
    (b"a; x=\"y\\", Err(CdnLoopError::Parameter)),
    (b"a; x=\"\\\0\"", Err(CdnLoopError::Parameter)),
    (b"a; x=\"\x7f\"", Err(CdnLoopError::Parameter)),
    (b"a; x=\"\xff\"", Ok(1)),
    (b"a; x=\"y\"z", Err(CdnLoopError::Parameter)),
    // An apostrophe quotes nothing.
    (b"a; x='y, b'", Ok(2)),
];

#[test]
fn hostile_values() {
    for (value, expected) in HOSTILE {
        let shown = value.escape_ascii();
        let parsed = parse(value);
        assert_eq!(parsed.as_ref().map(|cdn_loop| cdn_loop.cdns.len()), expected.as_ref().copied(), "{shown}");
        if let Ok(cdn_loop) = parsed {
            assert_eq!(count([*value]), cdn_loop.cdns.len(), "{shown}");
            assert_eq!(parse(&cdn_loop.to_bytes()), Ok(cdn_loop), "{shown}");
        }
        for appended in appended(value) {
            assert!(names([&appended[..]], OWN), "{}", appended.escape_ascii());
        }
    }
}

/// A value with our entry behind it, and what networks append themselves.
fn appended(value: &[u8]) -> Vec<Vec<u8>> {
    let behind = ["", ", cloudflare; loops=1", ",b; trace=\"a, b\"", ", c; x=\"y\", d;z=\"\""];
    behind.map(|behind| [value, b", Sekisho-0123456789ab", behind.as_bytes()].concat()).to_vec()
}

#[test]
fn bounds() {
    let many = |count: usize| "a,".repeat(count);
    assert_eq!(parse(many(MAX_CDNS).as_bytes()).map(|cdn_loop| cdn_loop.cdns.len()), Ok(MAX_CDNS));
    assert_eq!(parse(many(MAX_CDNS + 1).as_bytes()), Err(CdnLoopError::TooManyCdns));
    assert_eq!(parse("a".repeat(MAX_CDN_LOOP_BYTES + 1).as_bytes()), Err(CdnLoopError::TooLong));
    assert_eq!(CdnLoopError::Id.to_string(), "CDN-Loop has an entry that is no name");
}

proptest! {
    #[test]
    fn no_bytes_hide_what_is_appended(junk in junk()) {
        if let Ok(cdn_loop) = parse(&junk) {
            let printed = cdn_loop.to_bytes();
            prop_assert_eq!(parse(&printed), Ok(cdn_loop));
        }
        for value in appended(&junk) {
            prop_assert!(names([&value[..]], OWN), "{}", value.escape_ascii());
            prop_assert!(count([&value[..]]) > 0);
        }
        prop_assert!(names([&junk[..], b"sekisho-0123456789ab"], OWN));
    }
}
