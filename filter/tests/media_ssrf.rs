//! The way out, against servers that try everything: nothing private is ever connected to, and nothing lasts or grows without a bound.
//!
//! Only 127.0.0.1 is ever allowed; a trap listens at 127.0.0.2, so each "refused" is also "nobody came".
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]
#![allow(missing_docs, reason = "a test")]

mod media_net;

use std::time::Duration;

use http::HeaderValue;
use media_net::dns::{self, A, Data, Dns, Reply};
use media_net::origin::{Origin, ok, redirect, text};
use media_net::table::{REFUSED, evil_zone};
use media_net::{fetcher, get, get_all, name, read, settings};
use sekisho::media::net::address::Allowed;
use sekisho::media::net::hosts::HostList;
use sekisho::media::net::{FetchError, FetchRequest, Fetcher};
use url::Url;

#[tokio::test]
async fn the_table_is_refused() {
    let dns = Dns::start(evil_zone);
    let trap = Origin::plain("127.0.0.2", |_| ok("", b"secret")).await;
    let fetcher = fetcher(&dns, &[trap.port()]);
    let mut judged = 0;
    for url in REFUSED {
        let url = url.replace(":P", &format!(":{}", trap.port()));
        let Ok(parsed) = Url::parse(&url) else { continue };
        let result = fetcher.get(&parsed, FetchRequest::default()).await;
        let refused = result.map(|_| ()).expect_err(&url);
        judged += 1;
        let by_rule = matches!(refused, FetchError::Target(_) | FetchError::Resolve(_));
        assert!(by_rule, "{url}: {refused:?}");
    }
    assert!(judged >= 100, "{judged}");
    assert_eq!(trap.connections(), 0);
    // The trap works: where its network is allowed, it is reached.
    let mut open = settings(&dns, &[trap.port()]);
    open.rules.networks = Allowed::new(vec!["127.0.0.0/8".parse().unwrap()], Vec::new());
    let open = Fetcher::new(open).unwrap();
    for host in ["127.0.0.2", "0x7f.2", "loopback.test", "alias-alias.test", "alias-whole.test", "b\u{fc}cher.test"] {
        assert_eq!(get_all(&open, &format!("http://{host}:{}/", trap.port())).await.unwrap(), b"secret", "{host}");
    }
}

#[tokio::test]
async fn names_of_this_machine() {
    // With nothing private allowed they are not even looked up.
    let dns = Dns::start(|name, _, _| dns::address(name, 0, "127.0.0.2"));
    let mut settings = settings(&dns, &[8080]);
    settings.rules.networks = Allowed::default();
    let fetcher = Fetcher::new(settings).unwrap();
    for host in [
        "localhost",
        "LOCALHOST",
        "localhost.localdomain",
        "a.localhost",
        "localhost6",
        "ip6-localhost",
        "router",
        "printer.local",
        "metadata.google.internal",
        "nas.lan",
        "x.home.arpa",
        "db.corp",
        "\u{ff4c}ocalhost",
        "1.1.1.1.0y",
        "a.123b",
    ] {
        let url = format!("http://{host}:8080/");
        assert_eq!(name(get(&fetcher, &url).await), "local_name", "{url}");
    }
    for host in ["localhost.", "a..test", "127.0.0.1.nip.io.", "."] {
        let url = format!("http://{host}:8080/");
        let Ok(url) = Url::parse(&url) else { continue };
        assert_eq!(name(fetcher.get(&url, FetchRequest::default()).await), "host", "{url}");
    }
    assert_eq!(dns.asked("localhost", A) + dns.asked("router", A), 0);
}

#[tokio::test]
async fn what_is_allowed_is_reached() {
    let dns = Dns::start(evil_zone);
    let origin = Origin::plain("127.0.0.1", |_| ok("ETag: \"a\"\r\nContent-Type: image/png\r\n", b"picture")).await;
    let port = origin.port();
    let fetcher = fetcher(&dns, &[port]);
    for host in ["127.0.0.1", "2130706433", "0177.1", "good.test", "localhost"] {
        let url = format!("http://{host}:{port}/a.png?b#c");
        let fetched = get(&fetcher, &url).await.expect(&url);
        assert_eq!(fetched.status, 200);
        assert_eq!(fetched.fields.content_length, Some(7));
        assert_eq!(fetched.fields.etag, Some(HeaderValue::from_static("\"a\"")));
        assert_eq!(read(fetched).await.unwrap(), b"picture");
    }
    assert!(origin.heads().iter().all(|head| head.starts_with("GET /a.png?b HTTP/1.1\r\n")));
}

