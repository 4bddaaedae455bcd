use super::*;
use proptest::prelude::*;

fn policy(text: &str) -> Csp {
    parse_policy(text.as_bytes()).unwrap()
}

#[test]
fn policies_are_read_as_browsers_do() {
    for (header, printed) in [
        ("default-src 'self'", "default-src 'self'"),
        ("  DEFAULT-SRC\t'SELF' HTTPS://A.Example:443/Path ;; ", "default-src 'self' https://a.example:443/Path"),
        ("img-src a.example; IMG-SRC b.example", "img-src a.example"),
        ("img-src é; font-src x", "font-src x"),
        (
            "script-src 'NONCE-aB=' 'SHA256-q_-+/' 'sha1-x' 'unsafe-Eval'",
            "script-src 'nonce-aB=' 'sha256-q_-+/' 'sha1-x' 'unsafe-eval'",
        ),
        (
            "sandbox Allow-Scripts data:; report-uri /r?a=1 HTTPS://X",
            "sandbox Allow-Scripts data:; report-uri /r?a=1 HTTPS://X",
        ),
        ("Unknown-Thing A:B", "unknown-thing A:B"),
        ("img-src\u{c}x\u{b}y", "img-src x\u{b}y"),
        ("", ""),
        (" ; ;", ""),
    ] {
        assert_eq!(policy(header).to_string(), printed, "{header}");
    }
}

#[test]
fn commas_part_policies() {
    let header = b"default-src 'none', ,img-src 'self';, report-uri /a,b";
    let printed: Vec<String> = parse_header(header).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(printed, ["default-src 'none'", "img-src 'self'", "report-uri /a", "b"]);
}

#[test]
fn half_a_policy_is_not_read() {
    assert!(parse_header(&vec![b'a'; MAX_HEADER_BYTES]).is_ok());
    for (header, what) in [
        ("a".repeat(MAX_HEADER_BYTES + 1), "bytes"),
        ((0..=MAX_DIRECTIVES).map(|n| format!("d{n};")).collect(), "directives"),
        ("d,".repeat(MAX_POLICIES + 1), "policies"),
        (format!("img-src{}", " a".repeat(MAX_SOURCES + 1)), "sources"),
        // Neither do repetitions count for nothing.
        ("img-src a b c d e f g;".repeat(MAX_SOURCES / 7 + 1), "sources"),
    ] {
        assert_eq!(parse_header(header.as_bytes()), Err(TooLarge(what)));
    }
}

#[test]
fn expressions_are_typed() {
    let host = |scheme: Option<&str>, host: &str, port, path: Option<&str>| {
        Source::Host(HostSource { scheme: scheme.map(Into::into), host: host.into(), port, path: path.map(Into::into) })
    };
    for (text, source) in [
        ("*", host(None, "*", None, None)),
        ("https://*", host(Some("https"), "*", None, None)),
        ("*.a.example:*", host(None, "*.a.example", Some(Port::Any), None)),
        ("wss://a.example:8443/x/", host(Some("wss"), "a.example", Some(Port::Number(8443)), Some("/x/"))),
        ("localhost:3000", host(None, "localhost", Some(Port::Number(3000)), None)),
        ("a.example.", host(None, "a.example.", None, None)),
        ("data:", Source::Scheme("data".into())),
        ("https:", Source::Scheme("https".into())),
        ("'self'", Source::SELF),
        ("'nonce-'", Source::Text("'nonce-'".into())),
        ("'sha256-abc==='", Source::Text("'sha256-abc==='".into())),
    ] {
        assert_eq!(Source::read(text), source, "{text}");
        assert_eq!(source.to_string(), text);
    }
    for text in [
        "a..b", "a.*.b", "**", "*a", "a:", "a:b", "a:080", "a:65536", "https://", "//a", "a?b", "a/b?c", "a@b",
        "'self", "[::1]", "a//b/é",
    ] {
        let source = Source::read(text);
        assert_eq!(matches!(source, Source::Text(_)), text != "a:", "{text} {source:?}");
    }
}

