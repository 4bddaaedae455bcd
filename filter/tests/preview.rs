//! Previews as they are and as an attacker would have them: nothing of a stranger's gets further than it may, and what is right stays byte by byte.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use sekisho::policy::Policy;
use sekisho::preview::{Cleaned, Preview};
use serde_json::{Value, json};

#[allow(dead_code, reason = "shared with the end-to-end tests")]
#[path = "../../integration-tests/src/previews.rs"]
mod previews;

const OWN_HOST: &[u8] = b"own.example";

fn policy(preview: &Value) -> Policy {
    Policy::parse(json!({ "preview": preview }).to_string().as_bytes()).unwrap()
}

fn cleaned(preview: &Preview, body: &[u8]) -> Cleaned {
    preview.clean(body, &preview.request(previews::target().as_bytes(), Some(OWN_HOST)))
}

/// What is passed on.
fn passed(preview: &Preview, body: &[u8]) -> Vec<u8> {
    cleaned(preview, body).body.unwrap_or_else(|| body.to_vec())
}

/// What must never be passed on, as an independent reading sees it.
fn faults(preview: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |what: &str, value: &Value| faults.push(format!("{what}: {value}"));
    let breaks_out =
        |text: &str| text.contains(['"', '\'', '(', ')', '\\', '<', '>']) || text.contains(char::is_whitespace);
    for key in ["icon", "thumbnail"] {
        match &preview[key] {
            Value::Null => {}
            Value::String(text)
                if !breaks_out(text)
                    && (text.starts_with("https://")
                        || text.starts_with("/proxy/")
                        || text.starts_with("http://own.example")) => {}
            other => fault(key, other),
        }
    }
    match &preview["player"]["url"] {
        Value::Null => {}
        Value::String(text) => {
            let url = url::Url::parse(text).unwrap();
            let known = ["www.youtube.com", "player.vimeo.com", "open.spotify.com", "w.soundcloud.com"];
            let is_fit =
                url.scheme() == "https" && url.as_str() == text && url.port().is_none() && url.username().is_empty();
            if !is_fit || !known.contains(&url.host_str().unwrap()) {
                fault("player", &preview["player"]["url"]);
            }
        }
        other => fault("player", other),
    }
    if let Some(url) = preview["url"].as_str()
        && !["http", "https"].contains(&url::Url::parse(url).unwrap().scheme())
    {
        fault("url", &preview["url"]);
    }
    faults
}

#[test]
fn each_case_becomes_what_it_should() {
    let cases = previews::all();
    for case in &cases {
        let policy = policy(&case.policy);
        let cleaned = cleaned(&policy.preview, &case.body);
        let changes: Vec<&str> = cleaned.changes.iter().map(|change| change.as_str()).collect();
        assert_eq!(changes, case.changes, "{}", case.name);
        let body = cleaned.body.map(|body| serde_json::from_slice::<Value>(&body).unwrap());
        assert_eq!(body, case.becomes, "{}", case.name);
        // What is clean stays as it is.
        let passed = passed(&policy.preview, &case.body);
        assert_eq!(self::cleaned(&policy.preview, &passed), Cleaned::default(), "{}", case.name);
    }
    let hostile = cases.iter().filter(|case| !case.changes.is_empty()).count();
    println!("{hostile} previews that must not pass as they are, {} that must", cases.len() - hostile);
    assert!(hostile >= 30 && cases.len() - hostile >= 5);
}

#[test]
fn a_player_that_was_taken_away_is_named_by_its_host() {
    let policy = policy(&json!({}));
    for (url, host) in
        [("https://tube.example/embed/1", Some("tube.example")), ("http://tube.example/", None), ("javascript:1", None)]
    {
        let cleaned = cleaned(&policy.preview, json!({"player": {"url": url}}).to_string().as_bytes());
        assert_eq!(cleaned.player_host.as_deref(), host, "{url}");
    }
}

/// The folder of the shared previews, or `None` with the reason printed.
fn corpus() -> Option<PathBuf> {
    let root = std::env::var_os("SEKISHO_CORPORA").map(PathBuf::from);
    let root = root.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora"));
    let set = root.join("summaly/open");
    if set.is_dir() {
        return Some(set);
    }
    println!("skipped: {} is absent (it is shared beside the repository, not in it)", set.display());
    None
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .iter()
        .map(|file| (file.file_name().unwrap().to_string_lossy().into_owned(), fs::read(file).unwrap()))
        .collect()
}

#[test]
fn previews_that_summaly_makes() {
    let Some(corpus) = corpus() else { return };
    let (strict, listed) = (policy(&json!({})), policy(&json!({"player_hosts": ["example.com"]})));
    let (mut players, mut kept, mut none) = (BTreeSet::new(), 0, 0);
    for (name, body) in files(&corpus.join("output")) {
        let given: Value = serde_json::from_slice(&body).unwrap();
        let url = given["player"]["url"].as_str();
        players.extend(url.map(str::to_owned));
        assert!(url.is_none() || !name.contains("--invalid--"), "{name}");
        // Nothing is wrong with any of them but that nobody listed the host.
        assert_eq!(cleaned(&listed.preview, &body), Cleaned::default(), "{name}");
        let is_known = url.is_none_or(|url| url.starts_with("https://www.youtube.com/"));
        if is_known {
            assert_eq!(cleaned(&strict.preview, &body), Cleaned::default(), "{name}");
            kept += usize::from(url.is_some());
            none += usize::from(url.is_none());
            continue;
        }
        let passed: Value = serde_json::from_slice(&passed(&strict.preview, &body)).unwrap();
        let mut expected = given.clone();
        expected["player"] = json!({"url": null, "width": null, "height": null, "allow": []});
        assert_eq!(passed, expected, "{name}");
    }
    println!("{} players, {kept} previews keep theirs, {none} have none", players.len());
    assert!(kept >= 3 && none >= 11, "{kept} {none}");
}

