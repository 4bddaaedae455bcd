use super::*;
use proptest::prelude::*;

/// What people have, at least one of a kind.
const ORDINARY: [&str; 61] = [
    "me@gmail.com",
    "first.last@example.org",
    "a@b.co",
    "user+tag@gmail.com",
    "user+tag+more@mail.example.co.uk",
    "o'brien@example.ie",
    "first_last@example.net",
    "first-last@my-company.example",
    "_@example.org",
    "-dash@example.org",
    "dash-@example.org",
    "1234567890@qq.com",
    "0@163.com",
    "user@123.com",
    "user@1und1.de",
    "user@3m.com",
    "USER@EXAMPLE.COM",
    "User.Name@Example.Com",
    "user@sub.sub2.sub3.example.museum",
    "user@example.photography",
    "user@docomo.ne.jp",
    "user@ezweb.ne.jp",
    "taro.yamada@i.softbank.jp",
    "user@c--n.com",
    "user@r3---sn-abc.example.com",
    "user@xn--hxajbheg2az3al.xn--jxalpdlp",
    "xn--test@iana.org",
    "user@XN--BCHER-KVA.example",
    "user=domain@bounce.example",
    "srs0=abc=de=example.com=user@forwarder.example",
    "a/b@example.org",
    "user?x@example.org",
    "user*@example.org",
    "user#1@example.org",
    "user$money@example.org",
    "r&d@example.org",
    "{user}@example.org",
    "~user@example.org",
    "user^@example.org",
    "`user`@example.org",
    "user|pipe@example.org",
    "!#$%&'*+-/=?^_`{|}~@example.org",
    "!@example.org",
    "%@example.org",
    "100%@example.org",
    "user!@example.org",
    "me@privaterelay.appleid.com",
    "abcdefgh@duck.com",
    "user.name+fedi@riseup.net",
    "u@e.xn--p1ai",
    "user@example.a",
    "user@iana.co-uk",
    "user@1.2.3.4.example",
    "user@0x7f.example",
    "ab.cd.ef.gh@ij.kl.mn.op",
    "user@a1.b2",
    "e.x.a.m.p.l.e@e.x.a.m.p.l.e",
    "admin@localhost.localdomain",
    "x@x.x",
    "user--name@example.org",
    "user__name@example.org",
];

const INTERNATIONAL: [(&str, &str); 33] = [
    ("用户@例子.广告", "xn--fsqu00a.xn--4rr70v"),
    ("user@例え.jp", "xn--r8jz45g.jp"),
    ("user@日本語.jp", "xn--wgv71a119e.jp"),
    ("太郎@日本語.jp", "xn--wgv71a119e.jp"),
    ("たろう.やまだ@example.jp", "example.jp"),
    ("タロー@example.jp", "example.jp"),
    ("사용자@예시.한국", "xn--vv4b11d.xn--3e0b707e"),
    ("пользователь@пример.рф", "xn--e1afmkfd.xn--p1ai"),
    ("Пользователь@Пример.РФ", "xn--e1afmkfd.xn--p1ai"),
    ("χρήστης@παράδειγμα.ελ", "xn--hxajbheg2az3al.xn--qxam"),
    ("ΧΡΗΣΤΗΣ@example.gr", "example.gr"),
    ("jürgen@example.de", "example.de"),
    ("user@bücher.example", "xn--bcher-kva.example"),
    ("user@BÜCHER.example", "xn--bcher-kva.example"),
    ("user@straße.example", "xn--strae-oqa.example"),
    ("josé.garcía@correo.example", "correo.example"),
    ("françois+fedi@exemple.example", "exemple.example"),
    ("đặng@ví-dụ.example", "xn--v-d-rma6749a.example"),
    ("łukasz@przykład.example", "xn--przykad-rjb.example"),
    ("kullanıcı@örnek.example", "xn--rnek-4qa.example"),
    ("प्रयोग@उदाहरण.भारत", "xn--p1b6ci4b4b3a.xn--h2brj9c"),
    ("ผู้ใช้@ตัวอย่าง.ไทย", "xn--72c1a1bt4awk9o.xn--o3cw4h"),
    ("مستخدم@مثال.إختبار", "xn--mgbh0fb.xn--kgbechtv"),
    ("משתמש@דוגמה.ישראל", "xn--6dbbec0c.xn--4dbrk0ce"),
    ("օգտվող@example.am", "example.am"),
    ("მომხმარებელი@example.ge", "example.ge"),
    ("user@müller.xn--p1ai", "xn--mller-kva.xn--p1ai"),
    ("user@xn--bcher-kva.рф", "xn--bcher-kva.xn--p1ai"),
    ("ünïcödé@ünïcödé.example", "xn--ncd-dma1a7bzb.example"),
    ("a.é.b@example.fr", "example.fr"),
    ("user@☕.example", "xn--53h.example"),
    ("用户1号@example.cn", "example.cn"),
    ("αβγ.abc@example.gr", "example.gr"),
];