#[test]
fn operators_are_told() {
    for text in [
        "https://a.example",
        "*.a.example",
        "a.example/b/",
        "data:",
        "blob:",
        "'self'",
        "'unsafe-inline'",
        "'wasm-unsafe-eval'",
        "*",
        "https:",
        "127.0.0.1:3000",
        "'sha256-8Vgu9NmMNgEFhLmk+csi/DvV0bC3WAninnZflX8415c='",
    ] {
        assert_eq!(Source::parse(text).map(|source| source.to_string()), Ok(text.to_owned()));
    }
    for (text, part) in [
        ("", "empty"),
        ("self", "quotes"),
        ("NONE", "quotes"),
        ("unsafe-inline", "quotes"),
        ("sha256-AAAA", "quotes"),
        ("'none'", "adds nothing"),
        ("'nonce-abc'", "nonce"),
        ("'sha256-abc='", "digest"),
        ("a;b", "end a directive"),
        ("a,b", "end a directive"),
        ("a b", "one source"),
        ("a\nb", "one source"),
        ("ä.example", "xn--"),
        ("https://a.example?b", "query"),
        ("https://u@a.example", "user"),
        ("https://a.*.example", "`*`"),
        ("10.0.0.1", "addresses"),
        ("[::1]", "addresses"),
        ("'self", "no keyword"),
        ("'unsafe-everything'", "no keyword"),
        ("https://", "no source"),
        ("a.example/%zz", "hexadecimal"),
    ] {
        let error = Source::parse(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
    assert!(Source::parse(&"a".repeat(513)).is_err());
}

#[test]
fn what_weakens() {
    for (text, directive, weakens) in [
        ("'unsafe-inline'", Directive::ScriptSrc, true),
        ("'unsafe-inline'", Directive::StyleSrc, false),
        ("'unsafe-eval'", Directive::DefaultSrc, true),
        ("data:", Directive::ScriptSrcElem, true),
        ("data:", Directive::ImgSrc, false),
        ("blob:", Directive::WorkerSrc, false),
        ("https:", Directive::ScriptSrc, true),
        ("https:", Directive::ImgSrc, false),
        ("*.a.example", Directive::ScriptSrc, true),
        ("https://a.example", Directive::ScriptSrc, false),
        ("http://a.example", Directive::ScriptSrc, true),
        ("'self'", Directive::ObjectSrc, true),
        ("*", Directive::FrameAncestors, true),
    ] {
        assert_eq!(Source::parse(text).unwrap().weakens(&directive).is_some(), weakens, "{text} {directive}");
    }
}

#[test]
fn names_and_fallbacks() {
    for directive in Directive::ALL {
        assert_eq!(Directive::new(&directive.as_str().to_uppercase()), *directive);
        assert_eq!(directive.label(), directive.as_str());
    }
    assert_eq!(Directive::new("X-y").label(), "other");
    let csp = policy("default-src 'none'; script-src a; child-src b");
    let governs = |name| csp.effective(&name).map(|(directive, _)| directive.clone());
    assert_eq!(governs(Directive::ScriptSrcElem), Some(Directive::ScriptSrc));
    assert_eq!(governs(Directive::WorkerSrc), Some(Directive::ChildSrc));
    assert_eq!(governs(Directive::StyleSrcAttr), Some(Directive::DefaultSrc));
    assert_eq!(governs(Directive::BaseUri), None);
}

/// The headers of web-platform-tests, shared beside a checkout.
#[test]
fn real_headers_are_stable() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora/headers/open/csp");
    let Ok(files) = std::fs::read_dir(&folder) else {
        return println!("skipped: {} is absent (it is shared beside the repository, not in it)", folder.display());
    };
    let mut count = 0;
    for file in files {
        let path = file.unwrap().path();
        for line in String::from_utf8_lossy(&std::fs::read(&path).unwrap()).lines() {
            let Some((name, value)) = line.split_once(':') else { continue };
            if !name.trim().to_ascii_lowercase().starts_with("content-security-policy") {
                continue;
            }
            let policies = parse_header(value.as_bytes()).unwrap();
            for policy in &policies {
                count += 1;
                let printed = policy.to_string();
                assert_eq!(parse_policy(printed.as_bytes()).as_ref(), Ok(policy), "{}: {printed}", path.display());
            }
        }
    }
    assert!(count > 50, "{count}");
}

/// Texts that are made of a policy's own parts.
pub(super) fn policies() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "'self'",
        "'none'",
        "'unsafe-inline'",
        "'unsafe-eval'",
        "'nonce-abc'",
        "'sha256-abc='",
        "'strict-dynamic'",
        "'unsafe-hashes'",
        "'report-sample'",
        "data:",
        "https:",
        "http:",
        "*",
        "a.example",
        "*.a.example",
        "https://a.example",
        "http://b.a.example:8080",
        "a.example:*",
        "wss://a.example",
        "https://a.example/x/",
        "a.example/x/y",
        "allow-scripts",
        "'script'",
        "'what'",
        "?",
        "a..b",
    ]);
    let name = prop::sample::select(Directive::ALL.iter().map(|d| d.as_str().to_owned()).collect::<Vec<_>>());
    let directive =
        (name, prop::collection::vec(word, 0..4)).prop_map(|(name, words)| format!("{name} {}", words.join(" ")));
    prop::collection::vec(directive, 0..6).prop_map(|directives| directives.join(";"))
}

proptest! {
    #[test]
    fn what_is_printed_is_read(text in policies()) {
        let read = policy(&text);
        prop_assert_eq!(policy(&read.to_string()), read);
    }

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for policy in parse_header(&bytes).unwrap_or_default() {
            prop_assert_eq!(parse_policy(policy.to_string().as_bytes()), Ok(policy));
        }
    }
}
