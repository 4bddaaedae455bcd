//! Stacks that lead to one another: what one request costs them, and how soon a loop ends.

use integration_tests::client::exchange;
use integration_tests::media::origin::MediaOrigin;
use integration_tests::media::{commented_host, encoded, request};
use integration_tests::rings::{Count, Front, LIMIT, Names, Ring, address, received};
use xtask::http::Response;
use xtask::stack::{Options, Stack};

const OURS: [Names; 2] = [
    Names {
        via: &["sekisho-a", "sekisho-b", "sekisho-c"],
        media: &["sekisho-media-a", "sekisho-media-b", "sekisho-media-c"],
        more_via: "",
        more_media: "",
    },
    Names { via: &["cat", "dog"], media: &["sekisho-media-cat", "sekisho-media-dog"], more_via: "", more_media: "" },
];

/// How deep the nested URLs are.
const DEPTH: usize = 24;

/// Each attack, and what it cost: the answer to the first request, and who received how many.
fn attacks(ring: &Ring) -> Vec<(&'static str, Response, Count)> {
    let query = ring.nested(DEPTH, |stack, url| format!("http://{}/proxy/x.webp?url={}", stack.addr(), encoded(url)));
    let path = ring.nested(DEPTH, |stack, url| format!("http://{}/proxy/{}", stack.addr(), url.replace("http://", "")));
    let target = |url: &str| format!("/{}", url.splitn(4, '/').nth(3).unwrap());
    let asking_for = |url: &str| format!("/proxy/x.webp?url={}", encoded(url));
    let redirect = asking_for(&format!("http://{}/r", ring.attacker.addr()));
    let rewritten = ring.close(&[]);
    let hidden = asking_for(&rewritten);
    let mut costs: Vec<_> = [
        ("nested, ?url=", target(&query)),
        ("nested, path", target(&path)),
        ("redirects", redirect),
        ("rewriting fronts", hidden.clone()),
    ]
    .into_iter()
    .map(|(name, target)| (name, ring.ask(&target)))
    .collect();
    // The fronts hide who asks, so that only the fields of the proxies are left.
    ring.close(&["user-agent"]);
    costs.push(("the same, as browsers", ring.ask(&hidden)));
    costs.into_iter().map(|(name, (answer, count))| (name, answer, count)).collect()
}

#[test]
fn one_request_is_at_most_one_more_where_it_was_a_loop() {
    for members in [2, 3] {
        let naive = attacks(&Ring::naive(members));
        for names in OURS.iter().filter(|names| names.via.len() >= members) {
            let (via, media) = (&names.via[..members], &names.media[..members]);
            let ring = Ring::start(Names { via, media, ..*names });
            println!("\n{members} stacks, {}: requests of Envoys + media services for one", via.join(" "));
            for ((attack, answer, ours), (_, _, theirs)) in attacks(&ring).iter().zip(&naive) {
                let factor = theirs.envoys() as f64 / ours.envoys() as f64;
                println!(
                    "{attack:<24} ours {} + {}, {}; without {} + {}; {factor:.0} times less",
                    ours.envoys(),
                    ours.media(),
                    answer.status,
                    theirs.envoys(),
                    theirs.media()
                );
                assert!(answer.status >= 400, "{attack}: {}", answer.head);
                assert!(ours.envoys() <= 2 && ours.media() <= 2, "{attack}: {ours:?}");
                let expected = if attack.starts_with("nested") { DEPTH } else { LIMIT + 1 };
                assert_eq!(theirs.envoys(), expected as u64, "{attack}: {theirs:?}");
            }
        }
    }
}

