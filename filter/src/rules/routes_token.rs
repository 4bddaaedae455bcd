//! `routes.token`

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use crate::decision::{Finding, Mode};
use crate::http::RequestHead;
use crate::http::route::Route;
use crate::http::route_pattern::Patterns;
use crate::registry::{Check, Phase, Rule};

/// What a token is for if the policy says nothing else: Misskey's job queue.
const PATHS: &[&str] = &["/queue/*"];

/// What makes a browser ask its user. Its name is the field's, the realm is all that people see of it.
const CHALLENGE: &str = r#"Basic realm="sekisho", charset="UTF-8""#;

/// The longest credentials that are looked at, in bytes: a token of 256 and a name of some length, in base64.
const MAX_CREDENTIALS_BYTES: usize = 1_024;

/// The rule.
pub const RULE: Rule = Rule {
    id: "routes.token",
    phase: Phase::Request,
    status: 401,
    mode: Mode::Enforce,
    action: None,
    summary: "a request without the policy's token on the routes that it is for, if the policy has one",
    doc: "
A request is allowed if any of these hold:

1. the policy has no `token`, as by default;
2. no reading of its path (see `routes.path`) is one of `paths`;
3. its one `Authorization` is `Basic`, with any name and the token as the password: browsers ask for it, and keep it until they are closed;
4. or `Bearer`, with the token.

This is a second lock, in front of the server's own: the job queue of Misskey still asks for an administrator's cookie. Attempts are not counted here; a token of 16 bytes that a machine made is not guessed. Tokens are compared in constant time, and nothing of them is logged.
The token goes no further: the server never sees a right `Authorization` of this rule. So it fits no route on which clients send the server an `Authorization` of their own.",
    specification: "RFC 9110 section 11, RFC 7617 (Basic), RFC 6750 section 2.1 (Bearer)",
    compile: |reader| {
        let paths = Patterns::read(reader, "paths", PATHS, "the routes, as patterns");
        let token = reader.fixed(|reader| reader.secret("token", 16..=256, "the token; none: every route is open"));
        if token.is_empty() && !paths.is_empty() && paths != Patterns::of(PATHS) {
            // Whoever lists routes wants them locked.
            return reader.fault("token", "is needed for the routes in `paths`".to_owned());
        }
        if token.is_empty() || paths.is_empty() {
            return Check::Never;
        }
        let lock = Rc::new(Lock { paths, token });
        let same = Rc::clone(&lock);
        Check::Credentials {
            check: Box::new(move |head| {
                let is_refused = lock.guards(head) && !lock.opens(head);
                is_refused.then(|| Finding::new("authorization", "has not the token of this route").with_field("www-authenticate", CHALLENGE.into()))
            }),
            is_own: Box::new(move |head| same.guards(head) && same.opens(head)),
        }
    },
};

struct Lock {
    paths: Patterns,
    token: String,
}

impl Lock {
    fn guards(&self, head: &RequestHead) -> bool {
        self.paths.has_any(&Route::of(head.path.as_deref().unwrap_or_default()))
    }

    fn opens(&self, head: &RequestHead) -> bool {
        let credentials = head.authorization.as_deref().unwrap_or_default();
        let Some((scheme, value)) = split(credentials, b' ').filter(|_| credentials.len() <= MAX_CREDENTIALS_BYTES)
        else {
            return false;
        };
        let value = value.trim_ascii();
        if scheme.eq_ignore_ascii_case(b"bearer") {
            return is_same(value, self.token.as_bytes());
        }
        let decoded = || STANDARD.decode(value).or_else(|_| STANDARD_NO_PAD.decode(value)).ok();
        scheme.eq_ignore_ascii_case(b"basic")
            && decoded().is_some_and(|pair| {
                split(&pair, b':').is_some_and(|(_, password)| is_same(password, self.token.as_bytes()))
            })
    }
}

fn split(bytes: &[u8], mark: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == mark)?;
    Some((bytes.get(..at)?, bytes.get(at.saturating_add(1)..)?))
}

