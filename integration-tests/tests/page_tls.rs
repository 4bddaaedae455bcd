//! TLS as `envoy.yaml` has it in comments: what it speaks, and what pages get that came by it.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use integration_tests::browser::Browser;
use integration_tests::client::exchange;
use integration_tests::harness::assert_no_restart;
use integration_tests::metrics::Metrics;
use integration_tests::site::{Answer, Site};
use rcgen::{CertificateParams, KeyPair, PublicKeyData as _};
use sekisho::page::manifest::Integrity;
use xtask::http::{self, Response};
use xtask::stack::{Options, Stack};
use xtask::workspace::{root, target_dir};

const HOST: &str = "social.example";

/// The commented listener of `envoy.yaml`, and the same without comments.
fn listener() -> (String, String) {
    let shipped = fs::read_to_string(root().join("envoy/envoy.yaml")).unwrap();
    let first = "  # - name: sekisho_tls\n";
    let start = shipped.find(first).expect("a commented listener");
    let block: String =
        shipped[start..].lines().take_while(|line| line.starts_with("  #")).map(|line| format!("{line}\n")).collect();
    let plain = block.lines().map(|line| format!("{}\n", line.replacen("# ", "", 1))).collect();
    (block, plain)
}

struct Tls {
    site: Site,
    stack: Stack,
    addr: SocketAddr,
    /// The SHA-256 of the key in the certificate, as a browser is told to trust it.
    key_hash: String,
}

/// Envoy with the listener, and a certificate of that kind of key.
fn start(name: &str, page: &str) -> Tls {
    start_before("<!DOCTYPE html><p>page", name, page)
}

