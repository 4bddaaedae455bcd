use proptest::prelude::*;

use super::*;

const OWN: &str = "sekisho-0123456789ab";

fn parse(value: &[u8]) -> Result<Via<'_>, ViaError> {
    Via::parse([value])
}

fn hop<'f>(version: &'f str, received_by: &'f str) -> Hop<'f> {
    Hop { protocol_name: None, protocol_version: version, received_by, port: None, comment: None }
}

#[test]
fn examples_of_the_specification() {
    let via = parse(b"1.0 fred, 1.1 p.example.net").unwrap();
    assert_eq!(via.hops, [hop("1.0", "fred"), hop("1.1", "p.example.net")]);
    let via = parse(b"1.0 ricky, 1.1 ethel, 1.1 fred, 1.0 lucy").unwrap();
    assert_eq!(via.hops.iter().map(|hop| hop.received_by).collect::<Vec<_>>(), ["ricky", "ethel", "fred", "lucy"]);
    assert_eq!(via.to_bytes(), b"1.0 ricky, 1.1 ethel, 1.1 fred, 1.0 lucy");
    // Section 5.6.1.2's empty elements, section 5.6.5's comments.
    let via = parse(b", FSTR/2 b.example:80  (Acme 4.1 \\(Debian\\), (nested)),\t1.1 proxy1,").unwrap();
    let comment = Some(&b"Acme 4.1 \\(Debian\\), (nested)"[..]);
    let first =
        Hop { protocol_name: Some("FSTR"), protocol_version: "2", received_by: "b.example", port: Some("80"), comment };
    assert_eq!(via.hops, [first, hop("1.1", "proxy1")]);
    assert_eq!(first.comment_text().unwrap(), b"Acme 4.1 (Debian), (nested)");
}

#[test]
fn field_lines_join_in_order() {
    let lines = [&b"1.0 a, 1.1 b"[..], b"", b"2 c"];
    let names: Vec<_> = Via::parse(lines).unwrap().hops.iter().map(|hop| hop.received_by).collect();
    assert_eq!((names, count(lines)), (vec!["a", "b", "c"], 3));
    // A line has to be well-formed by itself: a sender makes no half comments.
    assert_eq!(Via::parse([&b"1.1 a (b"[..], b"c)"]), Err(ViaError::Comment));
    assert_eq!(parse(b"1.1 a (b, c)").map(|via| via.hops.len()), Ok(1));
}

