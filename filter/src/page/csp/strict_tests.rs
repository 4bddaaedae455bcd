use super::tests::policies;
use super::*;
use proptest::prelude::*;

fn policy(text: &str) -> Csp {
    parse_policy(text.as_bytes()).unwrap()
}

fn is_strict(ours: &str, theirs: &str) -> bool {
    is_at_least_as_strict(&policy(ours), &policy(theirs), Some("own.example"))
}

#[test]
fn at_least_as_strict() {
    for (ours, theirs) in [
        ("", ""),
        ("default-src 'none'", ""),
        ("default-src 'none'", "script-src 'self'; img-src *; style-src a.example"),
        ("default-src 'none'; script-src 'self'", "default-src 'self'"),
        ("default-src 'self'; script-src-elem a.example", "default-src 'self'; script-src 'self' a.example"),
        ("default-src 'none'; child-src 'self'", "default-src 'none'; worker-src 'self'; child-src 'self'"),
        (
            "default-src 'none'; img-src 'self' https://a.example data:",
            "default-src 'none'; img-src data: https: 'self'",
        ),
        ("img-src https://x.a.example", "img-src http://*.a.example"),
        ("img-src *.b.a.example", "img-src *.a.example"),
        ("img-src https://a.example:443/x/y", "img-src https://a.example/x/"),
        ("img-src https://a.example", "img-src https://a.example:443/"),
        ("img-src https://a.example:8443", "img-src https://a.example:*"),
        ("img-src own.example/vite/ https://own.example/x", "img-src 'self'"),
        ("img-src 'self' https: wss: a.example", "img-src *"),
        (
            "script-src 'sha256-8Vgu9NmMNgEFhLmk+csi/DvV0bC3WAninnZflX8415c='",
            "script-src 'sha256-8Vgu9NmMNgEFhLmk-csi_DvV0bC3WAninnZflX8415c='",
        ),
        (
            "script-src 'unsafe-inline' 'sha256-8Vgu9NmMNgEFhLmk+csi/DvV0bC3WAninnZflX8415c='",
            "script-src 'sha256-8Vgu9NmMNgEFhLmk+csi/DvV0bC3WAninnZflX8415c='",
        ),
        ("style-src 'sha256-8Vgu9NmMNgEFhLmk+csi/DvV0bC3WAninnZflX8415c='", "style-src 'unsafe-inline'"),
        ("script-src 'wasm-unsafe-eval'", "script-src 'unsafe-eval'"),
        ("script-src 'self' 'report-sample'", "script-src 'self'"),
        ("img-src 'none'", "img-src"),
        (
            "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
            "base-uri 'self'; form-action 'self' https:; frame-ancestors 'self'",
        ),
        ("sandbox Allow-Forms", "sandbox allow-forms allow-scripts"),
        ("sandbox; default-src 'none'", "default-src 'none'"),
        ("upgrade-insecure-requests", "block-all-mixed-content"),
        (
            "require-trusted-types-for 'script'; trusted-types vue",
            "require-trusted-types-for 'script'; trusted-types *",
        ),
        ("trusted-types 'none'", "trusted-types a"),
        ("default-src 'none'; report-uri /r", "default-src 'none'; report-to x"),
    ] {
        assert!(is_strict(ours, theirs), "{ours} | {theirs}");
    }
}

