//! JavaScript to tokens, without a grammar.
//!
//! Whether `/` divides or begins a regular expression is told by what stands before it: after a name, a number, a string, `]` and most `)` it divides; after
//! an operator, a keyword that an expression follows, `}` and the `)` of `if`, `while`, `for` and `with` it begins one. Nobody divides an object literal or
//! a function, so `}` is no question in code that runs. Where the guess is wrong, a string or a regular expression mostly ends nowhere: [`LexError`], which is reported.

use super::strings::cook;
use super::token::{Goal, LexError, Token};

/// How deep brackets may be.
const MAX_DEPTH: usize = 10_000;

/// Keywords that an expression follows.
const BEFORE_EXPRESSION: [&str; 14] = [
    "return",
    "typeof",
    "case",
    "in",
    "of",
    "delete",
    "void",
    "throw",
    "new",
    "do",
    "else",
    "instanceof",
    "yield",
    "await",
];
/// Keywords with a condition in parentheses, after which a statement begins.
const BEFORE_CONDITION: [&str; 4] = ["if", "while", "for", "with"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Paren { condition: bool },
    Brace,
    Substitution,
}

/// Reads tokens. After an error there are no more.
pub struct Lexer<'s> {
    source: &'s str,
    at: usize,
    goal: Goal,
    /// Whether `/` would begin a regular expression.
    regex: bool,
    /// Whether the token before was a single `.`, so that a keyword is a name.
    dot: bool,
    /// Whether the token before was a keyword with a condition.
    condition: bool,
    /// Whether nothing but space and comments came before on this line.
    line_start: bool,
    open: Vec<Open>,
    failed: bool,
}

impl<'s> Lexer<'s> {
    /// Reads a text.
    pub fn new(source: &'s str, goal: Goal) -> Self {
        let mut lexer = Self {
            source,
            at: 0,
            goal,
            regex: true,
            dot: false,
            condition: false,
            line_start: true,
            open: Vec::new(),
            failed: false,
        };
        if source.starts_with("#!") {
            lexer.skip_line();
        }
        lexer
    }

    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn byte(&self, ahead: usize) -> u8 {
        self.source.as_bytes().get(self.at + ahead).copied().unwrap_or_default()
    }

    fn take(&mut self, bytes: usize) -> &'s str {
        let taken = self.source.get(self.at..self.at + bytes).unwrap_or_default();
        self.at += bytes;
        taken
    }

    fn skip_line(&mut self) {
        let rest = self.rest();
        self.at += rest.find(is_line_end).unwrap_or(rest.len());
    }

    /// Skips white space and comments.
    fn skip(&mut self) -> Result<(), LexError> {
        while let Some(c) = self.rest().chars().next() {
            let rest = self.rest();
            if is_line_end(c) {
                self.line_start = true;
                self.at += c.len_utf8();
            } else if c.is_whitespace() || c == '\u{feff}' {
                self.at += c.len_utf8();
            } else if rest.starts_with("//") {
                self.skip_line();
            } else if let Some(comment) = rest.strip_prefix("/*") {
                let end = comment.find("*/").ok_or(LexError::Comment)?;
                self.line_start |= comment.get(..end).unwrap_or_default().contains(is_line_end);
                self.at += end + 4;
            } else if self.goal == Goal::Script
                && (rest.starts_with("<!--") || self.line_start && rest.starts_with("-->"))
            {
                self.skip_line();
            } else {
                break;
            }
        }
        Ok(())
    }

    fn token(&mut self) -> Result<Option<Token<'s>>, LexError> {
        self.skip()?;
        let Some(c) = self.rest().chars().next() else {
            return if self.open.contains(&Open::Substitution) { Err(LexError::Template) } else { Ok(None) };
        };
        self.line_start = false;
        let (dot, condition) = (std::mem::take(&mut self.dot), std::mem::take(&mut self.condition));
        let token = match c {
            '"' | '\'' => self.string(c)?,
            '`' => {
                self.at += 1;
                self.template(true)?
            }
            '0'..='9' => self.number(),
            '.' if self.byte(1).is_ascii_digit() => self.number(),
            '/' if self.regex => self.regex()?,
            '}' if self.open.last() == Some(&Open::Substitution) => {
                self.open.pop();
                self.at += 1;
                self.template(false)?
            }
            c if is_word(c) => self.word(dot),
            c if c.is_ascii_punctuation() => self.punct(condition)?,
            _ => return Err(LexError::Character),
        };
        Ok(Some(token))
    }

    fn number(&mut self) -> Token<'s> {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')));
        self.at += end.unwrap_or(rest.len());
        self.regex = false;
        Token::Number
    }

    fn word(&mut self, dot: bool) -> Token<'s> {
        let rest = self.rest();
        // The braces of `\u{..}` in a name are never met in practice; they would only split it.
        let word = self.take(rest.find(|c| !is_word(c)).unwrap_or(rest.len()));
        self.regex = !dot && BEFORE_EXPRESSION.contains(&word);
        self.condition = !dot && BEFORE_CONDITION.contains(&word);
        Token::Word(word)
    }

    fn punct(&mut self, condition: bool) -> Result<Token<'s>, LexError> {
        let byte = self.byte(0);
        let twice = self.byte(1) == byte;
        self.at += 1;
        match byte {
            b'(' => self.push(Open::Paren { condition })?,
            b'{' => self.push(Open::Brace)?,
            b')' => {
                let opened = self.open.pop_if(|open| matches!(open, Open::Paren { .. }));
                self.regex = opened == Some(Open::Paren { condition: true });
            }
            b'}' => {
                self.open.pop_if(|open| *open == Open::Brace);
                self.regex = true;
            }
            b']' => self.regex = false,
            // After an operand it is a postfix, and a division may follow; before one it is a prefix.
            b'+' | b'-' if twice => self.at += 1,
            b'.' if twice && self.byte(1) == b'.' => {
                self.at += 2;
                self.regex = true;
            }
            b'.' => {
                self.dot = true;
                self.regex = false;
            }
            _ => self.regex = true,
        }
        Ok(Token::Punct(byte))
    }

    fn push(&mut self, open: Open) -> Result<(), LexError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(LexError::Depth);
        }
        self.open.push(open);
        self.regex = true;
        Ok(())
    }

    fn string(&mut self, quote: char) -> Result<Token<'s>, LexError> {
        self.at += 1;
        let mut escaped = false;
        for (index, c) in self.rest().char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                c if c == quote => {
                    let text = self.take(index);
                    self.at += 1;
                    self.regex = false;
                    return Ok(Token::Str(cook(text)));
                }
                // U+2028 and U+2029 may stand in strings (ECMA-262 section 12.9.4).
                '\n' | '\r' => break,
                _ => {}
            }
        }
        Err(LexError::String)
    }

    /// A template from behind its `` ` `` or the `}` of a substitution.
    fn template(&mut self, first: bool) -> Result<Token<'s>, LexError> {
        let mut escaped = false;
        let rest = self.rest();
        for (index, c) in rest.char_indices() {
            let last = c == '`';
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '$' | '`' if last || rest.get(index..).is_some_and(|rest| rest.starts_with("${")) => {
                    let text = cook(self.take(index));
                    self.at += if last { 1 } else { 2 };
                    self.regex = !last;
                    if !last {
                        self.push(Open::Substitution)?;
                    }
                    return Ok(if first && last { Token::Str(text) } else { Token::Template { text, first, last } });
                }
                _ => {}
            }
        }
        Err(LexError::Template)
    }

    fn regex(&mut self) -> Result<Token<'s>, LexError> {
        self.at += 1;
        let (mut escaped, mut class) = (false, false);
        for (index, c) in self.rest().char_indices() {
            match c {
                c if is_line_end(c) => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '[' => class = true,
                ']' => class = false,
                '/' if !class => {
                    self.at += index + 1;
                    let rest = self.rest();
                    self.at += rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                    self.regex = false;
                    return Ok(Token::Regex);
                }
                _ => {}
            }
        }
        Err(LexError::Regex)
    }
}

