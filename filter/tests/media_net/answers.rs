//! What an origin server may do with an answer: nothing of it lasts or grows without a bound.

use std::time::Duration;

use http::HeaderValue;
use sekisho::media::net::address::Allowed;
use sekisho::media::net::{FetchError, FetchRequest, Fetcher, TargetError, TargetRules, check_target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

use super::dns::{self, A, Dns, Reply};
use super::origin::{Answer, Authority, Origin, ok, redirect, text};
use super::table::evil_zone;
use super::{fetcher, get, get_all, name, read, settings};

#[tokio::test]
async fn certificates_count() {
    let dns = Dns::start(|name, kind, _| if kind == A { dns::address(name, 60, "127.0.0.1") } else { Reply::Code(0) });
    let authority = Authority::new();
    let plain = Origin::plain("127.0.0.1", |_| ok("", b"plain")).await;
    let plain_port = plain.port();
    let secure = Origin::tls(authority.acceptor(&["good.test", "127.0.0.1"]), move |target| match target {
        "/down" => redirect(&format!("http://good.test:{plain_port}/")),
        "/here" => redirect("/a"),
        _ => ok("", b"picture"),
    })
    .await;
    let port = secure.port();
    // What a server of plain HTTP says to a handshake.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let no_tls = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let _ = stream.read_u8().await;
    });
    let mut with_roots = settings(&dns, &[port, plain_port, no_tls]);
    with_roots.extra_roots = Some(authority.file.clone());
    let fetcher = Fetcher::new(with_roots).unwrap();
    assert_eq!(get_all(&fetcher, &format!("https://good.test:{port}/")).await.unwrap(), b"picture");
    assert_eq!(get_all(&fetcher, &format!("https://good.test:{port}/here")).await.unwrap(), b"picture");
    assert_eq!(get_all(&fetcher, &format!("https://127.0.0.1:{port}/")).await.unwrap(), b"picture");
    assert_eq!(name(get(&fetcher, &format!("https://other.test:{port}/")).await), "certificate");
    assert_eq!(name(get(&fetcher, &format!("https://good.test:{no_tls}/")).await), "tls");
    // Allowed or not, http after https is a downgrade.
    assert_eq!(name(get(&fetcher, &format!("https://good.test:{port}/down")).await), "redirect_downgrade");
    assert_eq!(plain.heads().len(), 0);
    // Nobody knows this authority but who was told.
    let stranger = Fetcher::new(settings(&dns, &[port])).unwrap();
    assert_eq!(name(get(&stranger, &format!("https://good.test:{port}/")).await), "certificate");
    let default =
        TargetRules { networks: Allowed::new(vec!["127.0.0.1/32".parse().unwrap()], vec![]), ..TargetRules::default() };
    assert_eq!(check_target(&Url::parse("http://good.test/").unwrap(), &default), Err(TargetError::Scheme));
}

#[tokio::test]
async fn what_the_origin_server_sees() {
    let dns = Dns::start(evil_zone);
    let origin = Origin::plain("127.0.0.1", |target| match target {
        "/moved" => redirect("/range"),
        "/range" => text("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-3/9\r\nContent-Length: 4\r\n\r\npict"),
        _ => text("HTTP/1.1 206 Partial Content\r\nContent-Length: 4\r\n\r\npict"),
    })
    .await;
    let fetcher = fetcher(&dns, &[origin.port()]);
    let url = |path: &str| Url::parse(&format!("http://good.test:{}{path}", origin.port())).unwrap();
    let value = HeaderValue::from_static;
    let asked = FetchRequest {
        range: Some(value("bytes=0-3")),
        if_range: Some(value("\"a\"")),
        via: vec![value("2.0 envoy"), value("1.1 other")],
        cdn_loop: vec![value("other")],
        max_bytes: None,
        accept: None,
        forwarded_host: None,
    };
    let fetched = fetcher.get(&url("/moved"), asked.clone()).await.unwrap();
    assert_eq!((fetched.status.as_u16(), fetched.fields.content_range.clone()), (206, Some(value("bytes 0-3/9"))));
    assert_eq!(read(fetched).await.unwrap(), b"pict");
    let head = origin.heads().pop().unwrap().to_ascii_lowercase();
    for line in [
        format!("host: good.test:{}", origin.port()),
        format!("user-agent: sekisho/{} (misskey/media-proxy; https://social.example)", env!("CARGO_PKG_VERSION")),
        "accept-encoding: identity".to_owned(),
        "range: bytes=0-3".to_owned(),
        "if-range: \"a\"".to_owned(),
        "via: 2.0 envoy\r\nvia: 1.1 other\r\nvia: 1.1 sekisho-test".to_owned(),
        "cdn-loop: other\r\ncdn-loop: sekisho-test".to_owned(),
    ] {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{line} in {head}");
    }
    // A part that was not asked for, or that does not say which part it is.
    assert_eq!(name(get(&fetcher, url("/range").as_str()).await), "status_other");
    assert_eq!(name(fetcher.get(&url("/bad-range"), asked).await), "status_other");
    let long = FetchRequest { via: vec![value("1.1 a"); 2000], ..FetchRequest::default() };
    assert_eq!(name(fetcher.get(&url("/"), long).await), "hops");
}