#[test]
fn less_strict_or_in_doubt() {
    for (ours, theirs) in [
        ("", "default-src *"),
        ("default-src 'self'", "default-src 'none'"),
        ("default-src 'none'; script-src-elem 'self'", "default-src 'none'"),
        ("script-src 'none'", "default-src 'none'"),
        ("default-src 'none'; child-src 'self'", "default-src 'none'; child-src 'none'; frame-src 'self'"),
        ("img-src http://a.example", "img-src https://a.example"),
        ("img-src http://a.example", "img-src a.example"),
        ("img-src a.example", "img-src https://a.example"),
        ("img-src a.example", "img-src *.a.example"),
        ("img-src xa.example", "img-src *.a.example"),
        ("img-src *.a.example", "img-src b.a.example"),
        ("img-src https://a.example:*", "img-src https://a.example"),
        ("img-src https://a.example:8443", "img-src https://a.example"),
        ("img-src a.example:443", "img-src a.example"),
        ("img-src a.example", "img-src a.example/x/"),
        ("img-src a.example/xy", "img-src a.example/x"),
        ("img-src a.example/x", "img-src a.example/x/"),
        ("img-src a.example/X/", "img-src a.example/x/"),
        ("img-src 'self'", "img-src https:"),
        ("img-src 'self'", "img-src own.example"),
        ("img-src own.example:8443", "img-src 'self'"),
        ("img-src http://own.example", "img-src 'self'"),
        ("img-src wss://own.example", "img-src 'self'"),
        ("img-src other.example", "img-src 'self'"),
        ("img-src *", "img-src http: https:"),
        ("img-src data:", "img-src *"),
        ("img-src https://127.0.0.1", "img-src https://*"),
        ("script-src 'nonce-abc'", "script-src 'nonce-abd'"),
        ("script-src 'unsafe-inline'", "script-src 'self' 'unsafe-inline' 'nonce-abc'"),
        ("script-src 'unsafe-inline'", "script-src 'unsafe-inline' 'sha256-x'"),
        ("script-src 'sha256-8Vgu9NmMNgEFhLmk+csi/DvV0bC3WAninnZflX8415c='", "script-src 'unsafe-inline'"),
        ("script-src 'unsafe-inline' 'sha256-short'", "script-src 'sha256-short'"),
        ("script-src 'self'", "script-src 'strict-dynamic' 'nonce-abc' 'self'"),
        ("script-src 'strict-dynamic' 'nonce-abc'", "script-src 'nonce-abc'"),
        ("script-src 'unsafe-eval'", "script-src 'wasm-unsafe-eval'"),
        ("script-src 'unsafe-hashes'", "script-src 'self'"),
        ("script-src 'something-new'", "script-src 'self'"),
        ("script-src", "base-uri 'self'"),
        ("default-src 'none'", "form-action 'none'"),
        ("frame-ancestors https://a.example/x/y", "frame-ancestors https://a.example/x/"),
        ("", "sandbox"),
        ("sandbox allow-scripts", "sandbox"),
        ("default-src 'none'", "upgrade-insecure-requests"),
        ("block-all-mixed-content", "upgrade-insecure-requests"),
        ("", "require-trusted-types-for 'script'"),
        ("trusted-types *", "trusted-types a"),
        ("trusted-types 'allow-duplicates'", "trusted-types *"),
        ("default-src 'none'", "something-new x"),
    ] {
        assert!(!is_strict(ours, theirs), "{ours} | {theirs}");
    }
    // Without a name of its own, a page's 'self' is only itself.
    assert!(!is_at_least_as_strict(&policy("img-src own.example"), &policy("img-src 'self'"), None));
    let with_port =
        |own| is_at_least_as_strict(&policy("img-src own.example:3000"), &policy("img-src 'self'"), Some(own));
    assert_eq!(
        (with_port("own.example:3000"), with_port("own.example"), with_port("own.example:x")),
        (true, false, false)
    );
}

/// What a browser does with a URL, written once more from the specification (CSP3 section 6.7.2), for pages of own.example.
fn allows(csp: &Csp, directive: &Directive, url: &url::Url, page: &url::Url) -> bool {
    let Some((_, sources)) = csp.effective(directive) else { return true };
    let is_strict = directive.governs_scripts() && sources.contains(&Source::Keyword(Keyword::StrictDynamic));
    !is_strict && sources.iter().any(|source| matches(source, url, page))
}

fn matches(source: &Source, url: &url::Url, page: &url::Url) -> bool {
    let is_scheme = |a: &str, b: &str| a == b || matches!((a, b), ("http", "https") | ("ws", "wss"));
    match source {
        // A blob: has its maker's origin, but is not matched by it (web-platform-tests, blob-urls-do-not-match-self).
        Source::Keyword(Keyword::SelfOrigin) => {
            let is_default = |url: &url::Url| url.port().is_none();
            let is_port =
                url.port_or_known_default() == page.port_or_known_default() || (is_default(url) && is_default(page));
            (url.has_host() && url.origin() == page.origin())
                || (url.host() == page.host() && is_port && matches!(url.scheme(), "https" | "wss"))
        }
        Source::Scheme(scheme) => is_scheme(scheme, url.scheme()),
        Source::Host(host) if host.to_string() == "*" => matches!(url.scheme(), "http" | "https" | "ws" | "wss"),
        Source::Host(host) => {
            let name = url.host_str().unwrap_or_default();
            let domain = host.host.strip_prefix('*').filter(|_| url.domain().is_some());
            let is_port = match host.port {
                None => url.host().is_some() && url.port().is_none(),
                Some(Port::Any) => true,
                Some(Port::Number(80)) if url.scheme() == "https" => {
                    url.port_or_known_default() == Some(443) || url.port() == Some(80)
                }
                Some(Port::Number(number)) => url.port_or_known_default() == Some(number),
            };
            let is_path = host.path.as_deref().is_none_or(|path| {
                path == "/" || url.path() == path || (path.ends_with('/') && url.path().starts_with(path))
            });
            is_scheme(host.scheme.as_deref().unwrap_or(page.scheme()), url.scheme())
                && (name == host.host || domain.is_some_and(|domain| name.ends_with(domain)))
                && is_port
                && is_path
        }
        _ => false,
    }
}

