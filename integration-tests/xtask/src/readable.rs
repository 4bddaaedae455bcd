//! The logs as a person reads them: a line for each decision, and what the filter says itself.

use std::env;
use std::io::{IsTerminal, stdout};

use crate::json;

/// What is printed above the lines.
pub const HEADER: &str = "time (UTC) verdict  status  rule                      type         actor, and why";

/// Of a value that a stranger chose, so many characters are shown.
const MAX_VALUE: usize = 120;
/// Of what the filter says, so many.
const MAX_MESSAGE: usize = 300;

/// With colours or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// For a terminal.
    Coloured,
    /// For a file or a pipe, and for who sets `NO_COLOR`.
    Plain,
}

/// The colours of ECMA-48 that we use.
#[derive(Clone, Copy)]
enum Colour {
    Red = 31,
    Green = 32,
    Yellow = 33,
    Dim = 2,
}

impl Style {
    /// What our standard output should get: <https://no-color.org>.
    pub fn of_stdout() -> Self {
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if stdout().is_terminal() && !unwanted { Self::Coloured } else { Self::Plain }
    }

    fn paint(self, colour: Colour, text: &str) -> String {
        match self {
            Self::Coloured => format!("\x1b[{}m{text}\x1b[0m", colour as u8),
            Self::Plain => text.to_owned(),
        }
    }
}

/// One line of the JSON access log, or nothing if no decision was made: other requests pass in silence.
pub fn decision(line: &str, style: Style) -> Option<String> {
    // Envoy logs `null` for what is not there, nginx an empty text.
    let text = |name| json::field(line, name).filter(|value| !value.is_empty()).map(|value| plain(&value, MAX_VALUE));
    let (verdict, shadow) = (text("sekisho.verdict"), text("sekisho.shadow"));
    if verdict.is_none() && shadow.is_none() && text("route").as_deref() != Some("inbox") {
        return None;
    }
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".into());
    let time = or_dash(text("time"));
    // 2026-11-22T15:50:30.302Z
    let time = time.get(11..19).unwrap_or(&time);
    let verdict = or_dash(verdict);
    let padded = format!("{verdict:<7}");
    let verdict = match verdict.as_str() {
        "accept" => style.paint(Colour::Green, &padded),
        "drop" => style.paint(Colour::Yellow, &padded),
        "reject" => style.paint(Colour::Red, &padded),
        _ => padded,
    };
    let mut out = format!(
        "{time:<10} {verdict}  {:<6}  {:<24}  {:<11}  {}",
        or_dash(text("status")),
        or_dash(text("sekisho.rule")),
        or_dash(text("sekisho.type")),
        or_dash(text("sekisho.actor")),
    );
    if let Some(reason) = text("sekisho.reason") {
        out.push_str(&format!("  {reason}"));
    }
    if let Some(shadow) = shadow {
        let shadow = format!("(shadow: {shadow})");
        out.push_str(&format!("  {}", style.paint(Colour::Dim, &shadow)));
    }
    Some(out)
}

/// What the filter itself says, from a line of Envoy's log; nothing if it is another's.
///
/// ```text
/// [2026-11-22 18:20:07.128][7544][info][wasm] [source/...] wasm log sekisho: sekisho 0.1.0 in Envoy: policy loaded, ..
/// ```
pub fn message(line: &str, style: Style) -> Option<String> {
    let (head, message) = line.split_once(" wasm log ")?;
    let (_, message) = message.split_once(": ")?;
    let message = match message.strip_prefix("sekisho: ") {
        Some(rest) => rest,
        None => message.starts_with("sekisho ").then_some(message)?,
    };
    let mut fields = head.strip_prefix('[')?.split("][");
    let time = fields.next()?.get(11..19)?;
    let level = fields.nth(1)?;
    let message = plain(message, MAX_MESSAGE);
    let message = match level {
        "error" | "critical" => style.paint(Colour::Red, &message),
        "warning" => style.paint(Colour::Yellow, &message),
        _ => message,
    };
    Some(format!("{time:<10} {message}"))
}

