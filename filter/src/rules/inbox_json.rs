//! `inbox.json`

use crate::decision::Mode;
use crate::registry::{Check, Phase, Rule};

/// The rule. Its check is [`crate::json::parse`].
pub const RULE: Rule = Rule {
    id: "inbox.json",
    phase: Phase::Body,
    status: 400,
    mode: Mode::Enforce,
    action: None,
    summary: "a body that is not one JSON document that every parser reads alike",
    doc: "
A delivery is allowed if its body is one JSON document in UTF-8 without duplicate keys (also when escaped differently), lone surrogates, numbers
beyond a double, nesting deeper than 64, or bytes after it. One leading byte order mark is skipped, as Misskey skips it.

In `shadow` mode a document with duplicate keys is read as JavaScript reads it (the last one counts) and goes on to the other rules;
what cannot be read at all goes to the server unread.",
    specification: "RFC 8259, RFC 7493 (I-JSON) section 2",
    compile: |_| Check::Reading,
};

#[cfg(test)]
mod tests {
    use crate::rules::testing::{accepts, decide, refuses};

    const LIKE: &str =
        r#"{"type":"Like","id":"https://a.example/1","actor":"https://a.example/u","object":"https://b.example/2"}"#;

    #[test]
    fn one_document_only() {
        accepts("", LIKE);
        accepts("", &format!("\u{feff}{LIKE}\r\n"));
        refuses("", "inbox.json", "body", &format!("{LIKE}{LIKE}"));
        refuses("", "inbox.json", "body", "");
        refuses("", "inbox.json", "body", &LIKE.replace("{\"type\"", "{\"\\u0069d\":\"https://b.example/\",\"type\""));
    }

    #[test]
    fn in_shadow_the_last_key_counts() {
        let policy = r#"{"inbox":{"json":{"mode":"shadow"}}}"#;
        let forged = LIKE.replace("{\"type\"", "{\"actor\":\"https://a.example/u\",\"type\"");
        let forged = forged
            .replace("\"actor\":\"https://a.example/u\",\"object\"", "\"actor\":\"https://c.example/u\",\"object\"");
        let decision = decide(policy, &forged);
        assert_eq!((decision.rule(), decision.shadow_rules()), (Some("inbox.owner"), vec!["inbox.json"]));
        let decision = decide(policy, "junk");
        assert_eq!((decision.rule(), decision.shadow_rules()), (None, vec!["inbox.json"]));
    }
}
