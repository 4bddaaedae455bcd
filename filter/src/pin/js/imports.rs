//! Imports: `import .. from "x"`, `import "x"`, `export .. from "x"`, `import("x")`.

use super::Script;
use super::token::Token;

/// Where in an import we are.
#[derive(Default)]
enum State {
    #[default]
    Elsewhere,
    /// After `import`.
    Import,
    /// Between `import` or `export` and its `from`.
    Clause,
    /// After `from`, which might also be a name.
    From,
    /// After `import(`.
    Call,
    /// After `import("x"`: it is the constant only if nothing is added to it.
    Constant(String),
}

/// Watches tokens for imports.
#[derive(Default)]
pub(super) struct Imports {
    state: State,
    dot: bool,
}

impl Imports {
    pub(super) fn see(&mut self, token: &Token<'_>, script: &mut Script) {
        let dot = std::mem::replace(&mut self.dot, token.is(b'.'));
        self.state = match (std::mem::take(&mut self.state), token) {
            (State::Constant(text), Token::Punct(b')' | b',')) => {
                script.imports.insert(text);
                State::Elsewhere
            }
            (State::Call, Token::Str(text)) => State::Constant(text.clone().into_owned()),
            (State::Call | State::Constant(_), token) => {
                script.computed += 1;
                begin(token, dot)
            }
            (State::Import | State::From, Token::Str(text)) => {
                script.imports.insert(text.clone().into_owned());
                State::Elsewhere
            }
            (State::Import, Token::Punct(b'(')) => State::Call,
            (State::Import | State::Clause | State::From, Token::Word("from")) => State::From,
            (_, Token::Word("import" | "export")) => begin(token, dot),
            (State::Import | State::Clause | State::From, token) if in_clause(token) => State::Clause,
            (_, token) => begin(token, dot),
        };
    }
}

fn begin(token: &Token<'_>, dot: bool) -> State {
    match token {
        Token::Word("import") if !dot => State::Import,
        Token::Word("export") if !dot => State::Clause,
        _ => State::Elsewhere,
    }
}

/// What may stand between `import` and `from`.
fn in_clause(token: &Token<'_>) -> bool {
    match token {
        Token::Punct(byte) => matches!(byte, b'{' | b'}' | b',' | b'*'),
        Token::Word(word) => !matches!(*word, "const" | "let" | "var" | "function" | "class"),
        Token::Str(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Goal, read};

    fn imports(source: &str) -> Vec<String> {
        let script = read(source, Goal::Module);
        assert_eq!(script.failed, None, "{source}");
        script.imports.into_iter().collect()
    }

    #[test]
    fn forms() {
        for (source, expected) in [
            ("import'a';import\"b\"", &["a", "b"][..]),
            ("import a from'a';import*as b from\"b\";import{c as d,default as e}from`c`", &["a", "b", "c"]),
            ("import a,{b}from'a'", &["a"]),
            ("import from from 'a'", &["a"]),
            ("import{'x y' as z}from'a'", &["a"]),
            ("import a from'a'with{type:'json'}", &["a"]),
            ("import defer * as a from 'a'", &["a"]),
            ("export*from'a';export*as b from'b';export{c,d as default}from'c'", &["a", "b", "c"]),
            ("import('a'),import(`b`),import(/* 'x' */'c',{with:{}})", &["a", "b", "c"]),
            ("const a=async()=>(await import('a')).b", &["a"]),
            ("[...import.meta.x,import('a')]", &["a"]),
            (r"import('\x2fa')", &["/a"]),
        ] {
            assert_eq!(imports(source), expected, "{source}");
        }
    }

    #[test]
    fn what_is_none() {
        for source in [
            "a.import('b')",
            "a?.import('b')",
            "import.meta.url+'b'",
            "'import(\"a\")'",
            "// import('a')\n/* import 'b' */",
            "/import('a')/",
            "`import('a')`",
            "export const from='a';export default'b'",
            "export{a};var from='b'",
            "export default from;'a'",
            "const x={import:'a',from:'b'};x['import']('c')",
            "export function a(){return'b'}",
            "export class a{from='b'}",
        ] {
            assert_eq!(imports(source), [""; 0], "{source}");
        }
    }

    #[test]
    fn computed() {
        let script = read("import(a);import('b'+c);import(`/${d}`);import('e')", Goal::Script);
        assert_eq!((script.computed, script.imports.len()), (3, 1));
    }
}
