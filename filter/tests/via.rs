//! `Via` and `CDN-Loop`: the collected values of others' tests, and the properties that are fuzzed, over generated input.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

#[path = "../fuzz/via_properties.rs"]
mod via_properties;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use sekisho::http::via::Via;
use serde_json::Value;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn what_is_fuzzed(data in proptest::collection::vec(
        prop_oneof![
            6 => proptest::sample::select(&b" \t\n,;:()\\\"[]/=1.aS-"[..]),
            1 => any::<u8>(),
        ],
        0..200,
    )) {
        via_properties::check(&data);
    }
}

const EMPTY_ELEMENTS: &str =
    "empty elements are skipped: a recipient MUST parse and ignore them (RFC 9110 section 5.6.1.2)";
const IPV6: &str = "an IPv6 address is read: received-by was a host until RFC 9110 (RFC 7230 section 5.7.1)";

/// Where the collection's sources judge otherwise than we do, why we do. They judge senders, and we are a recipient.
fn decision(lines: &[Vec<u8>]) -> Option<&'static str> {
    let joined = lines.join(&b',');
    if joined.contains(&b'[') {
        return Some(IPV6);
    }
    let has_empty = joined.split(|byte| *byte == b',').any(|element| element.trim_ascii().is_empty());
    has_empty.then_some(EMPTY_ELEMENTS)
}

#[test]
fn collected_grammar_vectors() {
    let Some(folder) = collection() else { return };
    let mut decided: BTreeMap<&str, usize> = BTreeMap::new();
    let mut judged = 0;
    for path in files(&folder, "vectors.json") {
        let vectors: Vec<Value> = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for vector in vectors {
            let lines = lines(&vector);
            let parsed = Via::parse(lines.iter().map(Vec::as_slice));
            let expected = vector["expect"] == "valid";
            judged += 1;
            via_properties::check(&lines.join(&b'\n'));
            if parsed.is_ok() != expected {
                let reason = decision(&lines).filter(|_| parsed.is_ok());
                let reason = reason.unwrap_or_else(|| panic!("{}: {vector}: {parsed:?}", path.display()));
                println!("decision: {vector}: {reason}");
                *decided.entry(reason).or_default() += 1;
                continue;
            }
            if let (Ok(via), Some(wanted)) = (parsed, vector["parsed"].as_array()) {
                assert_eq!(via.hops.iter().map(show).collect::<Vec<_>>(), *wanted, "{vector}");
            }
        }
    }
    println!("{judged} vectors, of which decided otherwise: {decided:?}");
    assert!(judged > 0);
}

/// What servers and proxies of the collection send.
#[test]
fn collected_messages() {
    let Some(folder) = collection() else { return };
    let (mut well_formed, mut malformed) = (0, Vec::new());
    for path in files(&folder, "") {
        let text = fs::read(&path).unwrap();
        let is_field = |line: &&[u8]| line.get(..4).is_some_and(|name| name.eq_ignore_ascii_case(b"via:"));
        for line in text.split(|byte| *byte == b'\n').filter(is_field) {
            let value = line[4..].trim_ascii();
            via_properties::check(value);
            match Via::parse([value]) {
                Ok(_) => well_formed += 1,
                Err(error) => malformed.push(format!("{}: {}: {error}", path.display(), value.escape_ascii())),
            }
        }
    }
    println!("{well_formed} well-formed; malformed:\n{}", malformed.join("\n"));
    assert!(well_formed > 0);
}

fn show(hop: &sekisho::http::via::Hop<'_>) -> Value {
    let comment = hop.comment_text().map(|text| String::from_utf8(text).unwrap());
    serde_json::json!([hop.protocol_name.unwrap_or("HTTP"), hop.protocol_version, hop.received_by, comment])
}

/// The field lines of a vector: one or several, as UTF-8 or as the code points of ISO 8859-1.
fn lines(vector: &Value) -> Vec<Vec<u8>> {
    let (value, is_latin1) = match &vector["via_latin1"] {
        Value::Null => (&vector["via"], false),
        value => (value, true),
    };
    let texts = match value {
        Value::Array(texts) => texts.iter().map(|text| text.as_str().unwrap()).collect(),
        text => vec![text.as_str().unwrap()],
    };
    let latin1 = |text: &str| text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    texts.into_iter().map(|text| if is_latin1 { latin1(text) } else { text.as_bytes().to_vec() }).collect()
}

fn collection() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora/headers/open/via");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is absent (it is shared beside the repository, not in it)", folder.display());
    None
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.to_str().unwrap().ends_with(ending)).collect();
    files.sort();
    files
}
