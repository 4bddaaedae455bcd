//! The patterns in which a policy names routes.

use serde_json::{Map, Value, json};

use super::path::trimmed;
use super::route::Route;
use crate::json::Json;
use crate::policy::Reader;

/// The longest pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 256;

/// The most patterns of one field.
pub const MAX_PATTERNS: usize = 128;

/// A pattern: `/queue` is that path alone; `/queue/*` is it and all below; `:name`, or `*` before the end, is one segment, and `@:name` one that begins so. A slash at the
/// end of a path makes no difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    segments: Vec<Segment>,
    has_below: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(Vec<u8>),
    /// Anything after these bytes, but something.
    After(Vec<u8>),
}

/// How a segment of a path is compared with a literal.
type Same = fn(&[u8], &[u8]) -> bool;

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let rest = text.strip_prefix('/').ok_or("expected a path that begins with /")?;
        if text.len() > MAX_PATTERN_BYTES {
            return Err("expected at most 256 bytes");
        }
        if text.contains(|c: char| c.is_control() || matches!(c, ' ' | '?' | '#' | '%' | '\\' | ';')) {
            return Err("expected a path as it reads: no query, no escapes, none of ? # % \\ ; and no space");
        }
        let (rest, has_below) = match rest.strip_suffix('*') {
            Some("") => ("", true),
            Some(above) if above.ends_with('/') => (above.strip_suffix('/').unwrap_or_default(), true),
            _ => (rest, false),
        };
        let names = rest.split('/').filter(|_| !rest.is_empty());
        let segments = names.map(Segment::parse).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { text: text.to_owned(), segments, has_below })
    }

    /// Whether a path is meant, however carelessly it is compared: case folded, empty segments passed over, space and control characters around a segment ignored.
    pub fn is_loosely(&self, path: &[u8]) -> bool {
        let segments = path.split(|byte| *byte == b'/').filter(|segment| !segment.is_empty());
        self.is(segments, |literal, segment| literal.eq_ignore_ascii_case(trimmed(segment)))
    }

    /// Whether a path is meant by the letter.
    pub fn is_exactly(&self, path: &[u8]) -> bool {
        let path = path.strip_prefix(b"/").unwrap_or(path);
        let path = path.strip_suffix(b"/").unwrap_or(path);
        self.is(path.split(|byte| *byte == b'/').filter(|_| !path.is_empty()), |literal, segment| literal == segment)
    }

    fn is<'p>(&self, mut path: impl Iterator<Item = &'p [u8]>, same: Same) -> bool {
        self.segments.iter().all(|segment| path.next().is_some_and(|found| segment.is(found, same)))
            && (self.has_below || path.next().is_none())
    }

    /// Sorts the closest pattern first: a name before a parameter, both before all below.
    fn rank(&self) -> (Vec<u8>, std::cmp::Reverse<usize>) {
        let segments = self.segments.iter().map(|segment| match segment {
            Segment::Literal(_) => 0,
            Segment::After(prefix) if !prefix.is_empty() => 1,
            Segment::After(_) => 2,
        });
        (segments.chain(self.has_below.then_some(3)).collect(), std::cmp::Reverse(self.text.len()))
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let is_name =
            |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        match text {
            "" => Err("expected no empty segment and no / at the end"),
            "." | ".." => Err("expected no dot segment"),
            "*" => Ok(Self::After(Vec::new())),
            text if text.contains('*') => Err("expected * as a whole segment"),
            text => match text.split_once(':') {
                None => Ok(Self::Literal(text.into())),
                Some((prefix, name)) if is_name(name) => Ok(Self::After(prefix.into())),
                Some(_) => Err("expected a name of letters, digits and _ after : at the end of a segment"),
            },
        }
    }

    fn is(&self, found: &[u8], same: Same) -> bool {
        match self {
            Self::Literal(literal) => same(literal, found),
            Self::After(prefix) => {
                found.len() > prefix.len() && found.get(..prefix.len()).is_some_and(|start| same(prefix, start))
            }
        }
    }
}

/// A list of routes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns(Vec<Pattern>);

