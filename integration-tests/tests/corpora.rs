//! The real activities of `../shared/corpora`, judged natively: what is legitimate passes, what is hostile does not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use integration_tests::corpora::{self, column};
use integration_tests::replay::{Outcome, replay};

const TEST_HOSTS: &str = r#"{"inbox":{"origin":{"allow_http":true}}}"#;

/// The verdicts of the manifest that each policy has to accept. The others are printed, not judged: they say nothing about acceptance, and `pass-toy` are
/// stubs on hosts such as `inst`.
const LEGITIMATE: [(&str, &[&str]); 2] = [("default", &["pass"]), ("test-hosts", &["pass", "pass-http"])];

struct Judged {
    /// The name of the file.
    file: String,
    /// `inbound` or `negative`.
    folder: String,
    verdict: String,
    software: String,
    outcome: Outcome,
}

fn judge(set: &Path, policy: &str) -> Vec<Judged> {
    let open = set.join("open");
    let outcomes = replay(policy, &[&open.join("inbound"), &open.join("negative")]);
    let rows = corpora::manifest(set);
    let rows = rows.iter().filter(|row| !column(row, "file").starts_with("open/objects/"));
    rows.filter_map(|row| {
        let file = column(row, "file");
        let mut parts = file.trim_start_matches("open/").split('/');
        let (folder, name) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        let relevant = folder == "inbound" || column(row, "stage") == "inbox";
        relevant.then(|| Judged {
            software: name.split("--").next().unwrap_or_default().to_owned(),
            file: name,
            folder,
            verdict: column(row, "verdict").to_owned(),
            outcome: outcomes.get(&set.join(file).display().to_string()).expect("every file is replayed").clone(),
        })
    })
    .collect()
}

fn print_table(title: &str, judged: &[Judged]) {
    println!("\n{title}\n{:<28} {:<12} {:>6} {:>7}  refused by", "source software", "verdict", "accept", "refused");
    let mut lines: BTreeMap<(&str, &str), (u32, u32, BTreeSet<&str>)> = BTreeMap::new();
    for one in judged {
        let line = lines.entry((&one.software, &one.verdict)).or_default();
        match &one.outcome.rule {
            None => line.0 += 1,
            Some(rule) => {
                line.1 += 1;
                line.2.insert(rule);
            }
        }
    }
    for ((software, verdict), (accepted, refused, rules)) in lines {
        let rules = rules.into_iter().collect::<Vec<_>>().join(" ");
        println!("{software:<28} {verdict:<12} {accepted:>6} {refused:>7}  {rules}");
    }
}

#[test]
fn legitimate_activities_are_accepted() {
    let Some(set) = corpora::set("activities") else { return };
    let exceptions = corpora::table(&xtask::workspace::root().join("integration-tests/data/exceptions.tsv"));
    let mut unused: BTreeSet<String> = exceptions.iter().map(|row| format!("{row:?}")).collect();
    let mut failures = Vec::new();
    for (name, verdicts) in LEGITIMATE {
        let judged = judge(&set, if name == "default" { "{}" } else { TEST_HOSTS });
        print_table(&format!("policy: {name}"), &judged);
        for one in judged.iter().filter(|one| one.folder == "inbound" && verdicts.contains(&one.verdict.as_str())) {
            let Some(rule) = &one.outcome.rule else { continue };
            let exception = exceptions.iter().find(|row| {
                let pattern = column(row, "file");
                let fits = match pattern.strip_suffix('*') {
                    Some(prefix) => one.file.starts_with(prefix),
                    None => one.file == pattern,
                };
                fits && column(row, "policy") == name && column(row, "rule") == rule
            });
            match exception {
                Some(row) => drop(unused.remove(&format!("{row:?}"))),
                None => failures.push(format!("{name}: {} ({}) refused by {rule}", one.file, one.verdict)),
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(unused.is_empty(), "exceptions that no file needs: {unused:#?}");
}

#[test]
fn hostile_activities_are_refused_by_the_rule_meant_for_them() {
    let Some(set) = corpora::set("activities") else { return };
    let expected = corpora::table(&xtask::workspace::root().join("integration-tests/data/hostile.tsv"));
    let rule_for = |file: &str| expected.iter().find(|row| column(row, "file") == file).map(|row| column(row, "rule"));
    let hostile = |policy| judge(&set, policy).into_iter().filter(|one| one.folder == "negative");
    for one in hostile("{}") {
        assert_eq!(one.outcome.verdict, "reject", "by default: {}", one.file);
    }
    let mut judged = 0;
    for one in hostile(TEST_HOSTS) {
        let rule = rule_for(&one.file).unwrap_or_else(|| panic!("data/hostile.tsv has no line for {}", one.file));
        assert_eq!(one.outcome.rule.as_deref(), Some(rule), "where test hosts are allowed: {}", one.file);
        judged += 1;
    }
    assert_eq!(judged, expected.len(), "a line of data/hostile.tsv has no file");
}
