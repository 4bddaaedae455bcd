//! Media types (RFC 9110 section 8.3.1), as far as an inbox needs them.

/// Whether a `Content-Type` value is one of `allowed`, which are essences in lower case such as `application/ld+json`.
///
/// Parameters are allowed, a `charset` other than UTF-8 is not: JSON is UTF-8 (RFC 8259 section 8.1), and a server that
/// believes the parameter would read another document. Two values in one field are no media type.
pub fn is_one_of<S: AsRef<str>>(value: &[u8], allowed: &[S]) -> bool {
    let Ok(value) = std::str::from_utf8(value) else {
        return false;
    };
    // Two fields arrive joined by a comma. None of the parameters in use has one.
    if value.contains(',') {
        return false;
    }
    let mut parts = value.split(';');
    let essence = parts.next().unwrap_or_default().trim_matches([' ', '\t']);
    allowed.iter().any(|allowed| essence.eq_ignore_ascii_case(allowed.as_ref())) && parts.all(is_harmless_parameter)
}

fn is_harmless_parameter(parameter: &str) -> bool {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    let name = name.trim_matches([' ', '\t']);
    let value = value.trim_matches([' ', '\t', '"']);
    !name.eq_ignore_ascii_case("charset") || value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: [&str; 2] = ["application/activity+json", "application/ld+json"];

    #[test]
    fn reads_media_types() {
        for good in [
            "application/activity+json",
            "Application/Activity+JSON",
            " application/activity+json ;charset=utf-8",
            "application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"",
            "application/ld+json;profile=\"https://www.w3.org/ns/activitystreams\"; charset=\"UTF-8\"",
        ] {
            assert!(is_one_of(good.as_bytes(), &ALLOWED), "{good}");
        }
        for bad in [
            "",
            "application/json",
            "text/html",
            "application/activity+jsonx",
            "application/activity+json, text/html",
            "application/activity+json; charset=shift_jis",
            "application / activity+json",
            "application/ld+json;profile=x,text/html",
        ] {
            assert!(!is_one_of(bad.as_bytes(), &ALLOWED), "{bad}");
        }
        assert!(!is_one_of(b"application/activity+json\xff", &ALLOWED));
    }
}
