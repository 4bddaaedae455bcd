//! What a script says about what it loads, without running it.

mod handlers;
mod imports;
mod lexer;
mod strings;
mod token;
mod vite;

use std::collections::BTreeSet;

pub use lexer::Lexer;
pub use token::{Goal, LexError, Token};
pub use vite::Base;

/// What stands in a script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// Specifiers of static imports, of `export .. from`, and of `import()` with a constant.
    pub imports: BTreeSet<String>,
    /// How many `import()` have no constant: what they load is not known.
    pub computed: usize,
    /// What Vite loads before a dynamic import: paths under its base.
    pub dependencies: BTreeSet<String>,
    /// How Vite's own function makes URLs of those, if the script is the one that has it.
    pub base: Option<Base>,
    /// Event handlers in markup within its strings.
    pub handlers: BTreeSet<String>,
    /// Why it was not read to its end.
    pub failed: Option<LexError>,
}

/// Reads a script in one go.
pub fn read(source: &str, goal: Goal) -> Script {
    let mut script = Script::default();
    let mut imports = imports::Imports::default();
    let mut vite = vite::Vite::default();
    for token in Lexer::new(source, goal) {
        let token = match token {
            Ok(token) => token,
            Err(error) => {
                script.failed = Some(error);
                break;
            }
        };
        imports.see(&token, &mut script);
        vite.see(&token, &mut script);
        if let Token::Str(text) | Token::Template { text, .. } = &token {
            handlers::collect(text, &mut script.handlers);
        }
    }
    script
}
