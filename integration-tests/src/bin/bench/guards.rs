//! The smaller guards: what loops, routes, sign-ups and previews cost a request that is none of their business, beside the inbox rules alone.

use std::net::SocketAddr;

use sekisho::registry::RULES;
use serde_json::{Map, Value, json};
use xtask::error::Result;
use xtask::origin::Origin;
use xtask::stack::{Options, Stack};

use crate::rounds::{self, Plan};
use crate::scenarios::{self, Aim, Scenario};
use crate::table;
use crate::variants::Variant;

const INBOX: &str = "inbox rules";
const GUARDS: &str = "and all guards";
/// A second process just like [`INBOX`]: how far two equal proxies come out apart is the noise.
const INBOX_AGAIN: &str = "inbox rules again";

/// The policy without pages, which are measured by themselves; and without the guards, if they are off.
fn policy(guards: bool) -> Value {
    let mut policy = json!({"page": {"mode": "off"}});
    if guards {
        return policy;
    }
    policy["preview"] = json!({"mode": "off"});
    for rule in RULES.iter().filter(|rule| matches!(rule.section(), "via" | "routes" | "signup")) {
        let Some(members) = policy.as_object_mut() else { continue };
        let section = members.entry(rule.section()).or_insert_with(|| Map::new().into());
        match rule.name() {
            Some(name) => section[name] = json!({"mode": "off"}),
            None => section["mode"] = json!("off"),
        }
    }
    policy
}

/// Measures and prints.
pub fn through_envoy(plan: Plan) -> Result<()> {
    let origin = Origin::spawn_quiet(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let start = |name, guards| -> Result<Variant> {
        let mut options = Options::new(origin.addr())?.policy(policy(guards).to_string());
        options.concurrency = Some(1);
        Ok(Variant { name, stack: Stack::start(&options)? })
    };
    let variants = [start(INBOX, false)?, start(GUARDS, true)?, start(INBOX_AGAIN, false)?];
    let aim = || Aim { who: GUARDS, of: INBOX, at_least: 0.97 };
    // The first of them: a GET of a page.
    let scenarios: Vec<Scenario> =
        scenarios::all().into_iter().take(1).map(|scenario| Scenario { aim: aim(), ..scenario }).collect();
    let measured = rounds::measure(&variants, &scenarios, plan)?;
    println!("\nThe guards, pages off: {} rounds of {} requests.", plan.rounds, plan.requests);
    for (scenario, measured) in scenarios.iter().zip(&measured) {
        table::print(scenario, measured, &[(GUARDS, INBOX), (INBOX_AGAIN, INBOX)]);
    }
    Ok(())
}
