//! What Vite's bundles load beside their imports.
//!
//! Before a dynamic import Vite loads style sheets and modules from a list, `m.f||(m.f=["assets/a.css","b.js"])` in `__vite__mapDeps`. The list is
//! of paths under the base of the build. Only the function that loads them knows the base: it stands near the constant `modulepreload`, and returns
//! `"/vite/"+path`, or `new URL(path, importer)` where the base is relative.

use super::Script;
use super::token::Token;

/// How Vite makes URLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// This before the path.
    Prefix(String),
    /// Relative to the script with the list.
    Relative,
}

/// How many tokens after `modulepreload` the function is looked for in.
const NEAR: usize = 40;

/// Watches tokens for Vite's.
#[derive(Default)]
pub(super) struct Vite {
    has_list: bool,
    /// How much of `.f=[` or `.f||` was seen.
    list: List,
    /// Tokens left to look for the base in.
    near: usize,
    /// After `return` or `=>`.
    returns: bool,
    prefix: Option<String>,
    new: bool,
    arrow: bool,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum List {
    #[default]
    None,
    Dot,
    Name,
    Equals,
    Within,
}

impl Vite {
    pub(super) fn see(&mut self, token: &Token<'_>, script: &mut Script) {
        self.has_list |= *token == Token::Word("__vite__mapDeps");
        if self.has_list {
            self.list = self.see_list(token, script);
        }
        if matches!(token, Token::Str(text) if text == "modulepreload") {
            self.near = NEAR;
        } else if self.near > 0 && script.base.is_none() {
            self.near -= 1;
            script.base = self.see_base(token);
        }
    }

    fn see_list(&self, token: &Token<'_>, script: &mut Script) -> List {
        match (self.list, token) {
            (_, Token::Punct(b'.')) => List::Dot,
            (List::Dot, Token::Word("f")) => List::Name,
            (List::Name, Token::Punct(b'=')) => List::Equals,
            (List::Equals, Token::Punct(b'[')) | (List::Within, Token::Punct(b',')) => List::Within,
            (List::Within, Token::Str(text)) if is_asset(text) => {
                script.dependencies.insert(text.clone().into_owned());
                List::Within
            }
            _ => List::None,
        }
    }

    fn see_base(&mut self, token: &Token<'_>) -> Option<Base> {
        let returns = std::mem::take(&mut self.returns);
        let prefix = self.prefix.take();
        let (new, arrow) = (std::mem::take(&mut self.new), std::mem::take(&mut self.arrow));
        match token {
            Token::Word("return") => self.returns = true,
            Token::Punct(b'>') if arrow => self.returns = true,
            Token::Punct(b'=') => self.arrow = true,
            Token::Word("new") => self.new = true,
            Token::Word("URL") if new => return Some(Base::Relative),
            Token::Str(text) if returns && (text.starts_with('/') || text.starts_with("https://")) => {
                self.prefix = Some(text.clone().into_owned());
            }
            // The template of another minifier: `/vite/${path}`.
            Token::Template { text, first: true, last: false } if returns && text.starts_with('/') => {
                return Some(Base::Prefix(text.clone().into_owned()));
            }
            Token::Punct(b'+') => return prefix.map(Base::Prefix),
            _ => {}
        }
        None
    }
}

fn is_asset(path: &str) -> bool {
    [".js", ".mjs", ".css"].iter().any(|ending| path.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::super::{Goal, read};
    use super::*;

    #[test]
    fn lists() {
        for source in [
            r#"const __vite__mapDeps=(i,m=__vite__mapDeps,d=(m.f||(m.f=["assets/a.js","b.css","c.txt"])))=>i.map(i=>d[i]);"#,
            "const __vite__mapDeps=(i,m=__vite__mapDeps,d=(m.f||(m.f=[`assets/a.js`,`b.css`])))=>i.map(i=>d[i]);",
        ] {
            let script = read(source, Goal::Module);
            assert_eq!(script.dependencies.iter().collect::<Vec<_>>(), ["assets/a.js", "b.css"], "{source}");
        }
        assert!(read(r#"m.f=["a.js"]"#, Goal::Module).dependencies.is_empty());
    }

    #[test]
    fn bases() {
        for (source, base) in [
            (r#"const a="modulepreload",b=function(c){return"/vite/"+c},d={};"#, Some(Base::Prefix("/vite/".into()))),
            ("const a=`modulepreload`,b=function(e){return`/vite/`+e}", Some(Base::Prefix("/vite/".into()))),
            ("const a='modulepreload',b=e=>'/'+e", Some(Base::Prefix("/".into()))),
            ("const a='modulepreload',b=e=>`/x/${e}`", Some(Base::Prefix("/x/".into()))),
            ("const a='modulepreload',b=function(c,d){return new URL(c,d).href}", Some(Base::Relative)),
            ("function b(c){return'/vite/'+c}", None),
            ("a.rel='modulepreload'", None),
        ] {
            assert_eq!(read(source, Goal::Module).base, base, "{source}");
        }
    }
}