/// Values that somebody may send to be misread, and what the strict parser says.
#[rustfmt::skip]
const HOSTILE: &[(&[u8], Result<usize, ViaError>)] = &[
    // Nothing at all, in many ways.
    (b"", Ok(0)),
    (b" \t ", Ok(0)),
    (b",", Ok(0)),
    (b" , ,\t,", Ok(0)),
    (b"1.1 a,,1.1 b", Ok(2)),
    (b",1.1 a,", Ok(1)),
    // Protocols.
    (b"1.1", Err(ViaError::ReceivedBy)),
    (b"1.1 ", Err(ViaError::ReceivedBy)),
    (b"1.1,a", Err(ViaError::ReceivedBy)),
    (b"1.1 ,a", Err(ViaError::ReceivedBy)),
    (b"a", Err(ViaError::ReceivedBy)),
    (b"HTTP/2 a", Ok(1)),
    (b"HTTP/3 a", Ok(1)),
    (b"2 a, 3 b", Ok(2)),
    (b"2.0 a", Ok(1)),
    (b"h2 a", Ok(1)),
    (b"https/1.1 a", Ok(1)),
    (b"HTTP/ a", Err(ViaError::Protocol)),
    (b"/1.1 a", Err(ViaError::Protocol)),
    (b"HTTP//1.1 a", Err(ViaError::Protocol)),
    (b"HTTP/1.1/2 a", Err(ViaError::Protocol)),
    (b"HTTP /1.1 a", Err(ViaError::ReceivedBy)),
    (b"HTTP/ 1.1 a", Err(ViaError::Protocol)),
    (b"HT@P/1.1 a", Err(ViaError::Protocol)),
    (b"\"1.1\" a", Err(ViaError::Protocol)),
    (b"(c) 1.1 a", Err(ViaError::Protocol)),
    (b"1.1;q=1 a", Err(ViaError::Protocol)),
    (b"1.1\0 a", Err(ViaError::Protocol)),
    (b"1.1\x0ba", Err(ViaError::Protocol)),
    (b"1.1\xc2\xa0a", Err(ViaError::Protocol)),
    (b"1.1\r\n a", Err(ViaError::Protocol)),
    // Names.
    (b"1.1 a.example:80", Ok(1)),
    (b"1.1 a:", Ok(1)),
    (b"1.1 a:0099999999", Ok(1)),
    (b"1.1 a:8 0", Err(ViaError::Rest)),
    (b"1.1 a:x", Err(ViaError::Rest)),
    (b"1.1 a:80:80", Err(ViaError::Rest)),
    (b"1.1 :80", Err(ViaError::ReceivedBy)),
    (b"1.1 a :80", Err(ViaError::Rest)),
    (b"1.1 127.0.0.1:3128", Ok(1)),
    (b"1.1 [::1]", Ok(1)),
    (b"1.1 [2001:db8::1]:8080 (x)", Ok(1)),
    (b"1.1 [::1", Err(ViaError::ReceivedBy)),
    (b"1.1 [::g]", Err(ViaError::ReceivedBy)),
    (b"1.1 [[::1]]", Err(ViaError::ReceivedBy)),
    (b"1.1 [fe80::1%25eth0]", Err(ViaError::ReceivedBy)),
    (b"1.1 ::1", Err(ViaError::ReceivedBy)),
    (b"1.1 a@b", Err(ViaError::Rest)),
    (b"1.1 a/b", Err(ViaError::Rest)),
    (b"1.1 a;b", Err(ViaError::Rest)),
    (b"1.1 a=b", Err(ViaError::Rest)),
    (b"1.1 \"a\"", Err(ViaError::ReceivedBy)),
    (b"1.1 a b", Err(ViaError::Rest)),
    (b"1.1 a 1.1 b", Err(ViaError::Rest)),
    (b"1.1 fr\xdced", Err(ViaError::Rest)),
    (b"1.1 \xe3\x81\x82", Err(ViaError::ReceivedBy)),
    (b"1.1 !#$%&'*+-.^_`|~", Ok(1)),
    (b"1.1 a\0", Err(ViaError::Rest)),
    (b"1.1 a\n1.1 b", Err(ViaError::Rest)),
    // What Apache Traffic Server, Akamai, Kong and Camo write is none of it well-formed.
    (b"http/1.1 a[6f2c] (ApacheTrafficServer/9.2)", Err(ViaError::Rest)),
    (b"1.1 akamai.net(ghost) (AkamaiGHost)", Err(ViaError::Rest)),
    (b"1.1 kong/3.9.0", Err(ViaError::Rest)),
    (b"Camo Asset Proxy 2.3.0", Err(ViaError::Rest)),
    // Comments.
    (b"1.1 a ()", Ok(1)),
    (b"1.1 a(b)", Err(ViaError::Rest)),
    (b"1.1 a:80(b)", Err(ViaError::Rest)),
    (b"1.1 a (b)(c)", Err(ViaError::Rest)),
    (b"1.1 a (b) (c)", Err(ViaError::Rest)),
    (b"1.1 a (b) c", Err(ViaError::Rest)),
    (b"1.1 a (b", Err(ViaError::Comment)),
    (b"1.1 a (b, 1.1 c", Err(ViaError::Comment)),
    (b"1.1 a (b, 1.1 c)", Ok(1)),
    (b"1.1 a ((b), 1.1 c", Err(ViaError::Comment)),
    (b"1.1 a (b)), 1.1 c", Err(ViaError::Rest)),
    (b"1.1 a ), 1.1 c", Err(ViaError::Rest)),
    (b"1.1 a (b \\), 1.1 c)", Ok(1)),
    (b"1.1 a (b \\\\), 1.1 c", Ok(2)),
    (b"1.1 a (b \\", Err(ViaError::Comment)),
    (b"1.1 a (\\\0)", Err(ViaError::Comment)),
    (b"1.1 a (\0)", Err(ViaError::Comment)),
    (b"1.1 a (\x7f)", Err(ViaError::Comment)),
    (b"1.1 a (\r\n)", Err(ViaError::Comment)),
    (b"1.1 a (\"), 1.1 b (\")", Ok(2)),
    (b"1.1 a (U\xdcnix \\\xff)", Ok(1)),
    (b"1.1 a ((((((((((((((((x))))))))))))))))", Ok(1)),
    (b"1.1 a (((((((((((((((((x)))))))))))))))))", Err(ViaError::TooDeep)),
];

