//! Writes JSON that another parser reads as it was meant here.

use std::borrow::Cow;
use std::fmt;

use super::{Json, Object};

/// The largest whole number that `f64` holds exactly, and JavaScript writes without an exponent.
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

impl<'a> Object<'a> {
    /// An object of members with distinct keys.
    pub fn of<const N: usize>(members: [(&'static str, Json<'a>); N]) -> Self {
        Self(members.into_iter().map(|(key, value)| (Cow::Borrowed(key), value)).collect())
    }

    /// The same with other values, in the same order; `None` leaves a member out.
    pub fn filter_map(self, mut value: impl FnMut(&str, Json<'a>) -> Option<Json<'a>>) -> Self {
        let members = self.0.into_iter();
        Self(members.filter_map(|(key, old)| value(&key, old).map(|new| (key, new))).collect())
    }
}

impl fmt::Display for Json<'_> {
    /// Without white space. Its depth is bounded by what is read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => write_number(f, *number),
            Self::String(text) => write_string(f, text),
            Self::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    f.write_str(if index == 0 { "[" } else { "," })?;
                    item.fmt(f)?;
                }
                f.write_str(if items.is_empty() { "[]" } else { "]" })
            }
            Self::Object(object) => {
                for (index, (key, value)) in object.iter().enumerate() {
                    f.write_str(if index == 0 { "{" } else { "," })?;
                    write_string(f, key)?;
                    f.write_str(":")?;
                    value.fmt(f)?;
                }
                f.write_str(if object.0.is_empty() { "{}" } else { "}" })
            }
        }
    }
}

fn write_number(f: &mut fmt::Formatter<'_>, number: f64) -> fmt::Result {
    if number.fract() == 0.0 && number.abs() <= MAX_SAFE_INTEGER {
        return write!(f, "{number:.0}");
    }
    // JSON has no other numbers; none is read.
    if number.is_finite() { write!(f, "{number:e}") } else { f.write_str("null") }
}

fn write_string(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    // Only a writer that fails could fail.
    f.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?)
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for text in [
            "null",
            "[]",
            "{}",
            r#"{"a":[1,-2,0.5,1e300,-1e-7,true,null],"b":{"c":"\"\\\u0000\n\u2028é😀"},"":[[],{}]}"#,
            "9007199254740993",
            "-0",
            "0.1",
            "1e21",
        ] {
            let json = parse(text.as_bytes()).unwrap();
            let written = json.to_string();
            assert_eq!(parse(written.as_bytes()).unwrap(), json, "{written}");
        }
        assert_eq!(parse(b" [ 640, 0.5 , \"a\" ] ").unwrap().to_string(), r#"[640,5e-1,"a"]"#);
    }

    #[test]
    fn members_change_in_their_places() {
        let Ok(Json::Object(object)) = parse(br#"{"b":1,"x":2,"a":3}"#) else { panic!("an object") };
        let object = object.filter_map(|key, value| (key != "x").then(|| if key == "a" { Json::Null } else { value }));
        assert_eq!(Json::Object(object).to_string(), r#"{"b":1,"a":null}"#);
    }
}
