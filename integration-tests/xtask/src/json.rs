//! Read fields of one flat JSON object, a line of the access log.

use std::iter::Peekable;
use std::str::Chars;

/// The value of a top-level field: a string unescaped, anything else as written; nothing for null, for a line
/// that has no such field, and for one that is not a flat object.
pub fn field(line: &str, name: &str) -> Option<String> {
    let mut chars = line.trim().chars().peekable();
    expect(&mut chars, '{')?;
    loop {
        let key = string(&mut chars)?;
        expect(&mut chars, ':')?;
        let value = value(&mut chars)?;
        if key == name {
            return value;
        }
        expect(&mut chars, ',')?;
    }
}

/// A string or a bare word. The outer `None` is no value at all, the inner one null.
fn value(chars: &mut Peekable<Chars<'_>>) -> Option<Option<String>> {
    skip_space(chars);
    if chars.peek() == Some(&'"') {
        return string(chars).map(Some);
    }
    let mut word = String::new();
    while let Some(c) = chars.next_if(|c| c.is_ascii_alphanumeric() || "+-.".contains(*c)) {
        word.push(c);
    }
    match word.as_str() {
        "" => None,
        "null" => Some(None),
        _ => Some(Some(word)),
    }
}

fn string(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    expect(chars, '"')?;
    let mut out = String::new();
    loop {
        match chars.next()? {
            '"' => return Some(out),
            '\\' => out.push(escape(chars)?),
            c => out.push(c),
        }
    }
}

fn escape(chars: &mut Peekable<Chars<'_>>) -> Option<char> {
    Some(match chars.next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let high = unit(chars)?;
            if !(0xd800..0xdc00).contains(&high) {
                return char::from_u32(high);
            }
            (chars.next()? == '\\' && chars.next()? == 'u').then_some(())?;
            let low = unit(chars)?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
            char::from_u32(0x10000 + ((high - 0xd800) << 10) + low)?
        }
        c => c,
    })
}

fn unit(chars: &mut Peekable<Chars<'_>>) -> Option<u32> {
    (0..4).try_fold(0, |sum, _| Some(sum * 16 + chars.next()?.to_digit(16)?))
}

fn expect(chars: &mut Peekable<Chars<'_>>, wanted: char) -> Option<()> {
    skip_space(chars);
    chars.next_if_eq(&wanted).map(|_| ())
}

fn skip_space(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|c| c.is_whitespace()).is_some() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_words_and_null() {
        let line = r#"{"a":"x\"y\\", "b" : 403,"c":null,"d":"\u00e9\ud83d\ude00\n","a":"second"}"#;
        assert_eq!(field(line, "a").as_deref(), Some("x\"y\\"));
        assert_eq!(field(line, "b").as_deref(), Some("403"));
        assert_eq!(field(line, "c"), None);
        assert_eq!(field(line, "d").as_deref(), Some("é😀\n"));
        assert_eq!(field(line, "e"), None);
    }

    #[test]
    fn what_is_no_flat_object() {
        for line in ["", "[]", "{}", "{\"a\"", "{\"b\":{},\"a\":1}", "{\"b\":\"\\ud800x\",\"a\":1}", "{\"b\":,\"a\":1}"]
        {
            assert_eq!(field(line, "a"), None, "{line}");
        }
    }

    #[test]
    fn every_prefix_is_read_without_harm() {
        let line = r#"{"x":"\ud83d\ude00","a":"b"}"#;
        for end in 0..line.len() {
            assert_eq!(field(line.get(..end).unwrap(), "a"), (end == line.len() - 1).then(|| "b".into()));
        }
    }
}
