//! `inbox.reaction`

use crate::activitypub::activity::Activity;
use crate::decision::{Action, Finding, Mode};
use crate::json::Json;
use crate::registry::{Check, Phase, Rule};

/// The longest reaction, in bytes: long enough for a family of four and for a shortcode with a host.
const MAX_BYTES: usize = 256;

/// The rule.
pub const RULE: Rule = Rule {
    id: "inbox.reaction",
    phase: Phase::Activity,
    status: 400,
    mode: Mode::Enforce,
    action: Some(Action::Reject),
    summary: "an emoji reaction that is not one emoji",
    doc: "
An EmojiReact (or EmojiReaction) is allowed if its `content` is absent, or any of these:

1. `:shortcode:`, perhaps with `@host` before the last colon;
2. one emoji: one character that is no letter, digit or space, with the modifiers, joiners, tags or second flag letter that belong to it.

A Like may have any content; other rules look at that.",
    specification: "FEP-c0e0, UTS #51 section 1.4.9",
    compile: |_| Check::Activity(Box::new(|subject| check(subject.activity))),
};

fn check(activity: &Activity<'_>) -> Option<Finding> {
    let content = activity.node.get("content").filter(|_| activity.verb.is_emoji_reaction())?;
    let one = match content {
        Json::Null => true,
        Json::String(content) => content.len() <= MAX_BYTES && (is_shortcode(content) || is_one_emoji(content)),
        _ => false,
    };
    (!one).then(|| Finding::new("content", "is not one emoji"))
}

fn is_shortcode(content: &str) -> bool {
    let inner = content.strip_prefix(':').and_then(|rest| rest.strip_suffix(':'));
    let name_char = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '+' | '.' | '@');
    inner.is_some_and(|inner| !inner.is_empty() && inner.chars().all(name_char))
}

const JOINER: char = '\u{200d}';
const KEYCAP: char = '\u{20e3}';

/// The "possible emoji" of UTS #51, without its table of characters, so that new emoji need no new release.
fn is_one_emoji(content: &str) -> bool {
    !content.is_empty() && content.split(JOINER).all(is_emoji_element)
}

fn is_emoji_element(element: &str) -> bool {
    let mut chars = element.chars();
    let Some(first) = chars.next() else {
        return false;
    };
    let flag_letter = |c: char| ('\u{1f1e6}'..='\u{1f1ff}').contains(&c);
    if flag_letter(first) {
        return chars.next().is_some_and(flag_letter) && chars.next().is_none();
    }
    let keycap_base = first.is_ascii_digit() || matches!(first, '#' | '*');
    if keycap_base {
        return matches!(chars.as_str(), "\u{fe0f}\u{20e3}" | "\u{20e3}");
    }
    let modifier =
        |c: char| matches!(c, '\u{fe0e}' | '\u{fe0f}' | KEYCAP | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}');
    let plain = first.is_ascii() || first.is_whitespace() || first.is_control();
    !plain && (!first.is_alphanumeric() || is_emoji_letter(first)) && chars.all(modifier)
}

/// Emoji that Unicode counts as letters or numbers: the information sign and the enclosed characters.
fn is_emoji_letter(c: char) -> bool {
    matches!(c, '\u{2139}' | '\u{2460}'..='\u{24ff}' | '\u{3200}'..='\u{32ff}' | '\u{1f100}'..='\u{1f2ff}')
}

#[cfg(test)]
mod tests {
    use crate::rules::testing::{accepts, refuses};

    fn react(kind: &str, content: &str) -> String {
        format!(
            r#"{{"type":"{kind}","id":"https://a.example/1","actor":"https://a.example/u","object":"https://b.example/2","content":{content}}}"#
        )
    }

    #[test]
    fn one_emoji() {
        for one in [
            "👍",
            "❤️",
            "👍🏽",
            "🇯🇵",
            "👩‍👩‍👧‍👦",
            "1️⃣",
            "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
            "🏳️‍🌈",
            "👁️‍🗨️",
            "\u{1fae8}",
            ":pudding:",
            ":blob_cat@social.example:",
            "🅰️",
            "㊗️",
            "©️",
            "Ⓜ️",
        ] {
            accepts("", &react("EmojiReact", &format!("\"{one}\"")));
        }
        accepts("", &react("EmojiReact", "null"));
        for not_one in [
            "\"👌👌\"",
            "\"hello\"",
            "\"\"",
            "\"a\"",
            "\":a b:\"",
            "\"::\"",
            "\"🇯\"",
            "\"👍 \"",
            "\"👍x\"",
            "\"猫\"",
            "\"1\"",
            "[]",
            "\"\u{200d}\"",
            "\"<b>\"",
        ] {
            refuses("", "inbox.reaction", "content", &react("EmojiReaction", not_one));
        }
        accepts("", &react("Like", "\"hello\""));
    }
}