#[tokio::test]
async fn answers_that_are_refused() {
    let dns = Dns::start(evil_zone);
    let origin = Origin::plain("127.0.0.1", |target| match target {
        "/gzip" => ok("Content-Encoding: gzip\r\n", b"\x1f\x8b"),
        "/identity-gzip" => ok("Content-Encoding: identity, gzip\r\n", b"\x1f\x8b"),
        "/twice" => ok("Content-Encoding: identity\r\nContent-Encoding: br\r\n", b"x"),
        "/404" => text("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        "/451" => text("HTTP/1.1 451 \r\nContent-Length: 0\r\n\r\n"),
        "/500" => text("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"),
        "/204" => text("HTTP/1.1 204 No Content\r\n\r\n"),
        "/101" => text("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
        "/300" => text("HTTP/1.1 300 Multiple Choices\r\nLocation: http://127.0.0.2/\r\n\r\n"),
        "/large-field" => text(&format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(100_000))),
        "/many-fields" => text(&format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(1000))),
        "/endless-fields" => Answer::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), b"X: yyyyyyyyyyyyyyyyyyyy\r\n".to_vec()),
        "/endless-line" => Answer::Endless(b"HTTP/1.1 200 ".to_vec(), vec![b'O'; 1000]),
        "/http09" => text("<html>hello"),
        "/empty" => text(""),
        "/lengths" => text("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nseven77"),
        "/negative" => text("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nseven77"),
        "/too-long" => text("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx"),
        "/overflow" => text("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nx"),
        _ => text("nothing"),
    })
    .await;
    let fetcher = fetcher(&dns, &[origin.port()]);
    for (path, expected, status) in [
        ("gzip", "content_encoding", 502),
        ("identity-gzip", "content_encoding", 502),
        ("twice", "content_encoding", 502),
        ("404", "status_4xx", 404),
        ("451", "status_4xx", 451),
        ("500", "status_5xx", 502),
        ("204", "status_other", 502),
        ("300", "status_other", 502),
        ("large-field", "fields_too_large", 502),
        ("many-fields", "fields_too_large", 502),
        ("endless-fields", "fields_too_large", 502),
        ("endless-line", "fields_too_large", 502),
        ("http09", "fields", 502),
        ("empty", "fields", 502),
        ("lengths", "fields", 502),
        ("negative", "fields", 502),
        ("too-long", "too_large", 502),
        ("overflow", "fields", 502),
    ] {
        let error =
            get(&fetcher, &format!("http://good.test:{}/{path}", origin.port())).await.map(|_| ()).expect_err(path);
        assert_eq!((error.name(), error.status().as_u16()), (expected, status), "{path}");
    }
    assert!(get(&fetcher, &format!("http://good.test:{}/101", origin.port())).await.is_err());
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let nobody = Fetcher::new(settings(&dns, &[closed])).unwrap();
    assert_eq!(name(get(&nobody, &format!("http://good.test:{closed}/")).await), "connect");
}