#[test]
fn previews_that_misskey_is_tested_with() {
    let Some(corpus) = corpus() else { return };
    let policy = policy(&json!({"player_hosts": ["example.local"]}));
    let mut frames = 0;
    for (name, file) in files(&corpus.join("misskey-consumer")) {
        let file: Value = serde_json::from_slice(&file).unwrap();
        let body = file["summaly"].to_string();
        assert_eq!(cleaned(&policy.preview, body.as_bytes()), Cleaned::default(), "{name}");
        // The frame is what it was, as Misskey makes it, and the browser takes it by the same list.
        let player = file["summaly"]["player"]["url"].as_str();
        let Some(src) = file["frontend_expect"]["iframe_src"].as_str() else { continue };
        assert_eq!(player.map(|url| format!("{url}?autoplay=1&auto_play=1")).as_deref(), Some(src), "{name}");
        assert!(
            policy.preview.settings.frame_sources().iter().any(|source| src.starts_with(source.as_str())),
            "{name}"
        );
        frames += 1;
    }
    assert!(frames > 0);
}

const PREVIEW: &str = r#"{"title":"t \u00e9 \ud83d\ude00","icon":"https://own.example/proxy/preview.webp?url=https%3A%2F%2Fa.example%2Ff.ico&preview=1",
"description":"d","thumbnail":"https://own.example/proxy/preview.webp?url=x&preview=1","thumbnailStyle":null,"player":{"url":"https://www.youtube.com/embed/x?feature=oembed",
"width":200,"height":113,"allow":["autoplay","fullscreen"]},"sitename":"s","sensitive":false,"activityPub":null,"fediverseCreator":"@a@a.example","url":"https://a.example/","x":{"y":[1]}}"#;

/// What a mutation may put in.
const PIECES: [&str; 32] = [
    "\"",
    "\\",
    "'",
    "(",
    ")",
    "\n",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "1e400",
    "\\ud83d",
    "\\u0000",
    "\u{202e}",
    "@evil.example/",
    "https://evil.example/",
    "//",
    "javascript:",
    "data:",
    "http:",
    "HTTPS:\\\\",
    "\\t",
    ":8443",
    "\"player\":",
    "\"url\":\"https://evil.example/\",",
    "\"__proto__\":{},",
    "%",
    "..",
    "é",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_become_json_or_stay_nothing(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let policy = policy(&json!({}));
        let passed = passed(&policy.preview, &body);
        prop_assert!(passed.is_empty() || serde_json::from_slice::<Value>(&passed).is_ok());
        prop_assert_eq!(cleaned(&policy.preview, &passed), Cleaned::default());
    }

    #[test]
    fn what_comes_out_is_clean(
        edits in proptest::collection::vec((0..1usize << 16, 0..30usize, prop_oneof![Just(None), (0..PIECES.len()).prop_map(Some)]), 1..5)
    ) {
        let mut body = PREVIEW.as_bytes().to_vec();
        for (at, remove, piece) in edits {
            let at = at % (body.len() + 1);
            let end = (at + remove).min(body.len());
            body.splice(at..end, piece.map_or(&b""[..], |piece| PIECES[piece].as_bytes()).iter().copied());
        }
        let policy = policy(&json!({}));
        let passed = passed(&policy.preview, &body);
        prop_assert_eq!(cleaned(&policy.preview, &passed), Cleaned::default(), "{}", String::from_utf8_lossy(&passed));
        let passed: Value = serde_json::from_slice(&passed).unwrap();
        prop_assert_eq!(faults(&passed), Vec::<String>::new(), "{}", passed);
    }

    #[test]
    fn whatever_stands_in_a_field(text in "\\PC{0,40}|[ -~]{0,40}|(https?:|javascript:|/proxy)?[/\\\\]{0,3}[a-z@.:]{0,6}(www\\.youtube\\.com|evil\\.example)?[ -~]{0,12}", field in 0..5usize) {
        let preview = match field {
            0 => json!({"icon": text}),
            1 => json!({"thumbnail": text}),
            2 => json!({"url": text, "activityPub": text}),
            3 => json!({"title": text, "sitename": text, "fediverseCreator": text, "other": text}),
            _ => json!({"player": {"url": text, "width": text, "height": 7, "allow": [text]}}),
        };
        let policy = policy(&json!({}));
        let passed = passed(&policy.preview, preview.to_string().as_bytes());
        prop_assert_eq!(cleaned(&policy.preview, &passed), Cleaned::default());
        let passed: Value = serde_json::from_slice(&passed).unwrap();
        prop_assert_eq!(faults(&passed), Vec::<String>::new(), "{}", passed);
    }
}

#[test]
fn the_unmutated_preview_stays() {
    let policy = policy(&json!({}));
    assert_eq!(cleaned(&policy.preview, PREVIEW.as_bytes()), Cleaned::default());
}