#[tokio::test]
async fn redirects_are_judged_again() {
    let dns = Dns::start(evil_zone);
    let trap = Origin::plain("127.0.0.2", |_| ok("", b"secret")).await;
    let trap_port = trap.port();
    // `/to?<hex>` redirects to what the hex says.
    let origin = Origin::plain("127.0.0.1", |target| redirect(&from_hex(target.trim_start_matches("/to?")))).await;
    let port = origin.port();
    let fetcher = fetcher(&dns, &[port, trap_port]);
    for (location, expected) in [
        ("http://127.0.0.2:T/", "address"),
        ("http://2130706434:T/", "address"),
        ("http://0177.0.0.2:T/", "address"),
        ("http://0x7f.2:T/", "address"),
        ("http://127.2:T/", "address"),
        ("http://[::ffff:127.0.0.2]:T/", "address"),
        ("http://[::ffff:7f00:2]:T/", "address"),
        ("http://[::1]:T/", "address"),
        ("http://[::]:T/", "address"),
        ("http://[64:ff9b::7f00:2]:T/", "address"),
        ("http://169.254.169.254/latest/meta-data/", "address"),
        ("//127.0.0.2:T/", "address"),
        ("\\\\127.0.0.2:T\\", "address"),
        ("http:\t//127.0.0.2:T/", "address"),
        ("http://loopback.test:T/", "resolve_not_allowed"),
        ("http://alias.test:T/", "resolve_not_allowed"),
        ("http://alias-localhost.test:22/", "port"),
        ("http://good.test@127.0.0.2:T/", "userinfo"),
        ("http://127.0.0.1:22/", "port"),
        ("http://127.0.0.1:6379/", "port"),
        ("file:///etc/passwd", "scheme"),
        ("gopher://127.0.0.2:T/_x", "scheme"),
        ("ftp://127.0.0.2/", "scheme"),
        ("data:image/png;base64,AAAA", "scheme"),
        ("javascript:1", "scheme"),
        ("/proxy/a.webp", "proxy_path"),
        ("/a?url=http://127.0.0.2:T/", "nested_url"),
        ("http://[::1", "redirect"),
        ("http://:80/", "redirect"),
        ("", "too_many_redirects"),
    ] {
        let location = location.replace(":T", &format!(":{trap_port}"));
        let url = format!("http://good.test:{port}/to?{}", to_hex(&location));
        assert_eq!(name(get(&fetcher, &url).await), expected, "{location}");
    }
    assert_eq!(trap.connections(), 0);
    // No cookie was kept of all those that were set.
    assert!(origin.heads().iter().all(|head| !head.to_ascii_lowercase().contains("cookie")));
}