impl<'s> Iterator for Lexer<'s> {
    type Item = Result<Token<'s>, LexError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let token = self.token();
        self.failed = token.is_err();
        token.transpose()
    }
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '_' | '$' | '#' | '\\')
        || (!c.is_ascii() && !c.is_whitespace() && c != '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tokens, one word each.
    fn lex(source: &str, goal: Goal) -> String {
        let words = Lexer::new(source, goal).map(|token| match token {
            Ok(Token::Word(word)) => word.to_owned(),
            Ok(Token::Punct(byte)) => char::from(byte).to_string(),
            Ok(Token::Str(text)) => format!("'{text}'"),
            Ok(Token::Template { text, .. }) => format!("`{text}`"),
            Ok(Token::Number) => "0".to_owned(),
            Ok(Token::Regex) => "RE".to_owned(),
            Err(error) => format!("{error:?}!"),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn hostile_code() {
        for (source, expected) in [
            ("a/b/c", "a / b / c"),
            ("a=/b/.c/d", "a = RE . c / d"),
            ("(a)/b/c", "( a ) / b / c"),
            ("if(a)/b'/.test(c)", "if ( a ) RE . test ( c )"),
            ("a.if(b)/c/d", "a . if ( b ) / c / d"),
            ("return/'/", "return RE"),
            ("a.return/b/c", "a . return / b / c"),
            ("{}/'/", "{ } RE"),
            ("a++/b/c", "a + / b / c"),
            ("=++/a/.b", "= + RE . b"),
            ("[1]/2/a", "[ 0 ] / 0 / a"),
            (r"/[/'\]]\//gu.a", "RE . a"),
            (
                r"'a\'b' + 'c\
d'",
                r"'a'b' + 'cd'",
            ),
            ("`a${`b${c}d`}e`/f", "`a` `b` c `d` `e` / f"),
            ("`${{a:1}.b}`", "`` { a : 0 } . b ``"),
            ("`a$b{c}`", "'a$b{c}'"),
            (r"`a\`\${b}`", "'a`${b}'"),
            ("a// import('b')\nc/* '*/d", "a c d"),
            ("1..a/2e3/.5/0x1f", "0 / 0 / 0 / 0"),
            ("a?.b?.5:c", "a ? . b ? 0 : c"),
            ("#!/bin/x '\na", "a"),
            ("[...a]/b", "[ . a ] / b"),
            ("日本=/'/", "日本 = RE"),
            ("a\u{a0}/b/c", "a / b / c"),
            ("'\u{2028}'", "'\u{2028}'"),
            ("// a\u{2028}b", "b"),
            ("'a\nb'", "String!"),
            ("a='", "a = String!"),
            ("`${a", "`` a Template!"),
            ("`a", "Template!"),
            ("=/a\n/", "= Regex!"),
            ("=/[/", "= Regex!"),
            ("/*", "Comment!"),
            ("a\0", "a Character!"),
            (")}]", ") } ]"),
        ] {
            assert_eq!(lex(source, Goal::Module), expected, "{source}");
        }
        assert_eq!(lex("a<!--b\nc", Goal::Module), "a < ! - b c");
        assert_eq!(lex("a<!--b'\n--> c'\nd-->e", Goal::Script), "a d - > e");
        assert_eq!(lex(&"(".repeat(MAX_DEPTH + 1), Goal::Script).rsplit(' ').next(), Some("Depth!"));
    }
}