/// Each of the three fields ends a chain without the others: at the filter and, where the filter looks away, at the service.
#[test]
fn each_field_ends_a_chain_by_itself() {
    let looks_away = r#","mode":"off","media_proxy":{"mode":"off"},"malformed":{"mode":"off"}"#;
    let names = Names { via: &["cat", "dog"], media: &["sekisho-media-cat", "sekisho-media-dog"], ..Names::default() };
    for (is_filter, more_via) in [(true, ""), (false, looks_away)] {
        let ring = Ring::start(Names { more_via, ..names });
        for (seen, without, status) in [
            ("user-agent is that", &["via", "cdn-loop"][..], 403),
            ("via names", &["user-agent", "cdn-loop"], 508),
            ("cdn-loop names", &["user-agent", "via"], 508),
        ] {
            let url = ring.close(without);
            let (answer, count) = ring.ask(&format!("/proxy/x.webp?url={}", encoded(&url)));
            let media = if is_filter { [1, 0] } else { [1, 1] };
            assert_eq!((count.envoys, &count.media[..]), (vec![1, 1], &media[..]), "{seen}");
            // What the second said is what the first says.
            assert_eq!((ring.fronts[1].take_answers(), answer.status), (vec![status], status), "{seen}");
            if is_filter {
                ring.stacks[1].access_lines(1, |line| line.contains(seen)).unwrap();
            }
        }
    }
}

/// Media services whose names nobody else knows, behind fronts that make browsers of them: each knows its own name, so the loop ends after one round.
#[test]
fn a_loop_of_strangers_ends_after_one_round() {
    let names = Names { via: &["cat", "dog", "cow"], media: &["fox", "owl", "elk"], ..Names::default() };
    let ring = Ring::start(names);
    for without in [&["user-agent"][..], &["user-agent", "cdn-loop"], &["user-agent", "via"]] {
        let url = ring.close(without);
        let (answer, count) = ring.ask(&format!("/proxy/x.webp?url={}", encoded(&url)));
        assert_eq!((answer.status, count.envoys, count.media), (508, vec![2, 1, 1], vec![2, 1, 1]), "{without:?}");
        assert_eq!(ring.fronts[0].take_answers(), [508], "{without:?}");
    }
}

/// With all three fields gone nobody can know. The services wait for one another then, as the second request for a picture waits for the first.
#[test]
fn a_loop_that_hides_everything_ends_with_the_time_for_a_fetch() {
    let more_media = r#","deadline_seconds":2"#;
    let names = Names { via: &["cat", "dog"], media: &["fox", "owl"], more_media, ..Names::default() };
    let ring = Ring::start(names);
    let url = ring.close(&["user-agent", "via", "cdn-loop"]);
    let (answer, count) = ring.ask(&format!("/proxy/x.webp?url={}", encoded(&url)));
    println!("all three fields hidden: {} after {} + {} requests", answer.status, count.envoys(), count.media());
    assert_eq!((answer.status, &count.envoys[..], count.media()), (504, &[2, 1][..], 3));
}

/// Requests for the server: a page, calls, paths that look like the media proxy's, and where the filter is off.
const PASSING: [(&str, &str); 7] = [
    ("GET", "/"),
    ("POST", "/api/meta"),
    ("GET", "/notes/1?a=b"),
    ("GET", "/Proxy/x"),
    ("GET", "/proxy.x/y"),
    ("GET", "/vite/a.js"),
    ("GET", "/streaming"),
];

fn is_unread(target: &str) -> bool {
    matches!(target, "/vite/a.js" | "/streaming")
}

