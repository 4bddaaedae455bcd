//! Entries that a page's own script makes up, as Misskey's boot loader does.
//!
//! Misskey's pages have no `<script src>`. One inline script sets `CLIENT_ENTRY = "scripts/<name>.js"` and `LANGS = ["ar-SA", ..]`, another calls
//! ``import(`/vite/${CLIENT_ENTRY.replace('scripts', lang)}`)``. So, from the trusted inline scripts of one page together:
//! 1. a *prefix* is the beginning of a template within the parentheses of `import(`, from `/` to `/`; the first constant in a `.replace(..)` behind it is the *word*;
//! 2. an *entry* is a constant that is a relative path and ends with `.js` or `.mjs`;
//! 3. *languages* are the items of an array of which each is a language tag.
//!
//! Each prefix followed by each entry is a candidate; where the entry begins with the word and `/`, one for each language in its place. What answers as
//! JavaScript is an entry.

use std::collections::BTreeSet;

use super::js::{Goal, Lexer, Token};

/// The most candidates of a page.
const MAX_CANDIDATES: usize = 512;

/// What the inline scripts of a page say together.
#[derive(Debug, Default, PartialEq, Eq)]
struct Clues {
    /// Prefixes, each with its word.
    prefixes: BTreeSet<(String, Option<String>)>,
    entries: BTreeSet<String>,
    languages: BTreeSet<String>,
}

/// Paths of modules that the scripts of one page may load. `languages` leaves only those; empty, all.
pub fn candidates<'s>(scripts: impl IntoIterator<Item = &'s str>, languages: &[String]) -> BTreeSet<String> {
    let mut clues = Clues::default();
    for script in scripts {
        let tokens: Vec<_> = Lexer::new(script, Goal::Script).map_while(Result::ok).collect();
        clues.read(&tokens);
    }
    let wanted =
        |tag: &&String| languages.is_empty() || languages.iter().any(|wanted| wanted.eq_ignore_ascii_case(tag));
    let mut found = BTreeSet::new();
    for (prefix, word) in &clues.prefixes {
        for entry in &clues.entries {
            let rest = word.as_ref().and_then(|word| entry.strip_prefix(word.as_str()));
            match rest.filter(|rest| rest.starts_with('/')) {
                Some(rest) => {
                    let languages = clues.languages.iter().filter(wanted);
                    found.extend(languages.map(|language| format!("{prefix}{language}{rest}")));
                }
                None => drop(found.insert(format!("{prefix}{entry}"))),
            }
        }
    }
    found.into_iter().take(MAX_CANDIDATES).collect()
}

impl Clues {
    fn read(&mut self, tokens: &[Token<'_>]) {
        let mut rest = tokens;
        while let Some((token, after)) = rest.split_first() {
            match token {
                Token::Str(text) if is_entry(text) => drop(self.entries.insert(text.clone().into_owned())),
                Token::Punct(b'[') => self.languages.extend(languages(after)),
                Token::Word("import") => self.prefixes.extend(prefixes(after)),
                _ => {}
            }
            rest = after;
        }
    }
}

/// The language tags of an array, from behind its `[`; none if anything else is in it.
fn languages(tokens: &[Token<'_>]) -> Vec<String> {
    let end = tokens.iter().position(|token| token.is(b']')).unwrap_or_default();
    let items: Option<Vec<_>> = tokens
        .iter()
        .take(end)
        .filter(|token| !token.is(b','))
        .map(|token| match token {
            Token::Str(text) if is_language(text) => Some(text.clone().into_owned()),
            _ => None,
        })
        .collect();
    items.unwrap_or_default()
}

/// The prefixes in the parentheses that follow.
fn prefixes(tokens: &[Token<'_>]) -> Vec<(String, Option<String>)> {
    let mut found: Vec<(String, Option<String>)> = Vec::new();
    let mut depth = 0_usize;
    let mut rest = tokens;
    while let Some((token, after)) = rest.split_first() {
        match token {
            Token::Punct(b'(') => depth += 1,
            Token::Punct(b')') => depth = depth.saturating_sub(1),
            Token::Template { text, first: true, .. } if is_prefix(text) => {
                found.push((text.clone().into_owned(), None))
            }
            Token::Word("replace" | "replaceAll") => {
                if let ([Token::Punct(b'('), Token::Str(word), ..], Some((_, to @ None))) = (after, found.last_mut()) {
                    *to = Some(word.clone().into_owned());
                }
            }
            _ => {}
        }
        // `import.meta` and `import x` have no parentheses.
        if depth == 0 {
            break;
        }
        rest = after;
    }
    found
}

fn is_prefix(text: &str) -> bool {
    text.starts_with('/') && !text.starts_with("//") && text.ends_with('/')
}

fn is_entry(text: &str) -> bool {
    let is_path = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'-' | b'_'));
    is_path
        && (text.ends_with(".js") || text.ends_with(".mjs"))
        && !text.starts_with(['/', '.'])
        && !text.contains("..")
}

fn is_language(text: &str) -> bool {
    let mut parts = text.split('-');
    let primary = parts.next().unwrap_or_default();
    (2..=3).contains(&primary.len())
        && primary.bytes().all(|b| b.is_ascii_lowercase())
        && parts.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONSTANTS: &str =
        r#"const VERSION='1'; const CLIENT_ENTRY = "scripts/k4-D.js"; const LANGS = ["ja-JP","en-US","kab-KAB"];"#;

    fn found(scripts: &[&str], languages: &[&str]) -> Vec<String> {
        let languages: Vec<_> = languages.iter().map(|tag| (*tag).to_owned()).collect();
        candidates(scripts.iter().copied(), &languages).into_iter().collect()
    }

    #[test]
    fn misskey() {
        let loader = "import(CLIENT_ENTRY ? `/vite/${CLIENT_ENTRY.replace('scripts', lang)}` : '/vite/src/_boot_.ts').catch(async e=>{a(`/x/${e}`)})";
        let all = ["/vite/en-US/k4-D.js", "/vite/ja-JP/k4-D.js", "/vite/kab-KAB/k4-D.js"];
        assert_eq!(found(&[CONSTANTS, loader], &[]), all);
        assert_eq!(found(&[loader, CONSTANTS], &["ja-jp", "de-DE"]), ["/vite/ja-JP/k4-D.js"]);
        // Before the languages had folders of their own.
        assert_eq!(found(&[CONSTANTS, "import(`/vite/${CLIENT_ENTRY}`)"], &["ja-JP"]), ["/vite/scripts/k4-D.js"]);
        assert_eq!(found(&[CONSTANTS], &[]), [""; 0]);
        assert_eq!(found(&[loader], &[]), [""; 0]);
    }

    #[test]
    fn hostile() {
        for script in [
            "import(`//b.example/${a}`);b='c.js'",
            "import(`https://b.example/${a}`);b='c.js'",
            "import(`/vite${a}`);b='c.js'",
            "import.meta;`/vite/${a}`;b='c.js'",
            "import(`/vite/${a}`);b='../c.js';d='/e.js';f='https://g/h.js'",
            "import(((((",
            "import)",
            "[",
        ] {
            assert_eq!(found(&[script], &[]), [""; 0], "{script}");
        }
        let many: String = (0..1000).map(|n| format!("'a{n}.js',")).collect();
        assert_eq!(found(&["import(`/vite/${a}`)", &many], &[]).len(), MAX_CANDIDATES);
    }
}
