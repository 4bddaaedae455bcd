//! `closing`

use std::rc::Rc;

use crate::decision::{Finding, Mode, Told};
use crate::farewell;
use crate::http::{RequestHead, accept, federation, path};
use crate::registry::{Check, Phase, Rule};

/// The longest farewell, in bytes.
const MAX_FAREWELL_BYTES: usize = 16 * 1024;

/// The rule.
pub const RULE: Rule = Rule {
    id: "closing",
    phase: Phase::Request,
    status: 410,
    mode: Mode::Off,
    action: None,
    summary: "what other servers ask for, once this one closes: they then stop delivering for good",
    doc: "
A request is allowed if all of these hold:

1. it delivers to no inbox;
2. it does not ask for ActivityPub's media types;
3. its path is not of discovery (webfinger, nodeinfo, host-meta) or of an object that no page shows (outbox, followers, following, collections, publickey, activities, emojis, likes, follows);
4. `farewell` is empty, or it is no read of a page (`Accept` names HTML). Else the answer, 410 as well, is a page with that text; an empty line in it begins a paragraph.

Pages, the API, files and streaming stay up, so that people can take their data with them. Deliveries are answered before their body is read, and before every other rule.

`mode` back to `off` opens everything again, but other servers take 410 on an inbox as the end, and some do not come back by themselves. Send the deletions of your accounts first, and let them finish: their receivers ask here for the key that signed them.
While people still need the pages (to sign in, to export their data), leave `farewell` empty.",
    specification: "RFC 9110 section 15.5.11 (410 Gone); Misskey and Mastodon stop delivering to a shared inbox that answers it",
    compile: |reader| {
        let farewell = reader.text(
            "farewell",
            MAX_FAREWELL_BYTES,
            "",
            "the text of a page that people see instead of the server's; empty: pages stay up",
        );
        let page: Option<Rc<str>> = (!farewell.trim().is_empty()).then(|| farewell::page(&farewell).into());
        Check::Request(Box::new(move |head| {
            if federation::is_federation(head) {
                return Some(Finding::new("server", "has closed"));
            }
            let page = page.as_ref().filter(|_| is_page(head))?;
            Some(Finding::new("server", "has closed").with_told(Told::Page(Rc::clone(page))))
        }))
    },
};

fn is_page(head: &RequestHead) -> bool {
    let is_read = head.method.as_deref().is_some_and(path::is_read);
    is_read && head.accept.as_deref().is_some_and(accept::wants_html)
}

#[cfg(test)]
mod tests {
    use crate::decision::Decision;
    use crate::http::RequestHead;
    use crate::policy::Policy;

    fn decide(policy: &str, method: &str, target: &str, accept: &str) -> Decision {
        let policy = Policy::parse(policy.as_bytes()).unwrap();
        let fields = [(":method", method), (":path", target), ("accept", accept)];
        let head = RequestHead::from_fields(fields.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        policy.site(None).guard.decide(&head)
    }

    const BROWSER: &str = "text/html,*/*;q=0.8";

    #[test]
    fn federation_is_gone_and_pages_stay() {
        let closing = r#"{"closing":{"mode":"enforce"}}"#;
        let gone = decide(closing, "GET", "/users/1", "application/activity+json");
        assert_eq!(gone.refusal.map(|refusal| (refusal.rule, refusal.status)), Some(("closing", 410)));
        assert!(decide(closing, "POST", "/inbox", "*/*").refusal.is_some());
        assert_eq!(decide(closing, "GET", "/users/1", BROWSER), Decision::default());
        assert_eq!(decide("", "POST", "/inbox", "*/*"), Decision::default());
        let shadow = decide(r#"{"closing":{"mode":"shadow"}}"#, "POST", "/inbox", "*/*");
        assert_eq!((shadow.rule(), shadow.shadow_rules()), (None, vec!["closing"]));
    }

    #[test]
    fn a_farewell_takes_the_place_of_pages() {
        let closing = r#"{"closing":{"mode":"enforce","farewell":"Good bye."}}"#;
        let page = |method, target, accept| {
            decide(closing, method, target, accept).refusal.map(|refusal| refusal.finding.told.is_some())
        };
        assert_eq!(page("GET", "/", BROWSER), Some(true));
        assert_eq!(page("GET", "/users/1", "application/activity+json"), Some(false));
        for (method, target, accept) in [("POST", "/api/i/export-notes", BROWSER), ("GET", "/vite/a.js", "*/*")] {
            assert_eq!(page(method, target, accept), None, "{target}");
        }
    }
}
