//! What a style sheet loads beside itself.

/// How many `@import`s stand in a style sheet, outside of comments and strings.
pub fn imports(css: &str) -> usize {
    let mut rest = css;
    let mut count = 0;
    while let Some(index) = rest.find(['@', '/', '"', '\'', '\\']) {
        let at = rest.get(index..).unwrap_or_default();
        let c = at.chars().next().unwrap_or_default();
        let skipped = match c {
            '/' if at.starts_with("/*") => {
                at.get(2..).and_then(|comment| comment.find("*/")).map_or(at.len(), |end| end + 4)
            }
            '"' | '\'' => string(at, c),
            '\\' => 1 + at.chars().nth(1).map_or(0, char::len_utf8),
            '@' if at.get(1..7).is_some_and(|name| name.eq_ignore_ascii_case("import")) => {
                count += 1;
                7
            }
            _ => 1,
        };
        rest = at.get(skipped..).unwrap_or_default();
    }
    count
}

/// How long a string is, with its quotes. It ends with its line at the latest.
fn string(at: &str, quote: char) -> usize {
    let mut escaped = false;
    for (index, c) in at.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote || c == '\n' => return index + 1,
            _ => {}
        }
    }
    at.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted() {
        for (css, count) in [
            ("@import 'a';@IMPORT url(b);c{}", 2),
            ("/* @import 'a'; */ b{content:'@import'} c{content:\"\\\"@import\"}", 0),
            ("@media x{}", 0),
            ("@\u{65e5}import", 0),
            ("/*", 0),
            ("'", 0),
            ("\\", 0),
        ] {
            assert_eq!(imports(css), count, "{css}");
        }
    }
}
