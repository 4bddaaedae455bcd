//! The sources that an operator adds.

use std::collections::BTreeMap;

use super::csp::{Directive, Source};
use crate::json::Json;

/// The most directives that sources are added to.
pub const MAX_DIRECTIVES: usize = 24;

/// Sources by directive.
pub type Sources = BTreeMap<String, Vec<String>>;

/// The most sources that are added to one directive.
pub const MAX_SOURCES: usize = 64;

/// Reads `{"img-src": ["https://a.example"]}`.
///
/// # Errors
/// Everything that is wrong, each with its place.
pub fn read(json: &Json<'_>) -> Result<Sources, Vec<(String, String)>> {
    let Json::Object(object) = json else {
        return Err(vec![(String::new(), format!("expected an object, found {}", json.kind()))]);
    };
    let (mut found, mut errors) = (BTreeMap::new(), Vec::new());
    for (directive, list) in object.iter() {
        let path = format!("[{:?}]", directive.chars().take(64).collect::<String>());
        let name = Directive::new(directive);
        if !name.takes_sources() {
            let known: Vec<&str> =
                Directive::ALL.iter().filter(|known| known.takes_sources()).map(Directive::as_str).collect();
            errors.push((path, format!("no directive with sources; known are {}", known.join(", "))));
            continue;
        }
        let Json::Array(items) = list else {
            errors.push((path, format!("expected an array, found {}", list.kind())));
            continue;
        };
        if items.len() > MAX_SOURCES {
            errors.push((path, format!("at most {MAX_SOURCES} items")));
            continue;
        }
        let mut sources = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let text = item.as_str().ok_or_else(|| format!("expected a string, found {}", item.kind()));
            match text.and_then(|text| Source::parse(text).map(|_| text.to_owned()).map_err(str::to_owned)) {
                Ok(source) => sources.push(source),
                Err(message) => errors.push((format!("{path}[{index}]"), message)),
            }
        }
        if found.insert(name.as_str().to_owned(), sources).is_some() {
            errors.push((path, "stands here twice, in other letters".to_owned()));
        }
    }
    if errors.is_empty() { Ok(found) } else { Err(errors) }
}

/// Whether a text is an https origin, with a path at most.
///
/// # Errors
/// What is expected.
pub fn is_https(text: &str) -> Result<(), &'static str> {
    let is_https = matches!(Source::parse(text), Ok(Source::Host(host)) if host.scheme.as_deref() == Some("https"));
    is_https.then_some(()).ok_or("expected an https origin, such as https://media.example")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directive_is_one_in_whatever_letters() {
        let read = |text: &str| read(&crate::json::parse(text.as_bytes()).unwrap());
        let found = read(r#"{"Img-SRC":["https://a.example"]}"#).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["img-src"]);
        let errors = read(r#"{"Img-Src":[],"img-src":[]}"#).unwrap_err();
        assert_eq!(errors, [("[\"img-src\"]".to_owned(), "stands here twice, in other letters".to_owned())]);
    }

    #[test]
    fn https_origins() {
        for good in ["https://a.example", "https://a.example:8443", "https://a.example/path/", "https://*.a.example"] {
            assert_eq!(is_https(good), Ok(()), "{good}");
        }
        for bad in ["http://a.example", "https://", "a.example", "https:", "https://a b"] {
            assert!(is_https(bad).is_err(), "{bad}");
        }
    }
}
