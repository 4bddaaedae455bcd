//! The media service of `up`.

use std::net::{Ipv4Addr, SocketAddr};

use crate::args::{ProxyKind, Up};
use crate::error::Result;
use crate::ports;

/// Where it listens: on this machine, at any port unless one was asked for. nginx has no route to it.
pub(super) fn listen(up: &Up) -> Result<Option<SocketAddr>> {
    if up.proxy == ProxyKind::Nginx {
        println!("Without the media service: nginx.conf has no route to it.");
        return Ok(None);
    }
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, up.media_port.unwrap_or_default()));
    ports::check_free(listen, "--media-port")?;
    Ok(Some(listen))
}

/// The policy of the service, and whether it may fetch from the demo origin: for that it needs more than any other policy should say. One that
/// has a section `media` says itself what it wants.
pub(super) fn policy(policy: &str, demo: Option<&str>) -> (String, bool) {
    let port = demo.and_then(|origin| origin.rsplit_once(':')).map(|(_, port)| port);
    let (Some(port), Some((before, rest))) = (port, policy.split_once('{')) else {
        return (policy.to_owned(), false);
    };
    if has_section(policy, "media") {
        return (policy.to_owned(), false);
    }
    let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
    let media =
        format!(r#""media":{{"allow_http":true,"allowed_ports":[{port}],"allowed_networks":["127.0.0.1/32"]}}"#);
    (format!("{before}{{{media}{comma}{rest}"), true)
}

/// Whether a JSON object has a member of that name, which needs no escape. The policy was checked before: it is valid.
fn has_section(json: &str, name: &str) -> bool {
    let (mut depth, mut text) = (0_usize, None::<String>);
    let mut chars = json.chars();
    let mut last = String::new();
    while let Some(c) = chars.next() {
        match (&mut text, c) {
            (Some(_), '"') => last = text.take().unwrap_or_default(),
            (Some(text), '\\') => text.extend(['\\', chars.next().unwrap_or('\\')]),
            (Some(text), c) => text.push(c),
            (None, '"') => text = Some(String::new()),
            (None, '{' | '[') => depth += 1,
            (None, '}' | ']') => depth = depth.saturating_sub(1),
            (None, ':') if depth == 1 && last == name => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_origin_alone_is_allowed() {
        let media = r#""media":{"allow_http":true,"allowed_ports":[41],"allowed_networks":["127.0.0.1/32"]}"#;
        let demo = Some("127.0.0.1:41");
        assert_eq!(policy(" { }\n", demo), (format!(" {{{media} }}\n"), true));
        let one = r#"{"inbox":{"keywords":{"words":["media"]}}}"#;
        assert_eq!(policy(one, demo), (format!("{{{media},{}", one.strip_prefix("{").unwrap()), true));
        assert_eq!(policy(one, None), (one.to_owned(), false));
        for own in [r#"{"a":["{"],"media":{}}"#, r#"{"media" : {}}"#, r#"{"a":"\"}","media":{}}"#] {
            assert_eq!(policy(own, demo), (own.to_owned(), false), "{own}");
        }
        assert!(policy(r#"{"a":{"media":1}}"#, demo).1);
    }
}