/// `me@gmail.com@ <me@blocked.com>` and its relatives: what two readers could take for two addresses, and what mail software does more with than to deliver it.
const HOSTILE: [(&str, AddressFault); 107] = [
    ("me@gmail.com@ <me@blocked.com>", AddressFault::At),
    ("me@gmail.com@<me@blocked.com>", AddressFault::At),
    ("me@gmail.com <me@blocked.com>", AddressFault::At),
    ("<me@blocked.com>me@gmail.com", AddressFault::At),
    ("me@gmail.com@blocked.com", AddressFault::At),
    ("me@blocked.com@gmail.com", AddressFault::At),
    ("me@@blocked.com", AddressFault::At),
    ("me@gmail.com,me@blocked.com", AddressFault::At),
    ("me@gmail.com, me@blocked.com", AddressFault::At),
    ("me@gmail.com;me@blocked.com", AddressFault::At),
    ("me@gmail.com me@blocked.com", AddressFault::At),
    ("me@gmail.com\nme@blocked.com", AddressFault::At),
    ("me@gmail.com\r\nRCPT TO:<me@blocked.com>", AddressFault::At),
    ("me@gmail.com\u{0}@blocked.com", AddressFault::At),
    ("@gmail.com:me@blocked.com", AddressFault::At),
    ("@gmail.com,@example.org:me@blocked.com", AddressFault::At),
    ("<@gmail.com:me@blocked.com>", AddressFault::At),
    ("\"me@gmail.com\"@blocked.com", AddressFault::At),
    ("\"me@gmail.com\" <me@blocked.com>", AddressFault::At),
    ("me\\@gmail.com@blocked.com", AddressFault::At),
    ("(me@gmail.com)me@blocked.com", AddressFault::At),
    ("me@blocked.com(@gmail.com)", AddressFault::At),
    ("me@gmail.com?to=me@blocked.com", AddressFault::At),
    ("me@gmail.com#@blocked.com", AddressFault::At),
    ("mailto:me@gmail.com?cc=me@blocked.com", AddressFault::At),
    ("group:me@gmail.com,me@blocked.com;", AddressFault::At),
    ("me@gmail.com%00@blocked.com", AddressFault::At),
    ("me@gmail.com\u{2028}me@blocked.com", AddressFault::At),
    ("", AddressFault::At),
    ("me", AddressFault::At),
    ("blocked.com", AddressFault::At),
    ("me＠blocked.com", AddressFault::At),
    ("me﹫blocked.com", AddressFault::At),
    ("<me@blocked.com>", AddressFault::LocalPart),
    ("me<me@blocked.com", AddressFault::LocalPart),
    ("Me <me@blocked.com>", AddressFault::LocalPart),
    ("\"me\"@blocked.com", AddressFault::LocalPart),
    ("\"me me\"@blocked.com", AddressFault::LocalPart),
    ("me.\"x\"@blocked.com", AddressFault::LocalPart),
    ("(comment)me@blocked.com", AddressFault::LocalPart),
    ("me(comment)@blocked.com", AddressFault::LocalPart),
    ("group:me@blocked.com;", AddressFault::LocalPart),
    ("mailto:me@blocked.com", AddressFault::LocalPart),
    (" me@blocked.com", AddressFault::LocalPart),
    ("\tme@blocked.com", AddressFault::LocalPart),
    ("me @blocked.com", AddressFault::LocalPart),
    ("me me@blocked.com", AddressFault::LocalPart),
    ("me\u{a0}@blocked.com", AddressFault::LocalPart),
    ("me\u{3000}@blocked.com", AddressFault::LocalPart),
    ("me\r\n@blocked.com", AddressFault::LocalPart),
    ("me\r\n x@blocked.com", AddressFault::LocalPart),
    ("me\u{0}@blocked.com", AddressFault::LocalPart),
    ("me\u{7f}@blocked.com", AddressFault::LocalPart),
    ("me\u{85}@blocked.com", AddressFault::LocalPart),
    ("\u{feff}me@blocked.com", AddressFault::LocalPart),
    ("me\u{200b}@blocked.com", AddressFault::LocalPart),
    ("me\u{ad}@blocked.com", AddressFault::LocalPart),
    ("\u{202e}me@blocked.com", AddressFault::LocalPart),
    ("me\u{2066}@blocked.com", AddressFault::LocalPart),
    ("me＠gmail.com@blocked.com", AddressFault::LocalPart),
    ("me﹫gmail.com@blocked.com", AddressFault::LocalPart),
    ("me＜@blocked.com", AddressFault::LocalPart),
    ("me，you@blocked.com", AddressFault::LocalPart),
    ("ｍｅ@blocked.com", AddressFault::LocalPart),
    ("me。me@blocked.com", AddressFault::LocalPart),
    ("ﷲ@blocked.com", AddressFault::LocalPart),
    ("ﬁ@blocked.com", AddressFault::LocalPart),
    ("e\u{301}@blocked.com", AddressFault::LocalPart),
    ("me\u{fffd}@blocked.com", AddressFault::LocalPart),
    ("me\u{e000}@blocked.com", AddressFault::LocalPart),
    (".me@blocked.com", AddressFault::LocalPart),
    ("me.@blocked.com", AddressFault::LocalPart),
    ("me..me@blocked.com", AddressFault::LocalPart),
    ("@blocked.com", AddressFault::LocalPart),
    ("me\\@blocked.com", AddressFault::LocalPart),
    ("me[x]@blocked.com", AddressFault::LocalPart),
    ("me,you@blocked.com", AddressFault::LocalPart),
    ("me%blocked.com@gmail.com", AddressFault::Route),
    ("me%host@gmail.com", AddressFault::Route),
    ("me%a%blocked.com@gmail.com", AddressFault::Route),
    ("me%blocked。com@gmail.com", AddressFault::LocalPart),
    ("me%bücher.example@gmail.com", AddressFault::Route),
    ("blocked.com!me@gmail.com", AddressFault::Route),
    ("host!me@gmail.com", AddressFault::Route),
    ("host!blocked.com!me@gmail.com", AddressFault::Route),
    ("me@", AddressFault::Domain),
    ("me@blocked.com.", AddressFault::Domain),
    ("me@.blocked.com", AddressFault::Domain),
    ("me@blocked..com", AddressFault::Domain),
    ("me@blocked.com ", AddressFault::Domain),
    ("me@blocked.com\n", AddressFault::Domain),
    ("me@blocked.com>", AddressFault::Domain),
    ("me@blocked.com(comment)", AddressFault::Domain),
    ("me@blocked.com:25", AddressFault::Domain),
    ("me@blocked.com/x", AddressFault::Domain),
    ("me@blocked_.com", AddressFault::Domain),
    ("me@-blocked.com", AddressFault::Domain),
    ("me@blocked-.com", AddressFault::Domain),
    ("me@[127.0.0.1]", AddressFault::Domain),
    ("me@[IPv6:::1]", AddressFault::Domain),
    ("me@ｂｌｏｃｋｅｄ.com", AddressFault::Domain),
    ("me@blocked。com", AddressFault::Domain),
    ("me@bloc\u{ad}ked.com", AddressFault::Domain),
    ("me@xn--zzzzzz999.com", AddressFault::Domain),
    ("me@localhost", AddressFault::OneLabel),
    ("me@127.0.0.1", AddressFault::Numeric),
    ("me@127.0.0.0x1", AddressFault::Numeric),
];