fn to_hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(hex: &str) -> String {
    let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn three_redirects_and_no_more() {
    let dns = Dns::start(evil_zone);
    let origin = Origin::plain("127.0.0.1", |target| match target.trim_start_matches('/').parse::<u8>() {
        Ok(0) => ok("", b"picture"),
        Ok(left) => redirect(&format!("/{}", left - 1)),
        Err(_) => text("HTTP/1.1 302 Found\r\nLocation: /0\r\nLocation: http://127.0.0.2/\r\n\r\n"),
    })
    .await;
    let fetcher = fetcher(&dns, &[origin.port()]);
    let url = |path: &str| format!("http://good.test:{}/{path}", origin.port());
    let fetched = get(&fetcher, &url("3")).await.unwrap();
    assert_eq!(fetched.final_url.path(), "/0");
    assert_eq!(read(fetched).await.unwrap(), b"picture");
    assert_eq!(name(get(&fetcher, &url("4")).await), "too_many_redirects");
    assert_eq!(name(get(&fetcher, &url("two-locations")).await), "redirect");
}

#[tokio::test]
async fn a_name_that_changes_between_look_ups() {
    // Allowed when asked first, the trap ever after, with a TTL of 0: what rebinding does.
    let dns = Dns::start(|name, kind, count| match (kind, count) {
        (A, 0) => dns::address(name, 0, "127.0.0.1"),
        (A, _) => dns::address(name, 0, "127.0.0.2"),
        _ => Reply::Code(0),
    });
    let origin = Origin::plain("127.0.0.1", |target| match target {
        "/again" => redirect("/picture"),
        _ => ok("", b"picture"),
    })
    .await;
    let port = origin.port();
    let fetcher = fetcher(&dns, &[port]);
    // One look-up for one connection, and the connection goes where it said.
    assert_eq!(get_all(&fetcher, &format!("http://one.test:{port}/")).await.unwrap(), b"picture");
    assert_eq!(dns.asked("one.test", A), 1);
    assert_eq!(name(get(&fetcher, &format!("http://one.test:{port}/")).await), "resolve_not_allowed");
    // Between two hops of one fetch.
    assert_eq!(name(get(&fetcher, &format!("http://two.test:{port}/again")).await), "resolve_not_allowed");
    assert_eq!(dns.asked("two.test", A), 2);
    assert_eq!(origin.connections(), 2);
}

#[tokio::test]
async fn answers_are_remembered_as_they_were_judged() {
    let dns = Dns::start(|name, kind, count| match (kind, count) {
        (A, 0) => dns::address(name, 3600, "127.0.0.1"),
        (A, _) => dns::address(name, 3600, "127.0.0.2"),
        _ => Reply::Code(0),
    });
    let origin = Origin::plain("127.0.0.1", |_| ok("", b"picture")).await;
    let fetcher = fetcher(&dns, &[origin.port()]);
    for _ in 0..3 {
        let url = format!("http://one.test:{}/", origin.port());
        assert_eq!(get_all(&fetcher, &url).await.unwrap(), b"picture");
    }
    assert_eq!(dns.asked("one.test", A), 1);
}

#[tokio::test]
async fn answers_that_are_many_or_none() {
    let dns = Dns::start(|name, kind, count| match (name, kind) {
        // Sixty addresses, one of them allowed.
        ("many.test", A) => {
            let last = (1..=60).map(|last| if last == 30 { [127, 0, 0, 1] } else { [10, 0, 0, last] });
            Reply::Records(last.map(|ip| (name.to_owned(), 0, Data::Address(ip.into()))).collect())
        }
        // Each alias leads to another one, for ever.
        (chain, _) if chain.ends_with(".chain.test") => {
            let next = format!("a{count}{chain}");
            Reply::Records(vec![(name.to_owned(), 0, Data::Name(next[..next.len().min(200)].to_owned()))])
        }
        ("wrong-id.test", A) => Reply::WrongId("127.0.0.1".parse().unwrap()),
        ("silent.test", _) => Reply::Silence,
        _ => evil_zone(name, kind, count),
    });
    let origin = Origin::plain("127.0.0.1", |_| ok("", b"picture")).await;
    let port = origin.port();
    let mut settings = settings(&dns, &[port]);
    settings.resolver.timeout = Duration::from_secs(1);
    let fetcher = Fetcher::new(settings).unwrap();
    let url = |host: &str| format!("http://{host}:{port}/");
    assert_eq!(get_all(&fetcher, &url("many.test")).await.unwrap(), b"picture");
    for (host, expected) in [
        ("missing.test", &["resolve_not_found"][..]),
        ("nothing.test", &["resolve_not_found"]),
        ("poison.test", &["resolve_not_found"]),
        ("alias-self.test", &["resolve_not_found"]),
        ("x.chain.test", &["resolve_not_found"]),
        ("alias-localhost.test", &["fetched"]), // 127.0.0.1, which is allowed; [::1] is not
        ("fails.test", &["resolve_failed", "resolve_not_found"]),
        ("cut.test", &["resolve_failed", "resolve_timeout", "resolve_not_found"]),
        ("garbage.test", &["resolve_failed", "resolve_timeout"]),
        ("short.test", &["resolve_failed", "resolve_timeout"]),
        ("pointer.test", &["resolve_failed", "resolve_timeout"]),
        ("wrong-id.test", &["resolve_failed", "resolve_timeout"]),
        ("silent.test", &["resolve_timeout"]),
    ] {
        let found = name(get(&fetcher, &url(host)).await);
        assert!(expected.contains(&found), "{host}: {found}");
    }
}

#[tokio::test]
async fn hosts_of_the_policy() {
    let dns = Dns::start(|name, kind, _| if kind == A { dns::address(name, 60, "127.0.0.1") } else { Reply::Code(0) });
    let origin = Origin::plain("127.0.0.1", |_| ok("", b"picture")).await;
    let port = origin.port();
    let mut listed = settings(&dns, &[port]);
    listed.rules.allowed_hosts = HostList::new(["example.test"]).unwrap();
    listed.rules.denied_hosts = HostList::new(["bad.example.test"]).unwrap();
    listed.rules.own_hosts = HostList::new(["media.example.test"]).unwrap();
    let fetcher = Fetcher::new(listed).unwrap();
    for (host, expected) in [
        ("example.test", "fetched"),
        ("a.b.example.test", "fetched"),
        ("badexample.test", "unlisted_host"),
        ("bad.example.test", "denied_host"),
        ("x.bad.example.test", "denied_host"),
        ("media.example.test", "own_host"),
        ("127.0.0.1", "unlisted_host"),
    ] {
        assert_eq!(name(get(&fetcher, &format!("http://{host}:{port}/a")).await), expected, "{host}");
    }
    // A denied network is stronger than an allowed one.
    let mut denied = settings(&dns, &[port]);
    denied.rules.networks = Allowed::new(vec!["127.0.0.0/8".parse().unwrap()], vec!["127.0.0.1/32".parse().unwrap()]);
    let fetcher = Fetcher::new(denied).unwrap();
    assert_eq!(name(get(&fetcher, &format!("http://example.test:{port}/")).await), "resolve_not_allowed");
}