#[test]
fn hostile_values() {
    assert!(HOSTILE.len() >= 60);
    for (value, expected) in HOSTILE {
        let shown = value.escape_ascii();
        assert_eq!(parse(value).map(|via| via.hops.len()), *expected, "{shown}");
        if let Ok(hops) = expected {
            assert_eq!(count([*value]), *hops, "{shown}");
        }
        // Whatever it is, it hides nothing that is appended.
        assert!(!names([*value], OWN), "{shown}");
        for appended in appended(value) {
            assert!(names([&appended[..]], OWN), "{}", appended.escape_ascii());
        }
        assert!(names([*value, b"1.1 sekisho-0123456789ab"], OWN), "{shown}");
    }
}

/// A value with our entry behind it, as proxies may join the two, and with what they may append themselves.
fn appended(value: &[u8]) -> Vec<Vec<u8>> {
    let entries = ["1.1 sekisho-0123456789ab", "HTTP/2 SEKISHO-0123456789AB:443", "2  sekisho-0123456789ab (x, (y))"];
    let behind = ["", ", 1.1 v1 (Varnish/7.0)", ",2 d.cloudfront.net (CloudFront), 1.1 google", ", 1.1 a (b)), 1.1 c"];
    let mut all = Vec::new();
    for (entry, joined) in entries.iter().flat_map(|entry| [", ", ",", " ,\t"].map(|joined| (entry, joined))) {
        all.extend(behind.map(|behind| [value, joined.as_bytes(), entry.as_bytes(), behind.as_bytes()].concat()));
    }
    // Some put theirs first.
    all.push([entries[0].as_bytes(), b", ", value].concat());
    all
}

#[test]
fn names_in_whatever_way_they_may_be_read() {
    for value in [
        "1.1 sekisho-0123456789ab",
        "1.0 fred, HTTP/2 Sekisho-0123456789AB:8080 (x)",
        "1.1 a (b \\) c, (d)), 1.1 sekisho-0123456789ab",
        "1.1 sekisho-0123456789ab(x)",
        "sekisho-0123456789ab",
        ",,1.1\tsekisho-0123456789ab",
        "1.1 a (b, 1.1 sekisho-0123456789ab",
        "1.1 a (b \\), 1.1 sekisho-0123456789ab",
        "1.1 a ), 1.1 sekisho-0123456789ab",
        // Three lines that were joined, where the first and the last are an attacker's.
        "1.1 a (,1.1 sekisho-0123456789ab,1.1 b )",
        "1.1 kong/3.9.0, x \"1.1 sekisho-0123456789ab\"",
    ] {
        assert!(names([value.as_bytes()], OWN), "{value}");
    }
    for value in [
        "1.1 sekisho",
        "1.1 sekisho-0123456789abc",
        "1.1 a (seen: 1.1 sekisho-0123456789ab, b)",
        "1.1 a.sekisho-0123456789ab",
        "1.1 a.example (sekisho-0123456789ab)",
        "sekisho-0123456789ab/1.1 a",
        "",
        "\u{ff}",
    ] {
        assert!(!names([value.as_bytes()], OWN), "{value}");
    }
    assert!(!names([&b"1.1 a"[..], b""], ""));
    let begins = |name: &[u8]| name.starts_with(b"sekisho");
    assert!(any_name([&b"1.1 a, 2 sekisho-x"[..]], "sekisho", begins) && !any_name([&b"1.1 a"[..]], "sekisho", begins));
}

