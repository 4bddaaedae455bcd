//! Google's CSP Evaluator (npm `csp_evaluator`) about the policies of the presets: a second opinion, by people who collect bypasses.

use std::io::Write as _;
use std::process::{Command, Stdio};

use integration_tests::npm;
use sekisho::page::PageRequest;
use sekisho::page::fields::Received;
use sekisho::policy::Policy;
use serde_json::{Value, json};

const VERSION: &str = "csp_evaluator@1.1.5";

/// Reads policies by name, prints `[name, severity, directive, value, description]` of each finding.
const SCRIPT: &str = "
const { CspEvaluator } = require('csp_evaluator/dist/evaluator.js');
const { CspParser } = require('csp_evaluator/dist/parser.js');
const { Severity } = require('csp_evaluator/dist/finding.js');
const policies = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const found = Object.entries(policies).flatMap(([name, policy]) => new CspEvaluator(new CspParser(policy).csp).evaluate()
	.map(f => [name, Severity[f.severity], f.directive, f.value ?? '', f.description]));
console.log(JSON.stringify(found));
";

/// The policy of the page at `/`, by https.
fn policy(page: &str) -> String {
    let policy = Policy::parse(format!(r#"{{"page":{{{page}}}}}"#).as_bytes()).unwrap();
    let request = PageRequest { host: Some("social.example".into()), is_https: true, ..PageRequest::of(b"/") };
    let changes = policy.page.response(&request, 200, Received(&[(b"content-type", b"text/html; charset=utf-8")]));
    changes.add.into_iter().find(|(name, _)| *name == "content-security-policy").unwrap().1.into_owned()
}

fn manifest(folder: &str) -> String {
    let (sha256, sha384) = (format!("sha256-{}=", "A".repeat(43)), format!("sha384-{}", "B".repeat(64)));
    format!(
        r#""manifest":{{"version":1,"inline":{{"scripts":["{sha256}"]}},"scripts":{{"{folder}boot.js":"{sha384}"}},"modules":{{"{folder}app.js":"{sha384}"}}}}"#
    )
}

fn evaluate(policies: &Value) -> Option<Vec<[String; 5]>> {
    let mut node = Command::new("node");
    let dir = npm::install("csp-evaluator", VERSION, "csp_evaluator/dist/evaluator.js")?;
    node.args(["-e", SCRIPT]).current_dir(dir).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = node.spawn().unwrap();
    child.stdin.take().unwrap().write_all(policies.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn nothing_of_high_or_medium_severity_in_a_strict_preset() {
    let strict = [("misskey", "/vite/"), ("mastodon", "/packs/"), ("generic", "/assets/")];
    let mut policies = json!({ "one that is none": "script-src 'unsafe-inline' *" });
    for (preset, folder) in strict {
        policies[preset] = policy(&format!(r#""preset":"{preset}",{}"#, manifest(folder))).into();
        policies[format!("{preset}, no manifest")] = policy(&format!(r#""preset":"{preset}""#)).into();
    }
    // Only told: hosts of captchas serve more than captchas.
    for captcha in ["hcaptcha", "recaptcha", "turnstile"] {
        let page = format!(r#""preset":"misskey","captcha":"{captcha}",{}"#, manifest("/vite/"));
        policies[captcha] = policy(&page).into();
    }
    let Some(found) = evaluate(&policies) else { return };
    for [name, severity, directive, value, description] in &found {
        println!("{name:<24} {severity:<14} {directive} {value}: {description}");
    }
    let of = |name: &str, severities: &[&str]| {
        let found = found.iter().filter(|[of, severity, ..]| of == name && severities.contains(&severity.as_str()));
        found.count()
    };
    for (preset, _) in strict {
        assert_eq!(of(preset, &["HIGH", "MEDIUM", "SYNTAX"]), 0, "{preset}: {found:#?}");
    }
    assert!(of("one that is none", &["HIGH"]) > 0, "the evaluator finds nothing anywhere");
}
