//! `sekisho replay`

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;

use sekisho::answer::Answer;
use sekisho::http::host;
use sekisho::policy::Policy;
use serde_json::{Value, json};

use super::source::{Delivery, deliveries};
use super::{Failure, parse_policy, print, read_policy};

/// Decides about each delivery in the paths and prints one JSON line for each.
pub fn run(args: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    let arguments = parse(args)?;
    let policy = match &arguments.policy {
        Some(path) => read_policy(path, &arguments.keys)?,
        None => parse_policy(&PathBuf::from("default policy"), b"", &arguments.keys)?,
    };
    for path in &arguments.paths {
        let mut lines = String::new();
        for delivery in deliveries(path)? {
            let _ = writeln!(lines, "{}", replay(&policy, arguments.host.as_deref(), &delivery));
        }
        print(&lines)?;
    }
    Ok(())
}

#[derive(Default)]
struct Arguments {
    policy: Option<PathBuf>,
    keys: Vec<String>,
    host: Option<String>,
    paths: Vec<PathBuf>,
}

fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Arguments, Failure> {
    let mut arguments = Arguments::default();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| Failure::Usage(format!("{} needs a value", arg.display())));
        match arg.to_str() {
            Some("--policy") => arguments.policy = Some(value()?.into()),
            Some("--set") => arguments.keys.push(value()?.to_string_lossy().into_owned()),
            Some("--host") => arguments.host = Some(host_name(&value()?.to_string_lossy())?),
            // What time it is: taken now so that scripts stay the same, used by no rule of this version.
            Some("--now") => check_rfc3339(&value()?.to_string_lossy())?,
            Some(option) if option.starts_with("--") => return Err(Failure::Usage(format!("unknown option {option}"))),
            _ => arguments.paths.push(arg.into()),
        }
    }
    if arguments.paths.is_empty() {
        return Err(Failure::Usage("replay needs a file or folder".to_owned()));
    }
    Ok(arguments)
}

fn host_name(text: &str) -> Result<String, Failure> {
    host::name(text).ok_or_else(|| Failure::Usage(format!("--host: {text} is no name of a host")))
}

/// Whether this looks like an RFC 3339 time, such as `2026-11-22T14:00:00Z`.
fn check_rfc3339(time: &str) -> Result<(), Failure> {
    let form = "dddd-dd-ddTdd:dd:dd";
    let fits =
        |(pattern, c): (char, char)| if pattern == 'd' { c.is_ascii_digit() } else { c.eq_ignore_ascii_case(&pattern) };
    let zone = time.get(form.len()..).unwrap_or_default();
    let zoned = zone.ends_with(['Z', 'z']) || zone.contains(['+', '-']);
    if zoned && form.chars().zip(time.chars()).all(fits) {
        Ok(())
    } else {
        Err(Failure::Usage(format!("--now: {time} is no RFC 3339 time such as 2026-11-22T14:00:00Z")))
    }
}

/// The decision for a host, or for the one that the request itself names.
fn replay(policy: &Policy, host: Option<&str>, delivery: &Delivery) -> Value {
    let named = delivery.head.host_name();
    let decision = policy.site(host.or(named.as_deref())).decide(&delivery.head, &delivery.body);
    let refusal = decision.refusal.as_ref();
    let status = refusal.map(|refusal| Answer::to(refusal).status);
    json!({
        "source": delivery.source,
        "verdict": decision.verdict().as_str(),
        // The status of what is accepted is the origin server's to choose.
        "status": status,
        "rule": decision.rule(),
        "shadow": decision.shadow_rules(),
        "reason": refusal.map(|refusal| format!("{} {}", refusal.finding.place, refusal.finding.reason)),
    })
}
