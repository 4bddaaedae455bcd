//! The media service behind Envoy, by the contract that a drop-in replacement of Misskey's proxy keeps.

use integration_tests::media::picture::Picture;
use integration_tests::media::{Media, encoded, folder, origin};
use xtask::http::Response;

/// What each flag makes of each type: status, media type, size in pixels, frames. `=` is the file as it is.
const TABLE: &str = "
emoji              still.png    200 image/webp        192x128 1
emoji              alpha.png    200 image/webp        192x128 1
emoji              turned.jpg   200 image/webp        192x128 1
emoji              moving.gif   200 image/webp        256x128 3
emoji              moving.webp  200 image/webp        256x128 3
emoji              moving.apng  200 image/apng        =       -
emoji              still.webp   200 image/webp        192x128 1
emoji              still.avif   200 image/webp        192x128 1
emoji              still.bmp    200 image/webp        20x12   1
emoji              still.ico    200 image/webp        16x16   1
emoji              still.cur    200 image/webp        16x16   1
emoji              still.tiff   200 image/webp        192x128 1
emoji              palette.tiff 200 image/webp        192x128 1
emoji              drawn.svg    200 image/webp        171x128 1
emoji&static       moving.gif   200 image/webp        256x128 1
emoji&static       moving.webp  200 image/webp        256x128 1
emoji&static       moving.apng  200 image/webp        256x128 1
emoji=0            moving.gif   200 image/webp        256x128 3
avatar             still.png    200 image/webp        480x320 1
avatar             turned.jpg   200 image/webp        240x160 1
avatar             moving.gif   200 image/webp        300x150 3
avatar             moving.apng  200 image/apng        =       -
avatar&static      moving.gif   200 image/webp        300x150 1
avatar&static      moving.apng  200 image/webp        300x150 1
static             still.png    200 image/webp        498x332 1
static             turned.jpg   200 image/webp        160x240 1
static             moving.gif   200 image/webp        300x150 1
static             moving.apng  200 image/webp        300x150 1
static             still.avif   200 image/webp        240x160 1
static             still.tiff   200 image/webp        240x160 1
static             drawn.svg    200 image/webp        498x374 1
preview            still.png    200 image/webp        200x133 1
preview            turned.jpg   200 image/webp        133x200 1
preview            moving.webp  200 image/webp        200x100 1
preview            drawn.svg    200 image/webp        200x150 1
preview            still.ico    200 image/webp        16x16   1
badge              alpha.png    200 image/png         96x96   1
badge              moving.gif   200 image/png         96x96   1
badge              plain.png    404 -                 -       -
-                  drawn.svg    200 image/webp        640x480 1
-                  still.png    200 image/png         =       -
-                  turned.jpg   200 image/jpeg        =       -
-                  moving.gif   200 image/gif         =       -
-                  moving.webp  200 image/webp        =       -
-                  moving.apng  200 image/apng        =       -
-                  still.avif   200 image/avif        =       -
-                  still.bmp    200 image/bmp         =       -
-                  still.tiff   200 image/tiff        =       -
-                  still.ico    200 image/x-icon      =       -
-                  still.cur    200 image/x-icon      =       -
-                  sound.mp3    200 audio/mpeg        =       -
-                  sound.wav    200 audio/wav         =       -
-                  sound.flac   200 audio/flac        =       -
-                  sound.opus   200 audio/opus        =       -
-                  film.mp4     200 video/mp4         =       -
-                  film.mov     200 video/quicktime   =       -
-                  film.webm    200 video/webm        =       -
-                  page.html    403 -                 -       -
static             film.mp4     404 -                 -       -
emoji              sound.mp3    404 -                 -       -
avatar             page.html    404 -                 -       -
preview            film.webm    404 -                 -       -
badge              sound.wav    404 -                 -       -
fallback           still.png    200 image/png         =       -
static&fallback    still.png    200 image/webp        498x332 1
origin             still.png    200 image/png         =       -
";

const FOREVER: &str = "max-age=31536000, immutable";
const BRIEFLY: &str = "max-age=300";

