//! Event handlers in markup that a script holds in its strings, such as `innerHTML = '<button onclick="location.reload()">'`.

use std::collections::BTreeSet;

use crate::pin::entities;

/// The longest handler that is taken for one.
const MAX_HANDLER_BYTES: usize = 1024;

/// Collects handlers that stand in a text whole: `on..="..."`, in either quotes. What a substitution is part of is in two texts, so in none whole.
pub(super) fn collect(text: &str, handlers: &mut BTreeSet<String>) {
    for (index, _) in text.match_indices("on") {
        // An attribute follows white space, the end of another, or a substitution.
        let before = text.get(..index).and_then(|before| before.chars().next_back());
        if before.is_some_and(|c| !(c.is_whitespace() || matches!(c, '"' | '\'' | '/'))) {
            continue;
        }
        let rest = text.get(index..).unwrap_or_default();
        let Some(handler) = handler(rest).filter(|handler| handler.len() <= MAX_HANDLER_BYTES) else { continue };
        if let Some(handler) = entities::decode(handler).filter(|handler| !handler.trim().is_empty()) {
            handlers.insert(handler.into_owned());
        }
    }
}

fn handler(text: &str) -> Option<&str> {
    let name = text.find(|c: char| !c.is_ascii_lowercase())?;
    let value = text.get(name..)?.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (handler, _) = value.get(1..)?.split_once(quote)?;
    (name > 2 && !handler.contains("${")).then_some(handler)
}

#[cfg(test)]
mod tests {
    use super::super::{Goal, read};

    fn handlers(source: &str) -> Vec<String> {
        read(source, Goal::Script).handlers.into_iter().collect()
    }

    #[test]
    fn found() {
        for (source, expected) in [
            ("a=`<button onclick=\"location.reload(true);\">${b}</button>`", &["location.reload(true);"][..]),
            ("a='<a onclick=\\'b()\\' onload = \"c(&quot;d&quot;)\">'", &["b()", "c(\"d\")"]),
            ("a=`<a class=\"${b}\"onclick=\"c()\">`", &["c()"]),
            ("a=`<a onclick=\"b(${c})\">`", &[]),
            ("a='<a onclick=\"'+b+'\">'", &[]),
            ("a.onclick='b()'", &[]),
            ("a='option=\"b\"; on=\"c\"; icon=\"d\"'", &[]),
            ("// <a onclick=\"b()\">", &[]),
            ("a='<a onclick=\"\">'", &[]),
        ] {
            assert_eq!(handlers(source), expected, "{source}");
        }
    }
}