/// Two Envoys whose servers are one another, through plain proxies.
#[test]
fn a_loop_of_servers_ends_after_one_round() {
    let fronts = [Front::start(), Front::start()];
    let start = |name: &str, front: &Front| {
        let policy = format!(r#"{{"via":{{"pseudonym":"{name}"}}}}"#);
        Stack::start(&Options::new(front.addr()).unwrap().policy(policy)).unwrap()
    };
    let stacks = [start("cat", &fronts[1]), start("dog", &fronts[0])];
    for without in [&[][..], &["cdn-loop"], &["via"]] {
        for (front, stack) in fronts.iter().zip(&stacks) {
            front.lead(stack.addr(), None, without);
        }
        for (method, target) in PASSING {
            let before = [received(&stacks[0]), received(&stacks[1])];
            let fields = "User-Agent: Mozilla/5.0\r\nContent-Length: 0\r\nConnection: close\r\n";
            let answer = exchange(stacks[0].addr(), &request(method, target, fields)).unwrap();
            let count = [received(&stacks[0]) - before[0], received(&stacks[1]) - before[1]];
            // The first one that it passes unread cannot sign it.
            let second = if is_unread(target) { 2 } else { 1 };
            let answers = [vec![508; second], vec![508]];
            assert_eq!((answer.status, count), (508, [2, second as u64]), "{target} {without:?}");
            assert_eq!([fronts[1].take_answers(), fronts[0].take_answers()], answers, "{target} {without:?}");
        }
    }
}

#[test]
fn an_envoy_that_is_its_own_server_says_so_at_once() {
    for policy in ["{}", r#"{"via":{"pseudonym":"cat"}}"#] {
        let listen = address();
        // It is asked for a page that loops, to see whether it is ready.
        let stack = Stack::start(&Options { listen, ..Options::new(listen).unwrap().policy(policy) }).unwrap();
        for (method, target) in PASSING {
            let before = received(&stack);
            let fields = "Content-Length: 0\r\nConnection: close\r\n";
            let answer = exchange(listen, &request(method, target, fields)).unwrap();
            let expected = if is_unread(target) { 3 } else { 2 };
            assert_eq!((answer.status, received(&stack) - before), (508, expected), "{target}");
        }
    }
}

/// The service fetches the pictures of its own instance through the Envoy that it was asked through, which is no loop.
#[test]
fn pictures_of_the_own_host_are_no_loop() {
    let (from, to) = commented_host();
    let origin = MediaOrigin::spawn();
    let listen = address();
    let policy = format!(
        r#"{{"via":{{"pseudonym":"gate"}},"media":{{"allow_http":true,"allowed_ports":[{}],"allowed_networks":["127.0.0.0/8"],"own_hosts":["media.example"]}}}}"#,
        listen.port()
    );
    let options = Options::new(origin.addr()).unwrap().policy(&*policy).media(policy).edit(from, to);
    let stack = Stack::start(&Options { listen, ..options }).unwrap();
    origin.take_heads();
    let ask = |host: &str, target: &str, fields: &str| {
        let request = request("GET", target, &format!("User-Agent: Mozilla/5.0\r\nConnection: close\r\n{fields}"));
        exchange(listen, String::from_utf8(request).unwrap().replace("sekisho.example", host).as_bytes()).unwrap()
    };
    // Each another file or preset: what was made once is not fetched again.
    for (host, path, flags) in [
        ("sekisho.example", "/proxy/x.webp", "emoji"),
        ("media.example", "/x.webp", "avatar"),
        ("media.example", "/proxy/x.webp", "preview"),
    ] {
        for fields in ["", "Via: 1.1 cache\r\nCDN-Loop: cache\r\n"] {
            let before = received(&stack);
            let url = encoded(&format!("http://{listen}/data/still.png"));
            let answer = ask(host, &format!("{path}?url={url}&{flags}"), fields);
            assert_eq!((answer.status, answer.field("content-type")), (200, Some("image/webp")), "{host}{path}");
            assert_eq!(received(&stack) - before, 2, "{host}{path}");
            let [head] = &origin.take_heads()[..] else { panic!("{host}{path}: not one request") };
            let earlier = if fields.is_empty() { "" } else { "1.1 cache," };
            let via = format!("via: {earlier}1.1 sekisho-media,1.1 gate");
            assert!(head.lines().any(|line| line == via), "{host}{path}: {head}");
        }
        // What is a loop: the picture is the own media proxy's, in a spelling that the service does not know. Envoy leads it to the plain one, which it knows.
        let url = encoded(&format!("http://{listen}/x/..%2fproxy/x.webp?a=1"));
        assert_eq!(ask(host, &format!("{path}?url={url}"), "").status, 403);
    }
}