#[test]
fn ordinary_addresses() {
    for text in ORDINARY {
        let address = Address::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
        let (local, domain) = text.split_once('@').unwrap();
        assert_eq!((address.local, &*address.domain), (local, &*domain.to_ascii_lowercase()), "{text}");
    }
}

#[test]
fn international_addresses() {
    for (text, domain) in INTERNATIONAL {
        let address = Address::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
        assert_eq!((Some(address.local), &*address.domain), (text.split('@').next(), domain), "{text}");
    }
}

#[test]
fn what_is_not_exactly_one_address() {
    for (text, fault) in HOSTILE {
        assert_eq!(Address::parse(text), Err(fault), "{text:?}");
    }
}

#[test]
fn lengths() {
    let local = |bytes: usize| format!("{}@example.org", "a".repeat(bytes));
    assert!(Address::parse(&local(64)).is_ok());
    assert_eq!(Address::parse(&local(65)), Err(AddressFault::TooLong));
    assert_eq!(Address::parse(&format!("{}@example.org", "é".repeat(33))), Err(AddressFault::TooLong));
    let label = |bytes: usize| format!("a@{}.org", "b".repeat(bytes));
    assert!(Address::parse(&label(63)).is_ok());
    assert_eq!(Address::parse(&label(64)), Err(AddressFault::Domain));
    let whole =
        |bytes: usize| format!("{}@{}.org", "a".repeat(64), "b.".repeat(250).split_at(bytes - 70).0.to_owned() + "b");
    assert_eq!((whole(254).len(), whole(255).len()), (254, 255));
    assert!(Address::parse(&whole(254)).is_ok());
    assert_eq!(Address::parse(&whole(256)), Err(AddressFault::TooLong));
    // 243 bytes as written, more in ASCII.
    let wide = format!("{}@{}example.org", "a".repeat(64), "日本.".repeat(23));
    assert!(wide.len() <= 254);
    assert_eq!(Address::parse(&wide), Err(AddressFault::Domain));
    assert_eq!(Address::parse(&"a".repeat(1_000_000)), Err(AddressFault::At));
    assert_eq!(Address::parse(&format!("a@{}", "b.".repeat(1_000_000))), Err(AddressFault::TooLong));
}