/// Strangers choose some of these values: nothing of them may steer a terminal or flood it.
fn plain(value: &str, most: usize) -> String {
    let hidden = |c: char| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    value.chars().take(most).map(|c| if hidden(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REJECTED: &str = r#"{"method":"POST","route":"inbox","sekisho.actor":"https://spam.example/users/eve","sekisho.rule":"inbox.owner","sekisho.reason":"object is not on the actor's origin","sekisho.shadow":"inbox.mentions","sekisho.type":"Create","sekisho.verdict":"reject","status":403,"time":"2026-11-22T15:50:30.302Z"}"#;

    #[test]
    fn a_decision() {
        assert_eq!(
            decision(REJECTED, Style::Plain).unwrap(),
            "15:50:30   reject   403     inbox.owner               Create       https://spam.example/users/eve  \
             object is not on the actor's origin  (shadow: inbox.mentions)"
        );
        let coloured = decision(REJECTED, Style::Coloured).unwrap();
        assert!(coloured.contains(" \x1b[31mreject \x1b[0m  403 "), "{coloured:?}");
        assert!(coloured.ends_with("  \x1b[2m(shadow: inbox.mentions)\x1b[0m"), "{coloured:?}");
        for (verdict, colour) in [("accept", 32), ("drop", 33)] {
            let line = decision(&REJECTED.replace("reject", verdict), Style::Coloured).unwrap();
            assert!(line.contains(&format!("\x1b[{colour}m{verdict}")), "{line:?}");
        }
    }

    #[test]
    fn one_that_envoy_answered_itself() {
        let line = r#"{"route":"inbox","sekisho.verdict":null,"status":408,"time":"x"}"#;
        let shown = "x          -        408     -                         -            -";
        assert_eq!(decision(line, Style::Coloured).unwrap(), shown);
    }

    #[test]
    fn other_requests_and_noise_are_left_out() {
        for line in [
            r#"{"route":"pages","sekisho.verdict":null,"status":200}"#,
            r#"{"sekisho.verdict":"","status":"200"}"#,
            "no JSON",
        ] {
            assert_eq!(decision(line, Style::Plain), None);
        }
    }

    #[test]
    fn no_value_steers_the_terminal() {
        let line = format!(r#"{{"sekisho.verdict":"accept","sekisho.actor":"\u001b[2J\u202e{}"}}"#, "a".repeat(1000));
        let shown = decision(&line, Style::Plain).unwrap();
        assert!(shown.contains("\u{fffd}[2J\u{fffd}aaa") && shown.len() < 300);
        let line =
            format!("[2026-11-22 18:20:07.1][7][info][wasm] [x] wasm log sekisho: sekisho: \x1b{}", "a".repeat(1000));
        let shown = message(&line, Style::Plain).unwrap();
        assert!(shown.starts_with("18:20:07   \u{fffd}aaa") && shown.len() < 400);
    }

    #[test]
    fn what_the_filter_says() {
        let line = "[2026-11-22 18:20:07.128][7544][info][wasm] [source/extensions/common/wasm/context.cc:1151] \
                    wasm log sekisho: sekisho 0.1.0 in Envoy: policy loaded, 18 rules in enforce mode";
        let shown = "18:20:07   sekisho 0.1.0 in Envoy: policy loaded, 18 rules in enforce mode";
        assert_eq!(message(line, Style::Coloured).unwrap(), shown);
        let line = "[2026-11-22 18:20:07.646][7489][error][wasm] [source/extensions/common/wasm/context.cc:1157] \
                    wasm log sekisho: sekisho: policy: $.inbox.mentions.max: expected a whole number";
        let shown = "18:20:07   policy: $.inbox.mentions.max: expected a whole number";
        assert_eq!(message(line, Style::Plain).unwrap(), shown);
        assert!(message(line, Style::Coloured).unwrap().starts_with("18:20:07   \x1b[31mpolicy"));
        for line in [
            "",
            "[2026-11-22 18:20:07.646][7489][error][wasm] [source/extensions/common/wasm/wasm.cc:104] Wasm VM failed",
            "[2026-11-22 18:20:07.646][7489][info][wasm] [x] wasm log other: hello",
            "x wasm log sekisho: sekisho: no head",
        ] {
            assert_eq!(message(line, Style::Plain), None, "{line}");
        }
    }
}
