//! The lists of addresses that validators of e-mail are tested with, against what a sign-up should take of them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sekisho::signup::Address;

/// One test of `isemail`.
struct Case {
    address: String,
    category: String,
    diagnosis: String,
}

/// What `isemail` says becomes of an address, and whether a sign-up takes it:
///
/// - `VALID_CATEGORY` (an ordinary address) and `DNSWARN` (the same, but nobody has the domain: not ours to look up) are taken, but for a domain of one label;
/// - `RFC5321` (valid for SMTP, with unusual elements: quoted strings, address literals, one label, a top-level domain of digits) is not, on purpose: other software reads these differently;
/// - `CFWS` (comments, white space), `DEPREC` (obsolete forms), `RFC5322` (too long, domains with anything in them), `ERR` (invalid) are not.
fn is_expected(case: &Case) -> bool {
    let is_ordinary = matches!(&*case.category, "ISEMAIL_VALID_CATEGORY" | "ISEMAIL_DNSWARN");
    let domain = case.address.rsplit('@').next().unwrap_or_default();
    is_ordinary && domain.contains('.')
}

/// The JSON was made from the XML without the white space around addresses: what is left of a test of that is an ordinary address.
fn has_lost_its_point(case: &Case) -> bool {
    case.diagnosis.ends_with("_FWS") && !case.address.contains([' ', '\t', '\r', '\n'])
}

fn corpus() -> Option<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora/headers/open/email");
    if corpus.is_dir() {
        return Some(corpus);
    }
    println!("skipped: {} is absent (it is shared beside the repository, not in it)", corpus.display());
    None
}

fn read(path: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => json(&text),
        _ => xml(&text),
    }
}

fn json(text: &str) -> Vec<Case> {
    let tests: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    let field = |test: &serde_json::Value, key: &str| test[key].as_str().unwrap_or_default().to_owned();
    let case = |test| Case {
        address: with_controls(&field(test, "address")),
        category: field(test, "category"),
        diagnosis: field(test, "diagnosis"),
    };
    tests.iter().map(case).collect()
}

fn xml(text: &str) -> Vec<Case> {
    let field = |test: &str, key: &str| {
        let (_, rest) = test.split_once(&format!("<{key}>")).unwrap_or_default();
        unescape(rest.split_once(&format!("</{key}>")).map_or("", |(value, _)| value))
    };
    let tests = text.split("<test ").skip(1);
    let case = |test| Case {
        address: with_controls(&field(test, "address")),
        category: field(test, "category"),
        diagnosis: field(test, "diagnosis"),
    };
    tests.map(case).collect()
}

fn unescape(text: &str) -> String {
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (entity, rest) = part.split_once(';').unwrap();
        match entity {
            "amp" => out.push('&'),
            "lt" => out.push('<'),
            "gt" => out.push('>'),
            "quot" => out.push('"'),
            "apos" => out.push('\''),
            number => {
                let hex = number.strip_prefix("#x").unwrap_or_else(|| panic!("&{entity};"));
                out.push(char::from_u32(u32::from_str_radix(hex, 16).unwrap()).unwrap());
            }
        }
        out.push_str(rest);
    }
    out
}

/// The files write control characters as the symbols for them, from U+2400 on, since XML has no NUL.
fn with_controls(text: &str) -> String {
    let control = |c: char| match u32::from(c) {
        symbol @ 0x2400..=0x241f => char::from_u32(symbol - 0x2400).unwrap(),
        _ => c,
    };
    text.chars().map(control).collect()
}

#[test]
fn the_lists_are_read_as_expected() {
    let Some(corpus) = corpus() else { return };
    let mut files: Vec<PathBuf> = std::fs::read_dir(&corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut wrong = Vec::new();
    let mut total = 0;
    for path in files.iter().filter(|path| !path.to_string_lossy().ends_with("meta.xml")) {
        let mut cases = read(path);
        assert!(!cases.is_empty(), "{}", path.display());
        let read = cases.len();
        cases.retain(|case| !has_lost_its_point(case));
        let name = path.file_name().unwrap().to_string_lossy();
        let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for case in &cases {
            let accepted = Address::parse(&case.address);
            let (yes, no) = counts.entry(&case.category).or_default();
            *if accepted.is_ok() { yes } else { no } += 1;
            if accepted.is_ok() != is_expected(case) {
                wrong.push(format!("{name}: {:?} ({}): {accepted:?}", case.address, case.diagnosis));
            }
        }
        total += cases.len();
        println!("{name}: {} addresses, {} left out", cases.len(), read - cases.len());
        for (category, (accepted, refused)) in counts {
            println!("  {category:24} {accepted:3} accepted {refused:3} refused");
        }
    }
    println!("{total} addresses, {} not as expected", wrong.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}
