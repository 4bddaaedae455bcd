//! What a client asks for (`Accept`, RFC 9110 section 12.5.1).

/// Whether the field names ActivityPub's media types, by which servers ask for actors and objects (ActivityPub section 3.2). A browser never does.
pub fn wants_activity(accept: &[u8]) -> bool {
    names(accept, &["application/activity+json", "application/ld+json"])
}

/// Whether the field names HTML, as every browser does for a page.
pub fn wants_html(accept: &[u8]) -> bool {
    names(accept, &["text/html", "application/xhtml+xml"])
}

fn names(accept: &[u8], wanted: &[&str]) -> bool {
    accept.split(|byte| *byte == b',').any(|range| {
        let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let media_type = parts.next().unwrap_or_default();
        wanted.iter().any(|wanted| wanted.as_bytes().eq_ignore_ascii_case(media_type)) && !parts.any(is_unwanted)
    })
}

/// `q=0`: not acceptable (RFC 9110 section 12.4.2).
fn is_unwanted(parameter: &[u8]) -> bool {
    let Some((name, weight)) = parameter.split_at_checked(2) else { return false };
    name.eq_ignore_ascii_case(b"q=") && !weight.is_empty() && weight.iter().all(|byte| matches!(byte, b'0' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_and_browsers() {
        for server in [
            "application/activity+json",
            "application/activity+json, application/ld+json",
            r#"application/ld+json; profile="https://www.w3.org/ns/activitystreams""#,
            "APPLICATION/Activity+JSON;q=0.5",
            r#"text/html;q=0.1,application/ld+json;profile="https://www.w3.org/ns/activitystreams""#,
        ] {
            assert!(wants_activity(server.as_bytes()), "{server}");
        }
        let browser = b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
        assert!(wants_html(browser) && !wants_activity(browser));
        for other in
            ["", "*/*", "application/json", "application/activity+json;q=0", "application/ld+json; q=0.000", "\u{ff}"]
        {
            assert!(!wants_activity(other.as_bytes()) && !wants_html(other.as_bytes()), "{other}");
        }
    }
}