/// In a time that depends on the lengths alone.
fn is_same(given: &[u8], token: &[u8]) -> bool {
    let difference = given.iter().zip(token).fold(0, |all, (a, b)| all | (a ^ b));
    given.len() == token.len() && std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Answer;
    use crate::policy::Policy;
    use crate::rules::testing::{head, request};

    const POLICY: &str = r#"{"routes":{"token":{"token":"0123456789abc:ef"}}}"#;

    fn basic(pair: &str) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    #[test]
    fn routes_without_a_token_refuse_the_policy() {
        let errors = Policy::parse(br#"{"routes":{"token":{"paths":["/admin/*"]}}}"#).err().unwrap_or_default();
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(errors, ["$.routes.token.token: is needed for the routes in `paths`"]);
    }

    #[test]
    fn a_lock() {
        let refused = Some("routes.token");
        let right = [basic("me:0123456789abc:ef"), basic(":0123456789abc:ef"), "bearer  0123456789abc:ef".to_owned()];
        let wrong = [
            basic("me:0123456789abc:eF"),
            basic("me:0123456789abc:ef0"),
            basic("0123456789abc:ef"),
            basic(""),
            "Basic".to_owned(),
            "Basic !".to_owned(),
            "0123456789abc:ef".to_owned(),
            "Bearer 0123456789abc:e".to_owned(),
            "Digest 0123456789abc:ef".to_owned(),
            "Bearer ".to_owned(),
            format!("Bearer {}", "0".repeat(5_000)),
        ];
        for target in ["/queue", "/queue/api/x?y", "/%71ueue", "/x;/../QUEUE"] {
            let path_off = r#"{"routes":{"path":{"mode":"off"},"token":{"token":"0123456789abc:ef"}}}"#;
            assert_eq!(request(path_off, "GET", target, &[]), refused, "{target}");
            assert_eq!(request("", "GET", "/queue", &[]), None);
            for given in &right {
                assert_eq!(request(path_off, "GET", target, &[("authorization", given)]), None, "{given}");
            }
            for given in &wrong {
                assert_eq!(request(path_off, "GET", target, &[("authorization", given)]), refused, "{given}");
            }
        }
        let twice = [("authorization", right[0].as_str()), ("authorization", wrong[0].as_str())];
        assert_eq!(request(POLICY, "GET", "/queue", &twice), refused);
        assert_eq!(request(POLICY, "GET", "/notes/a", &[]), None);
    }

    #[test]
    fn the_browser_asks_and_the_token_goes_no_further() {
        let policy = Policy::parse(POLICY.as_bytes()).unwrap();
        let guard = &policy.site(None).guard;
        let answer = Answer::to(&guard.decide(&head("GET", "/queue", &[])).refusal.unwrap());
        assert_eq!((answer.status, answer.all_fields().last()), (401, Some(&("www-authenticate", CHALLENGE))));
        let right = basic("me:0123456789abc:ef");
        for (target, given, is_kept) in
            [("/queue", right.as_str(), true), ("/queue", "Bearer x", false), ("/api/i", right.as_str(), false)]
        {
            assert_eq!(
                guard.keeps_authorization(&head("GET", target, &[("authorization", given)])),
                is_kept,
                "{target} {given}"
            );
        }
        assert!(!guard.keeps_authorization(&head("GET", "/queue", &[])));
    }

    #[test]
    fn a_token_is_never_printed() {
        let effective = Policy::parse(POLICY.as_bytes()).unwrap().effective().to_string();
        assert!(!effective.contains("0123456789abc") && effective.contains("<redacted>"), "{effective}");
        for short in ["0123456789abcde", "<redacted>"] {
            let policy = format!(r#"{{"routes":{{"token":{{"token":"{short}"}}}}}}"#);
            assert!(Policy::parse(policy.as_bytes()).is_err(), "{short}");
        }
    }
}