impl Patterns {
    /// Reads the list of a policy.
    pub fn read(reader: &mut Reader<'_>, key: &'static str, default: &[&str], doc: &'static str) -> Self {
        let accept = |text: &str| Pattern::parse(text).map(drop);
        Self::of(&reader.strings_or(key, default, MAX_PATTERNS, MAX_PATTERN_BYTES, accept, doc))
    }

    /// Those of texts that are patterns.
    pub fn of(texts: &[impl AsRef<str>]) -> Self {
        Self(texts.iter().filter_map(|text| Pattern::parse(text.as_ref()).ok()).collect())
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The routes of both lists.
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Whether any reading of a path is listed, loosely: for what is to be refused. What cannot be read may be anything.
    pub fn has_any(&self, route: &Route<'_>) -> bool {
        let is_listed = |path: &[u8]| self.0.iter().any(|pattern| pattern.is_loosely(path));
        !self.0.is_empty() && (!route.is_readable() || route.readings().any(is_listed))
    }

    /// Whether all readings of a path are listed, by the letter: for what is to be allowed.
    pub fn has_all(&self, route: &Route<'_>) -> bool {
        let is_listed = |path: &[u8]| self.0.iter().any(|pattern| pattern.is_exactly(path));
        route.is_readable() && route.readings().all(is_listed)
    }
}

/// What is said of each of several routes.
#[derive(Clone, Debug)]
pub struct ByPath<T>(Vec<(Pattern, T)>);

impl<T> Default for ByPath<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Clone + Into<Value>> ByPath<T> {
    /// Reads an object from patterns to values, each of which `read` takes or names the fault of.
    pub fn read(
        reader: &mut Reader<'_>,
        key: &'static str,
        schema: Value,
        doc: &'static str,
        read: impl Fn(&Json<'_>) -> Result<T, String>,
    ) -> Self {
        let schema = json!({"type": "object", "maxProperties": MAX_PATTERNS, "additionalProperties": schema});
        let show = |found: &Self| {
            let members = found.0.iter().map(|(pattern, value)| (pattern.text.clone(), value.clone().into()));
            Value::Object(members.collect::<Map<_, _>>())
        };
        reader.object(key, schema, doc, |json| Self::from_json(json, &read), show)
    }

    fn from_json(
        json: &Json<'_>,
        read: impl Fn(&Json<'_>) -> Result<T, String>,
    ) -> Result<Self, Vec<(String, String)>> {
        let Json::Object(object) = json else {
            return Err(vec![(String::new(), format!("expected an object, found {}", json.kind()))]);
        };
        if object.iter().count() > MAX_PATTERNS {
            return Err(vec![(String::new(), format!("at most {MAX_PATTERNS} patterns"))]);
        }
        let (mut found, mut errors) = (Vec::new(), Vec::new());
        for (text, value) in object.iter() {
            let path = format!("[{:?}]", text.chars().take(64).collect::<String>());
            match (Pattern::parse(text), read(value)) {
                (Ok(pattern), Ok(value)) => found.push((pattern, value)),
                (Err(message), _) => errors.push((path, message.to_owned())),
                (_, Err(message)) => errors.push((path, message)),
            }
        }
        found.sort_by_cached_key(|(pattern, _)| pattern.rank());
        if errors.is_empty() { Ok(Self(found)) } else { Err(errors) }
    }
}

impl<T> ByPath<T> {
    /// Whether nothing is said of any route.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first that a test finds in what is said of the readings of a path, of each by the closest pattern. What cannot be read may be any of the routes.
    pub fn find<R>(&self, route: &Route<'_>, test: impl Fn(Option<&T>) -> Option<R>) -> Option<R> {
        if !route.is_readable() {
            return self.0.iter().find_map(|(_, value)| test(Some(value)));
        }
        let closest = |path: &[u8]| self.0.iter().find(|(pattern, _)| pattern.is_loosely(path)).map(|(_, value)| value);
        route.readings().find_map(|path| test(closest(path)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(pattern: &str, path: &str) -> (bool, bool) {
        let pattern = Pattern::parse(pattern).unwrap();
        (pattern.is_exactly(path.as_bytes()), pattern.is_loosely(path.as_bytes()))
    }

    const YES: (bool, bool) = (true, true);
    const NO: (bool, bool) = (false, false);
    const LOOSELY: (bool, bool) = (false, true);

    #[test]
    fn paths() {
        for (pattern, path, expected) in [
            ("/queue", "/queue", YES),
            ("/queue", "/queue/", YES),
            ("/queue", "/queue/x", NO),
            ("/queue", "/queues", NO),
            ("/queue", "/QUEUE", LOOSELY),
            ("/queue", "//queue", LOOSELY),
            ("/queue", "/queue ", LOOSELY),
            ("/queue", "/", NO),
            ("/queue/*", "/queue", YES),
            ("/queue/*", "/queue/", YES),
            ("/queue/*", "/queue/a/b", YES),
            ("/queue/*", "/queued/a", NO),
            ("/users/:id/inbox", "/users/9/inbox", YES),
            ("/users/*/inbox", "/users/9/inbox", YES),
            ("/users/:id/inbox", "/users/9/a/inbox", NO),
            ("/users/:id/inbox", "/users/inbox", NO),
            ("/users/:id/inbox", "/users//inbox", NO),
            ("/@:acct", "/@alice@a.example", YES),
            ("/@:acct", "/@", NO),
            ("/@:acct", "/@alice/pages", NO),
            ("/about.:format", "/about.json", YES),
            ("/about.:format", "/about", NO),
            ("/", "/", YES),
            ("/", "/a", NO),
            ("/*", "/", YES),
            ("/*", "/a/b", YES),
            ("/tags/日本", "/tags/日本", YES),
        ] {
            assert_eq!(is(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn what_is_no_pattern() {
        for text in [
            "",
            "queue",
            "*",
            "//",
            "/a//b",
            "/a/",
            "/a*",
            "/a/b*/c",
            "/a?b",
            "/a#b",
            "/%71",
            "/a b",
            "/a;b",
            "/a\\b",
            "/../a",
            "/.",
            "/a/:",
            "/:a-b",
            "/a\n",
            "https://a.example/",
        ] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
        assert!(Pattern::parse(&format!("/{}", "a".repeat(MAX_PATTERN_BYTES))).is_err());
    }

    #[test]
    fn any_and_all_readings() {
        let patterns = Patterns::of(&["/queue/*", "/files/*"]);
        for (target, any, all) in [
            ("/queue", true, true),
            ("/queue?x", true, true),
            ("/%71ueue", true, false),
            ("/files/a%2Fb", true, true),
            ("/files/../queue", true, true),
            ("/files/%2e%2e/notes", true, false),
            ("/notes/..;/queue", true, false),
            ("/notes", false, false),
            ("//x/files", true, false),
        ] {
            let route = Route::of(target.as_bytes());
            assert_eq!((patterns.has_any(&route), patterns.has_all(&route)), (any, all), "{target}");
        }
        let unreadable = format!("/files/%20{}", "a".repeat(9_000));
        let route = Route::of(unreadable.as_bytes());
        assert!(patterns.has_any(&route) && !patterns.has_all(&route));
        assert!(!Patterns::default().has_any(&route));
    }

    #[test]
    fn the_closest_pattern_counts() {
        let json =
            br#"{"/*":1,"/api/*":2,"/api/:name":3,"/api/emojis":4,"/users/:id/inbox":5,"/users/*":6,"/api/e:x":7}"#;
        let parsed = crate::json::parse(json).unwrap();
        let found = ByPath::<u32>::from_json(&parsed, |json| match json {
            Json::Number(number) => Ok(format!("{number}").parse().unwrap()),
            _ => Err(String::new()),
        });
        let found = found.unwrap();
        for (path, expected) in [
            ("/x", 1),
            ("/api/a/b", 2),
            ("/api/a", 3),
            ("/api/emojis", 4),
            ("/users/1/inbox", 5),
            ("/users/1", 6),
            ("/api/ex", 7),
        ] {
            assert_eq!(found.find(&Route::of(path.as_bytes()), |said| said.copied()), Some(expected), "{path}");
        }
        for value in [2, 3] {
            let is = |said: Option<&u32>| (said == Some(&value)).then_some(());
            assert!(found.find(&Route::of(b"/api/a%2Fb"), is).is_some(), "{value}");
        }
    }
}