/// The same before a server with that page.
fn start_before(html: &'static str, name: &str, page: &str) -> Tls {
    let dir = target_dir().join("tmp").join(format!("tls-{}-{name}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![HOST.to_owned()]).unwrap().self_signed(&key).unwrap();
    fs::write(dir.join("fullchain.pem"), certificate.pem()).unwrap();
    fs::write(dir.join("privkey.pem"), key.serialize_pem()).unwrap();
    let key_hash = Integrity::sha256(&key.subject_public_key_info()).as_str().replace("sha256-", "");
    let site = Site::start(move |_| Answer::of("text/html; charset=utf-8", html));
    let (from, to) = listener();
    let to = to
        .replace("{address: 0.0.0.0, port_value: 8443}", "{address: 127.0.0.1, port_value: 0}")
        .replace("/etc/sekisho/tls", &dir.display().to_string());
    let options = Options::new(site.addr()).unwrap().policy(format!(r#"{{"page":{{{page}}}}}"#));
    let stack = Stack::start(&options.edit(from, to)).unwrap();
    let addr = stack.admin().listener("sekisho_tls").expect("the listener is bound");
    fs::remove_dir_all(dir).unwrap();
    Tls { site, stack, addr, key_hash }
}

impl Tls {
    /// What `openssl s_client` says, and is answered, with these options.
    fn openssl(&self, options: &[&str], request: &str) -> (bool, String) {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &self.addr.to_string(), "-servername", HOST, "-ign_eof"]).args(options);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // It may have ended already.
        let _broken = child.stdin.take().unwrap().write_all(request.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    fn get(&self, host: &str, fields: &str) -> Response {
        let request =
            format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAccept: text/html\r\n{fields}\r\n");
        let (_, text) = self.openssl(&["-quiet"], &request);
        let start = text.find("HTTP/1.1 ").unwrap_or_else(|| panic!("{text}"));
        http::parse(&text.as_bytes()[start..]).unwrap_or_else(|| panic!("{text}"))
    }
}

fn has_openssl() -> bool {
    let has = Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success());
    if !has {
        println!("skipped: there is no openssl on the PATH");
    }
    has
}

const CLOSE: &str = "GET / HTTP/1.1\r\nHost: social.example\r\nConnection: close\r\n\r\n";

#[test]
fn what_is_spoken() {
    if !has_openssl() {
        return;
    }
    let tls = start("versions", "");
    // The library of the client would refuse some of them by itself.
    let any = ["-cipher", "ALL:@SECLEVEL=0"];
    for (options, accepted) in [
        (&["-tls1"][..], None),
        (&["-tls1_1"], None),
        (&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"], None),
        (&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA384:@SECLEVEL=0"], None),
        (&["-tls1_2", "-cipher", "AES128-GCM-SHA256:@SECLEVEL=0"], None),
        (&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], Some("ECDHE-ECDSA-AES128-GCM-SHA256")),
        (&["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"], Some("ECDHE-ECDSA-CHACHA20-POLY1305")),
        (&["-tls1_3"], Some("TLSv1.3, Cipher is TLS_")),
        (&["-tls1_3", "-groups", "P-384"], None),
    ] {
        let options =
            if options.len() == 1 && accepted.is_none() { [options, &any[..]].concat() } else { options.to_vec() };
        let (_, told) = tls.openssl(&options, CLOSE);
        match accepted {
            Some(cipher) => assert!(told.contains(cipher) && told.contains("HTTP/1.1 200"), "{options:?}: {told}"),
            None => {
                // Refused by Envoy's alert, and not by the client.
                assert!(told.contains("alert") && !told.contains("HTTP/1.1 "), "{options:?}: {told}");
            }
        }
    }
    for (offered, chosen) in [("h2,http/1.1", "ALPN protocol: h2"), ("http/1.1", "ALPN protocol: http/1.1")] {
        let (_, told) = tls.openssl(&["-alpn", offered], "\r\n\r\n");
        assert!(told.contains(chosen), "{offered}: {told}");
    }
    assert_no_restart(&tls.stack);
}

#[test]
fn fields_of_https_and_of_http() {
    if !has_openssl() {
        return;
    }
    let tls = start("fields", "");
    let page = tls.get(HOST, "");
    assert_eq!(page.field("strict-transport-security"), Some("max-age=15552000"), "{}", page.head);
    assert_eq!(page.field("reporting-endpoints"), Some("sekisho=\"/_sekisho/reports\""));
    let csp = page.field("content-security-policy").unwrap();
    assert!(csp.ends_with("; upgrade-insecure-requests; report-uri /_sekisho/reports; report-to sekisho"), "{csp}");
    // The server is told, whatever the client said.
    let forged = tls.get(HOST, "X-Forwarded-Proto: http\r\n");
    assert!(forged.field("strict-transport-security").is_some());
    assert!(
        tls.site.asked().iter().all(|asked| asked.field("x-forwarded-proto") != Some("http") || asked.target != "/")
    );

    let plain = |fields: &str| {
        let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nAccept: text/html\r\n{fields}\r\n");
        exchange(tls.stack.addr(), request.as_bytes()).unwrap()
    };
    for fields in ["", "X-Forwarded-Proto: https\r\n"] {
        let page = plain(fields);
        assert_eq!(page.status, 200);
        for name in ["strict-transport-security", "reporting-endpoints"] {
            assert_eq!(page.field(name), None, "{fields}: {}", page.head);
        }
        assert!(!page.field("content-security-policy").unwrap().contains("report-to"));
    }
    assert_no_restart(&tls.stack);
}

#[test]
fn browsers_that_ask_for_it_are_sent_to_https() {
    if !has_openssl() {
        return;
    }
    let tls = start("upgrade", r#""upgrade":true"#);
    const WISH: &str = "Upgrade-Insecure-Requests: 1\r\n";
    let plain = |method: &str, host: &str, target: &str, fields: &str| {
        let request =
            format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html,*/*;q=0.8\r\n{fields}\r\n");
        exchange(tls.stack.addr(), request.as_bytes()).unwrap()
    };
    for (host, target, location) in [
        (HOST, "/", "https://social.example/"),
        ("Social.Example:8080", "/notes/1?a=b&c=//d", "https://social.example/notes/1?a=b&c=//d"),
    ] {
        let answer = plain("GET", host, target, WISH);
        assert_eq!((answer.status, answer.field("location")), (307, Some(location)), "{}", answer.head);
        assert!(
            answer.field("vary").is_some_and(|vary| vary.to_lowercase().contains("upgrade-insecure-requests")),
            "{}",
            answer.head
        );
    }
    for (method, host, fields) in [
        ("GET", HOST, ""),
        ("GET", HOST, "Upgrade-Insecure-Requests: 0\r\n"),
        ("GET", "127.0.0.1:8080", WISH),
        ("GET", "localhost", WISH),
        ("GET", "192.168.1.2", WISH),
        ("GET", "nas", WISH),
        ("POST", HOST, "Upgrade-Insecure-Requests: 1\r\nContent-Length: 0\r\n"),
    ] {
        let answer = plain(method, host, "/", fields);
        assert_eq!(answer.status, 200, "{method} {host} {fields}: {}", answer.head);
    }
    let secure = tls.get(HOST, WISH);
    assert_eq!(secure.status, 200);
    // Off unless it is asked for, and where pages are only counted.
    drop(tls);
    let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nAccept: text/html\r\n{WISH}\r\n");
    for (name, page) in [("no-upgrade", ""), ("shadow", r#""upgrade":true,"mode":"shadow""#)] {
        let tls = start(name, page);
        assert_eq!(exchange(tls.stack.addr(), request.as_bytes()).unwrap().status, 200, "{name}");
    }
}

/// By https Chromium takes the Reporting API and ignores `report-uri`; of Integrity-Policy it reports in this way alone.
#[test]
fn a_browser_reports_by_https() {
    let Some(browser) = Browser::find() else { return };
    let known = format!(
        r#""inline":{{"scripts":["sha256-{}="]}},"modules":{{"/vite/known.js":"sha384-{}"}}"#,
        "A".repeat(43),
        "A".repeat(64)
    );
    let page = format!(r#""preset":"misskey","integrity_policy":"enforce","manifest":{{"version":1,{known}}}"#);
    let html =
        "<!DOCTYPE html><title>x</title><script>document.title = 'evil'</script><script src=/vite/unknown.js></script>";
    let tls = start_before(html, "reports", &page);
    let extra = [
        format!("--host-resolver-rules=MAP {HOST} 127.0.0.1"),
        format!("--ignore-certificate-errors-spki-list={}", tls.key_hash),
        "--short-reporting-delay".to_owned(),
    ];
    let extra: Vec<&str> = extra.iter().map(String::as_str).collect();
    let mut last = Instant::now();
    browser.open(&format!("https://{HOST}:{}/", tls.addr.port()), &extra, || {
        if last.elapsed() < Duration::from_millis(200) {
            return None;
        }
        last = Instant::now();
        let metrics = Metrics::read(&tls.stack);
        let count = |directive: &str| {
            metrics.sum("sekisho_violations", &[&format!("directive={directive}"), "disposition=enforce"]).unwrap_or(0)
        };
        (count("script-src-elem") > 0 && count("integrity-script") > 0).then_some(())
    });
    assert!(tls.site.asked().iter().all(|asked| asked.target != "/vite/unknown.js"), "it was not even asked for");
    assert_no_restart(&tls.stack);
}