fn urls() -> Vec<url::Url> {
    let schemes = ["http", "https", "ws", "wss"];
    let authorities = [
        "a.example",
        "b.a.example",
        "c.b.a.example",
        "own.example",
        "a.example:8080",
        "b.a.example:8080",
        "own.example:443",
        "127.0.0.1",
        "a.example:80",
    ];
    let paths = ["/", "/x", "/x/", "/x/y", "/x/y/z"];
    let mut all: Vec<String> = vec!["data:,x".into(), "blob:https://own.example/1".into()];
    for (scheme, authority) in schemes.iter().flat_map(|scheme| authorities.iter().map(move |a| (scheme, a))) {
        all.extend(paths.iter().map(|path| format!("{scheme}://{authority}{path}")));
    }
    all.iter().map(|url| url.parse().unwrap()).collect()
}

/// One list that differs from another one in little, so that they are often comparable.
fn pairs() -> impl Strategy<Value = (String, String)> {
    let source = prop::sample::select(vec![
        "'self'",
        "data:",
        "https:",
        "http:",
        "wss:",
        "*",
        "a.example",
        "*.a.example",
        "*.b.a.example",
        "https://a.example",
        "http://a.example",
        "http://b.a.example:8080",
        "https://a.example:443",
        "http://a.example:80",
        "a.example:*",
        "wss://a.example",
        "https://a.example/x/",
        "a.example/x/y",
        "a.example/x/",
        "own.example",
        "https://own.example/x/",
        "http://own.example",
        "https://*",
        "https://127.0.0.1",
        "own.example:443",
        "'strict-dynamic'",
    ]);
    let name = prop::sample::select(vec![
        "default-src",
        "script-src",
        "script-src-elem",
        "img-src",
        "worker-src",
        "child-src",
        "base-uri",
        "frame-ancestors",
    ]);
    let directive =
        (name, prop::collection::vec(source, 0..3)).prop_map(|(name, words)| format!("{name} {}", words.join(" ")));
    let text = |max| prop::collection::vec(directive.clone(), 1..max).prop_map(|directives| directives.join(";"));
    (text(4), text(3))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever the verdict says, no URL passes ours that does not pass theirs.
    #[test]
    fn strict_is_strict((ours, theirs) in pairs()) {
        let (ours, theirs) = (policy(&ours), policy(&theirs));
        if is_at_least_as_strict(&ours, &theirs, Some("own.example")) {
            for page in ["http://own.example/", "https://own.example/"] {
                let page = page.parse().unwrap();
                for url in &urls() {
                    for directive in Directive::ALL.iter().filter(|directive| directive.takes_sources()) {
                        let (a, b) = (allows(&ours, directive, url, &page), allows(&theirs, directive, url, &page));
                        prop_assert!(!a || b, "{} {} on {}", directive, url, page);
                    }
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn a_policy_is_as_strict_as_itself(text in policies()) {
        let csp = policy(&text);
        prop_assert!(is_at_least_as_strict(&csp, &csp, None));
    }

    #[test]
    fn a_source_more_is_less_strict(text in policies(), at in any::<prop::sample::Index>()) {
        let theirs = policy(&text);
        let all = ["*", "https:", "http:"].map(Source::read);
        let fits = |(directive, sources): &&(Directive, Vec<Source>)| {
            directive.takes_sources() && !sources.iter().any(|source| all.contains(source))
        };
        let directives: Vec<_> = theirs.directives.iter().filter(fits).collect();
        if !directives.is_empty() {
            let mut ours = theirs.clone();
            let (directive, sources) = at.get(&directives);
            let more = list::without_none(sources).cloned().chain([Source::read("https://new.example")]).collect();
            ours.directives.retain(|(known, _)| known != directive);
            ours.push(directive.clone(), more);
            prop_assert!(!is_at_least_as_strict(&ours, &theirs, None), "{}", ours);
            prop_assert!(is_at_least_as_strict(&theirs, &ours, None), "{}", ours);
        }
    }
}