#[test]
fn every_row_of_the_contract() {
    let media = Media::start("", |options| options);
    let rows: Vec<Vec<&str>> = TABLE.lines().map(|line| line.split_whitespace().collect()).collect();
    let mut wrong = Vec::new();
    for row in rows.iter().filter(|row| !row.is_empty()) {
        let [flags, file, status, media_type, size, frames] = row[..] else { panic!("{row:?}") };
        let flags = if flags == "-" { "" } else { flags };
        let answer = media.get(&media.target(&format!("/data/{file}"), flags));
        let found = if media_type == "-" { "-" } else { answer.field("content-type").unwrap_or("-") };
        let original = std::fs::read(folder().join(file)).unwrap();
        let (found_size, found_frames) = match Picture::read(&answer.body) {
            _ if size == "=" && answer.body == original => ("=".to_owned(), "-".to_owned()),
            Some(Picture { width, height, frames, .. }) => (format!("{width}x{height}"), frames.to_string()),
            None => ("-".to_owned(), "-".to_owned()),
        };
        let found = [&answer.status.to_string(), found, &found_size, &found_frames].map(str::to_owned);
        if found != [status, media_type, size, frames] {
            wrong.push(format!("{row:?} came to {found:?}"));
        }
        let fields = match status {
            "200" => fields(FOREVER, Some(&disposition(file, media_type))),
            _ => fields(BRIEFLY, None),
        };
        wrong.extend(differences(&answer, &fields).map(|difference| format!("{row:?}: {difference}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    media.assert_upstream_saw_none();
    // The origin is told who asks, and nothing about the client.
    let heads = media.origin.take_heads();
    assert!(heads.iter().all(|head| head.starts_with("GET /data/")), "{heads:#?}");
    let head = heads[0].to_lowercase();
    assert!(head.contains("via: 1.1 sekisho-media") && head.contains("cdn-loop: sekisho-media"), "{head}");
    assert!(!head.contains("x-forwarded-for") && !head.contains("mozilla"), "{head}");
}

#[test]
fn what_is_no_picture_of_anything() {
    let media = Media::start("", |options| options);
    let (source, absent) = (encoded(&media.origin.url("/data/still.png")), encoded(&media.origin.url("/status/404")));
    let gone = encoded(&media.origin.url("/status/410"));
    let browser = "User-Agent: Mozilla/5.0\r\n";
    let ask = |method: &str, target: &str, fields: &str| {
        let request = integration_tests::media::request(method, target, &format!("Connection: close\r\n{fields}"));
        integration_tests::client::exchange(media.stack.addr(), &request).unwrap()
    };
    for (status, method, target, fields) in [
        (200, "GET", format!("/proxy/?url={source}"), browser),
        (200, "GET", format!("/proxy?url={source}"), browser),
        (200, "GET", format!("/proxy/a/b/c.png?url={source}"), browser),
        (200, "GET", format!("/%70roxy//x.webp?url={source}"), browser),
        (200, "GET", format!("/proxy/inbox?url={source}"), browser),
        (200, "GET", format!("/proxy/image.webp?static=1&url={source}&unknown=1"), browser),
        (400, "GET", format!("/proxy/image.webp?url={source}&url={source}"), browser),
        (400, "GET", "/proxy/image.webp?url=nonsense".into(), browser),
        // Without `url`, the source is the rest of the path; the origin here has no TLS.
        (502, "GET", format!("/proxy/127.0.0.1:{}/data/still.png", media.origin.addr().port()), browser),
        (400, "GET", format!("/proxy/image.webp?url={source}"), ""),
        (403, "GET", format!("/proxy/image.webp?url={source}"), "User-Agent: Misskey/2026.1.0 (https://a.example)\r\n"),
        (508, "GET", format!("/proxy/image.webp?url={source}"), "User-Agent: x\r\nVia: 1.1 a, 1.1 sekisho-media\r\n"),
        (508, "GET", format!("/proxy/image.webp?url={source}"), "User-Agent: x\r\nCDN-Loop: sekisho-media\r\n"),
        (404, "GET", format!("/proxy/image.webp?url={absent}"), browser),
        (410, "GET", format!("/proxy/image.webp?static&url={gone}"), browser),
        (502, "GET", format!("/proxy/image.webp?url={}", encoded(&media.origin.url("/status/500"))), browser),
        (403, "GET", "/proxy/image.webp?url=http://10.0.0.1/x.png".into(), browser),
        (403, "GET", format!("/proxy/image.webp?url={}", encoded("https://a.example/proxy/x.webp?url=b")), browser),
        (405, "POST", format!("/proxy/image.webp?url={source}"), browser),
        (405, "POST", "/proxy/inbox".into(), "User-Agent: x\r\nContent-Length: 0\r\n"),
        (405, "DELETE", "/proxy/".into(), browser),
        (204, "OPTIONS", format!("/proxy/image.webp?url={source}"), browser),
    ] {
        let answer = ask(method, &target, fields);
        assert_eq!(answer.status, status, "{method} {target} {fields}: {}", answer.head);
        if status > 400 && status != 405 {
            // Chains end at the filter already, whose answers nobody keeps.
            let is_brief = |value: &str| value.ends_with(BRIEFLY) || value == "no-store";
            assert!(answer.field("cache-control").is_some_and(is_brief), "{}", answer.head);
        }
    }
    for (target, expected) in [(absent, 200), (encoded("http://10.0.0.1/"), 200)] {
        let answer = media.get(&format!("/proxy/image.webp?fallback=1&url={target}"));
        assert_eq!((answer.status, answer.field("content-type")), (expected, Some("image/png")), "{target}");
        assert_eq!(answer.field("cache-control"), Some(BRIEFLY));
        assert!(Picture::read(&answer.body).is_some());
    }
    media.assert_upstream_saw_none();
}

#[test]
fn a_film_is_streamed_and_a_part_of_it() {
    let media = Media::start("", |options| options);
    let film = origin::film(300_000);
    let target = media.target("/film/300000", "");
    let whole = media.get(&target);
    assert_eq!((whole.status, whole.field("content-type")), (200, Some("video/mp4")));
    assert_eq!((whole.field("accept-ranges"), whole.field("content-length")), (Some("bytes"), Some("300000")));
    assert!(whole.body == film && whole.field("set-cookie").is_none());

    let part = media.ask("GET", &target, "Range: bytes=1000-1999\r\n");
    assert_eq!((part.status, part.field("content-range")), (206, Some("bytes 1000-1999/300000")));
    assert_eq!(part.body, film[1000..2000]);
    let rest = media.ask("GET", &target, "Range: bytes=299990-\r\n");
    assert_eq!((rest.status, &rest.body[..]), (206, &film[299_990..]));
    let beyond = media.ask("GET", &target, "Range: bytes=400000-\r\n");
    assert_eq!(beyond.status, 416, "{}", beyond.head);

    let head = media.ask("HEAD", &target, "");
    assert_eq!((head.status, head.field("content-length"), head.body.len()), (200, Some("300000"), 0));
    let head = media.ask("HEAD", &media.target("/data/still.png", "static=1"), "");
    assert_eq!((head.status, head.field("content-type"), head.body.len()), (200, Some("image/webp"), 0));
    // A range of what is made here is not a part of it.
    let picture = media.ask("GET", &media.target("/data/still.png", "static=1"), "Range: bytes=0-9\r\n");
    assert_eq!(picture.status, 200);
    let redirected = media.get(&media.target("/redirect/redirect/data/still.png", "static"));
    assert_eq!((redirected.status, redirected.field("content-type")), (200, Some("image/webp")));
    media.assert_upstream_saw_none();
}

/// The fields of an answer.
fn fields(caching: &str, disposition: Option<&str>) -> Vec<(&'static str, Option<String>)> {
    let csp = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'";
    let known = [
        ("cache-control", caching),
        ("content-security-policy", csp),
        ("x-content-type-options", "nosniff"),
        ("access-control-allow-origin", "*"),
        ("access-control-allow-headers", "*"),
        ("access-control-allow-methods", "GET, OPTIONS"),
    ];
    let known = known.map(|(name, value)| (name, Some(value.to_owned())));
    known.into_iter().chain([("content-disposition", disposition.map(str::to_owned)), ("set-cookie", None)]).collect()
}

fn differences<'a>(
    answer: &'a Response,
    fields: &'a [(&'static str, Option<String>)],
) -> impl Iterator<Item = String> + 'a {
    let wrong = fields.iter().filter(|(name, value)| answer.field(name) != value.as_deref());
    wrong.map(|(name, value)| format!("{name} is {:?} instead of {value:?}", answer.field(name)))
}

/// The name of the file, with the ending of its new type.
fn disposition(file: &str, media_type: &str) -> String {
    let extension = match media_type {
        "image/webp" if !file.ends_with(".webp") => ".webp",
        "image/png" if !file.ends_with(".png") => ".png",
        _ => "",
    };
    format!("inline; filename=\"{file}{extension}\"; filename*=UTF-8''{file}{extension}")
}
