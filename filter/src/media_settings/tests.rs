use super::*;
use crate::policy::{Overlay, Policy, REDACTED, schema};

fn settings(section: &str) -> Settings {
    Policy::parse(format!("{{\"media\":{section}}}").as_bytes()).unwrap().media
}

fn errors(section: &str) -> Vec<String> {
    let errors = Policy::parse(format!("{{\"media\":{section}}}").as_bytes()).err().unwrap_or_default();
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn the_default_fetches_from_the_public_internet_alone() {
    let default = settings("{}");
    assert!(!default.allow_http && default.signing_key.is_none() && default.workers.is_none());
    assert!(default.allowed_ports.is_empty() && default.allowed_networks.is_empty());
    assert_eq!(default.listen, "127.0.0.1:3001".parse().unwrap());
    assert_eq!((default.max_bytes, default.max_image_bytes), (262_144_000, 33_554_432));
    assert_eq!((default.deadline.as_secs(), default.job_deadline.as_secs()), (30, 5));
    assert_eq!(default.limits, Limits::default());
}

#[test]
fn all_of_it() {
    let settings = settings(
        r#"{"allow_http":true,"allowed_ports":[8080],"allowed_networks":["10.0.0.0/8","fd00::/8","192.0.2.1"],
        "denied_networks":["10.1.0.0/16"],"allowed_hosts":["a.example","b.example"],"denied_hosts":["192.0.2.9"],
        "own_hosts":["media.example"],"signing_key":"0123456789abcdef","pseudonym":"m1","listen":"[::]:80","trusted_hops":2,
        "workers":3,"queue":0,"deadline_seconds":10,"job_seconds":2,"max_bytes":2048,"max_image_bytes":1024,"cache_bytes":0,
        "client_requests_per_minute":0,"client_burst_seconds":2,"name_servers":["127.0.0.1","[::1]:5353"],"ca_file":"/etc/ca.pem"}"#,
    );
    assert_eq!(settings.allowed_networks.last().unwrap().to_string(), "192.0.2.1/32");
    assert_eq!(settings.name_servers, ["127.0.0.1:53".parse().unwrap(), "[::1]:5353".parse().unwrap()]);
    assert_eq!(settings.signing_key.as_ref().unwrap().as_bytes(), b"0123456789abcdef");
    assert_eq!((settings.workers, settings.queue, settings.trusted_hops), (Some(3), 0, 2));
    assert_eq!(settings.ca_file.as_deref(), Some("/etc/ca.pem"));
    assert!(!format!("{settings:?}").contains("0123456789"));
}

#[test]
fn errors_are_named_by_their_path() {
    for (section, error) in [
        (r#"{"allowed_networks":["10.0.0.1/8"]}"#, "$.media.allowed_networks[0]: has bits beyond its prefix"),
        (r#"{"denied_networks":["x"]}"#, "$.media.denied_networks[0]: expected a network in CIDR notation"),
        (
            r#"{"allowed_hosts":["*.a.example"]}"#,
            "$.media.allowed_hosts[0]: expected a host, without scheme, port or `*`",
        ),
        (
            r#"{"denied_hosts":["a.example:1"]}"#,
            "$.media.denied_hosts[0]: expected a host, without scheme, port or `*`",
        ),
        (r#"{"own_hosts":["a..b"]}"#, "$.media.own_hosts[0]: expected a host, without scheme, port or `*`"),
        (r#"{"signing_key":"short"}"#, "$.media.signing_key: expected 16 to 1024 bytes, or none"),
        (r#"{"signing_key":"<redacted>"}"#, "$.media.signing_key: expected 16 to 1024 bytes, or none"),
        (r#"{"pseudonym":"a b"}"#, "$.media.pseudonym: expected letters, digits, `-`, `.` and `_`"),
        (r#"{"listen":"localhost"}"#, "$.media.listen: expected an address and a port"),
        (r#"{"name_servers":["dns.example"]}"#, "$.media.name_servers[0]: expected an address, with or without a port"),
        (r#"{"allowed_ports":[0]}"#, "$.media.allowed_ports[0]: expected a whole number from 1 to 65535"),
        (r#"{"deadline_seconds":0}"#, "$.media.deadline_seconds: expected a whole number from 1 to 60"),
        (
            r#"{"client_burst_seconds":4}"#,
            "$.media.client_burst_seconds: less than media.job_seconds, which every request is charged at first: none would pass",
        ),
        (r#"{"max_bytes":1024}"#, "$.media.max_image_bytes: more than media.max_bytes"),
    ] {
        assert_eq!(errors(section), [error], "{section}");
    }
    assert!(
        errors(r#"{"allow_https":true}"#)[0].starts_with("$.media.allow_https: unknown key; known are allow_http, ")
    );
}

#[test]
fn the_key_is_never_printed() {
    let policy = Policy::parse(br#"{"media":{"signing_key":"0123456789abcdef"}}"#).unwrap();
    assert_eq!(policy.effective()["media"]["signing_key"], REDACTED);
    assert!(!format!("{policy:?}").contains("0123456789"));
    assert_eq!(Policy::parse(b"").unwrap().effective()["media"]["signing_key"], "");
    assert_eq!(schema::json_schema()["properties"]["media"]["properties"]["signing_key"]["default"], "");
}

#[test]
fn none_of_it_is_live() {
    let keys = [("media.allow_http", "true"), ("media.allowed_ports", "1"), ("media.signing_key", "0123456789abcdef")];
    let (policy, report) = Policy::parse_with(b"", &Overlay::from_iter(keys)).unwrap();
    assert!(!policy.media.allow_http && policy.media.signing_key.is_none());
    let refused: Vec<String> = report.refused.iter().map(ToString::to_string).collect();
    assert_eq!(refused, keys.map(|(key, _)| format!("sekisho.{key}: can be changed in the policy only")));
    assert!(!schema::runtime_keys_table().contains("media."));
}