#[tokio::test]
async fn bodies_end() {
    let dns = Dns::start(evil_zone);
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let origin = Origin::plain("127.0.0.1", move |target| match target {
        "/short" => text("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"),
        "/long" => text("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nlonger than that"),
        "/exact" => ok("", &[b'x'; 1000]),
        "/one-more" => ok("", &[b'x'; 1001]),
        "/until-close" => text("HTTP/1.0 200 OK\r\n\r\nold"),
        "/chunked" => text(&format!("{chunked}3\r\npic\r\n4;x=y\r\nture\r\n0\r\nTrailer: x\r\n\r\n")),
        "/chunked-cut" => text(&format!("{chunked}3\r\npic\r\n4\r\ntu")),
        "/chunked-bad" => text(&format!("{chunked}zz\r\npic\r\n")),
        "/chunked-huge" => text(&format!("{chunked}ffffffffffffffffff\r\npic\r\n")),
        "/endless" => Answer::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![0; 65536]),
        "/endless-chunks" => Answer::Endless(chunked.as_bytes().to_vec(), b"4\r\naaaa\r\n".to_vec()),
        "/endless-trailers" => {
            Answer::Endless(format!("{chunked}0\r\n").into_bytes(), b"X: yyyyyyyyyyyyyyyyyyy\r\n".to_vec())
        }
        _ => text("nothing"),
    })
    .await;
    let fetcher = fetcher(&dns, &[origin.port()]);
    let limited = FetchRequest { max_bytes: Some(1000), ..FetchRequest::default() };
    for (path, expected) in [
        ("short", Err("body")),
        ("long", Ok(5)),
        ("exact", Ok(1000)),
        ("one-more", Err("too_large")),
        ("until-close", Ok(3)),
        ("chunked", Ok(7)),
        ("chunked-cut", Err("body")),
        ("chunked-bad", Err("body")),
        ("chunked-huge", Err("body")),
        ("endless", Err("too_large")),
        ("endless-chunks", Err("too_large")),
        ("endless-trailers", Err("body")),
    ] {
        let url = Url::parse(&format!("http://good.test:{}/{path}", origin.port())).unwrap();
        let result = match fetcher.get(&url, limited.clone()).await {
            Ok(fetched) => read(fetched).await,
            Err(error) => Err(error),
        };
        assert_eq!(result.map(|body| body.len()).map_err(FetchError::name), expected, "{path}");
    }
    // A limit that comes later counts what was read before; after the error there is nothing.
    let url = Url::parse(&format!("http://good.test:{}/endless", origin.port())).unwrap();
    let mut body = fetcher.get(&url, FetchRequest::default()).await.unwrap().body;
    while body.received() < 100_000 {
        body.next().await.unwrap().unwrap();
    }
    body.limit(100_000, Duration::from_secs(60));
    assert_eq!(body.next().await, Some(Err(FetchError::TooLarge)));
    assert_eq!(body.next().await, None);
    // So does an announced length.
    let url = Url::parse(&format!("http://good.test:{}/exact", origin.port())).unwrap();
    let mut body = fetcher.get(&url, FetchRequest::default()).await.unwrap().body;
    body.limit(999, Duration::from_secs(60));
    assert_eq!((body.next().await, body.next().await), (Some(Err(FetchError::TooLarge)), None));
    // And time.
    let mut body = fetcher.get(&url, FetchRequest::default()).await.unwrap().body;
    body.limit(1000, Duration::ZERO);
    assert_eq!((body.next().await, body.next().await), (Some(Err(FetchError::TotalTimeout)), None));
}

#[tokio::test]
async fn everything_has_a_deadline() {
    let dns = Dns::start(evil_zone);
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n".to_vec();
    let held = head.clone();
    let origin = Origin::plain("127.0.0.1", move |target| match target {
        "/silent" => Answer::Hold(Vec::new()),
        "/half" => Answer::Hold(b"HTTP/1.1 200 OK\r\nContent-".to_vec()),
        "/drip-fields" => Answer::Drip(b"HTTP/1.1 200 OK\r\n".to_vec(), b"X: y\r\n".to_vec()),
        "/informational" => Answer::Drip(Vec::new(), b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec()),
        "/stuck" => Answer::Hold([&held[..], b"pict"].concat()),
        "/drip" => Answer::Drip(held.clone(), b"x".to_vec()),
        _ => redirect("/silent"),
    })
    .await;
    // A listener that never answers the handshake of TLS.
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mute_port = mute.local_addr().unwrap().port();
    let mut short = settings(&dns, &[origin.port(), mute_port]);
    short.deadlines.connect = Duration::from_millis(300);
    short.deadlines.fields = Duration::from_millis(300);
    short.deadlines.idle = Duration::from_millis(300);
    short.deadlines.total = Duration::from_millis(1500);
    let fetcher = Fetcher::new(short).unwrap();
    let began = std::time::Instant::now();
    for (path, expected) in [
        ("silent", "fields_timeout"),
        ("half", "fields_timeout"),
        ("drip-fields", "fields_timeout"),
        ("informational", "fields_timeout"),
        ("moved", "fields_timeout"),
        ("stuck", "idle_timeout"),
        ("drip", "total_timeout"),
    ] {
        let found = name(get_all(&fetcher, &format!("http://good.test:{}/{path}", origin.port())).await);
        assert_eq!(found, expected, "{path}");
    }
    assert_eq!(name(get(&fetcher, &format!("https://good.test:{mute_port}/")).await), "connect_timeout");
    assert!(began.elapsed() < Duration::from_secs(30));
}