#[test]
fn bounds() {
    let many = |count: usize| "1.1 a,".repeat(count);
    assert_eq!(parse(many(MAX_HOPS).as_bytes()).map(|via| via.hops.len()), Ok(MAX_HOPS));
    assert_eq!(parse(many(MAX_HOPS + 1).as_bytes()), Err(ViaError::TooManyHops));
    assert_eq!(count([many(MAX_HOPS + 1).as_bytes()]), MAX_HOPS + 1);
    let long = format!("1.1 {}", "a".repeat(MAX_VIA_BYTES - 4));
    assert_eq!(parse(long.as_bytes()).map(|via| via.hops.len()), Ok(1));
    assert_eq!(Via::parse([long.as_bytes(), b"1"]), Err(ViaError::TooLong));
    assert_eq!(Via::parse([]).map(|via| via.to_bytes()), Ok(Vec::new()));
    assert_eq!(count([&b"kong/3, x y z,, (,"[..]]), 3);
    // Deep nesting costs no stack.
    assert_eq!(parse(format!("1.1 a {}", "(".repeat(4000)).as_bytes()), Err(ViaError::TooDeep));
    assert_eq!(ViaError::Rest.to_string(), "Via has an entry with more than a protocol, a name and a comment");
}

fn any_hop() -> impl Strategy<Value = Vec<u8>> {
    let space = "[ \t]{1,3}";
    let comment = r"\(([ -'*-\[\]-~]|\\[ -~]|\([a-z,]{0,4}\)){0,8}\)";
    let name = r"[A-Za-z0-9.!#%_-]{1,12}|\[::[0-9a-f]{1,4}\]";
    (
        proptest::option::of("[A-Za-z]{1,5}/"),
        "[0-9a-z.]{1,4}",
        space,
        name,
        "(:[0-9]{0,5})?",
        proptest::option::of((space, comment)),
    )
        .prop_map(|(protocol, version, space, name, port, comment)| {
            let comment = comment.map(|(space, comment)| space + &comment).unwrap_or_default();
            format!("{}{version}{space}{name}{port}{comment}", protocol.unwrap_or_default()).into_bytes()
        })
}

/// Bytes that matter to a parser, more often than others.
pub(in crate::http) fn junk() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => proptest::sample::select(&b" \t,;:()\\\"[]/=1.aS-"[..]), 1 => any::<u8>()];
    proptest::collection::vec(byte, 0..64)
}

proptest! {
    #[test]
    fn what_is_printed_parses_to_the_same(hops in proptest::collection::vec(any_hop(), 0..6), separator in "[ \t]?,[ ,\t]{0,3}") {
        let value = hops.join(separator.as_bytes());
        let via = parse(&value).unwrap();
        prop_assert_eq!(via.hops.len(), hops.len());
        let printed = via.to_bytes();
        prop_assert_eq!(parse(&printed).unwrap(), via.clone());
        prop_assert_eq!(Via::parse(hops.iter().map(Vec::as_slice)).unwrap(), via);
        prop_assert_eq!(count([&value[..]]), hops.len());
    }

    #[test]
    fn no_bytes_hide_what_is_appended(junk in junk(), behind in junk()) {
        if let Ok(via) = parse(&junk) {
            let printed = via.to_bytes();
            prop_assert_eq!(parse(&printed), Ok(via));
        }
        for value in appended(&junk) {
            prop_assert!(names([&value[..]], OWN), "{}", value.escape_ascii());
            prop_assert!(count([&value[..]]) > 0);
        }
        prop_assert!(names([&junk[..], b"1.1 sekisho-0123456789ab"], OWN));
        let between = [&junk[..], b",1.1 sekisho-0123456789ab,", &behind].concat();
        prop_assert!(names([&between[..]], OWN), "{}", between.escape_ascii());
    }
}