/// What the domain of a text is to software that looks for it in its own way.
fn naive_domains(text: &str) -> Vec<&str> {
    let after = |mark: &str| text.split(mark).nth(1).unwrap_or_default();
    let last = text.rsplit('@').next().unwrap_or_default();
    let route = text.rsplit(['<', ',', ';', ' ', ':']).next().unwrap_or_default();
    let in_brackets = text.split_once('<').map_or(text, |(_, rest)| rest.split('>').next().unwrap_or_default());
    let domain_of = |address: &'_ str| address.rsplit('@').next().unwrap_or_default().len();
    let tail = |address: &str| last.get(last.len().saturating_sub(domain_of(address))..).unwrap_or_default();
    vec![after("@"), last, last.trim(), tail(route), tail(in_brackets), tail(text.trim())]
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[a-z0-9.-]{1,8}",
        2 => Just("@".to_owned()),
        1 => Just("gmail.com".to_owned()),
        1 => Just("blocked.com".to_owned()),
        2 => "[ <>(),:;\"\\\\%!\\[\\]\\r\\n\\x00]",
        1 => "[éß日本。＠ａ\u{200b}\u{200d}\u{202e}рф]",
        1 => any::<char>().prop_map(|c| c.to_string()),
    ];
    prop_oneof![
        proptest::collection::vec(piece.clone(), 0..8).prop_map(|pieces| pieces.concat()),
        (proptest::collection::vec(piece, 0..3), "[a-zé.]{0,4}")
            .prop_map(|(local, rest)| { format!("{}@{rest}gmail.com", local.concat()) }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn what_is_accepted_is_one_address_to_everybody(text in pieces()) {
        if let Ok(address) = Address::parse(&text) {
            prop_assert_eq!(text.matches('@').count(), 1);
            prop_assert!(address.domain.is_ascii() && !address.domain.bytes().any(|byte| byte.is_ascii_uppercase()));
            for naive in naive_domains(&text) {
                prop_assert_eq!(ascii_form(naive), Some(address.domain.clone()), "{:?}", naive);
            }
            prop_assert!(!text.chars().any(|c| c.is_control() || c.is_whitespace() || "<>(),:;\"\\[]".contains(c)));
            // The ASCII form of an address is the same address.
            let ascii = format!("{}@{}", address.local, address.domain);
            prop_assert_eq!(Address::parse(&ascii), Ok(Address { local: address.local, domain: address.domain.clone() }));
        }
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = Address::parse(&text);
    }
}
