//! What becomes of a response, decided at its head: nginx cannot hold it back, and what the body holds is no witness for itself.

use std::sync::Arc;

use super::build::Place;
use super::csp;
use super::fields::{Changes, Received};
use super::import_map::ImportMap;
use super::settings::{Merge, Strength};
use super::treatment::{self, Treatment};
use super::{ENDPOINT, Page, PageRequest, authority, etag, rewrite, security_fields};

/// The field that a policy is enforced by.
pub const CSP: &str = "content-security-policy";
const CSP_REPORT_ONLY: &str = "content-security-policy-report-only";

impl Page {
    /// How a response is treated; `None` where it is left as it is.
    pub fn treatment(&self, request: &PageRequest, status: u16, content_type: Option<&[u8]>) -> Option<Treatment> {
        match status {
            // Our own tag was in the question: this is the page that the browser has.
            304 => request.revalidates.then_some(Treatment::Page),
            100..=199 | 204 | 205 | 300..=399 => None,
            _ => Some(Treatment::of(self.settings.preset, &request.route, content_type)),
        }
    }

    /// What changes in the head of a response.
    pub fn response(&self, request: &PageRequest, status: u16, received: Received<'_>) -> Changes {
        let mut changes = Changes::default();
        match self.treatment(request, status, received.only("content-type")) {
            // A policy in a 304 would take the place of the one that is kept with the page.
            None if status == 304 => changes.remove.push(CSP),
            None => {}
            Some(Treatment::Part) => security_fields::sniffing(&mut changes),
            Some(Treatment::Locked) => {
                security_fields::sniffing(&mut changes);
                if self.settings.fields.lock_files {
                    changes.add.push((CSP, security_fields::LOCKED.to_owned()));
                }
            }
            Some(Treatment::Page) => {
                changes.is_page = true;
                self.page(request, status, received, &mut changes);
            }
        }
        changes
    }

    fn page(&self, request: &PageRequest, status: u16, received: Received<'_>, changes: &mut Changes) {
        security_fields::of_page(&self.settings.fields, received, request, self.settings.preset, changes);
        let is_foreign = self.is_foreign(request);
        let content_type = received.only("content-type");
        let charset = content_type.and_then(treatment::charset);
        // A 304 has no type, and is about a page that was rewritten.
        let is_rewritten = self.rewrites()
            && !is_foreign
            && (status == 304
                || (treatment::is_html(content_type)
                    && treatment::is_plain(status, received)
                    && rewrite::reads(charset)));
        let import_map = if is_rewritten { self.import_map(request).map(Arc::as_ref) } else { None };
        self.policies(request, is_foreign, import_map, received, changes);
        if is_rewritten {
            self.integrity_policy(changes);
            // The length and the digests are those of the server's own bytes.
            changes.remove.extend([
                "content-length",
                "accept-ranges",
                "last-modified",
                "content-md5",
                "digest",
                "content-digest",
                "repr-digest",
            ]);
            if self.maps.varies() {
                changes.add.push(("vary", "accept-language".to_owned()));
            }
            changes.rewrite = status != 304 && !request.is_head;
        }
        // Also where nothing is rewritten: the policy in the head is as new as our number. Where this one body was not, the next one may be.
        let is_same_next_time = is_rewritten || !self.rewrites() || is_foreign;
        let tag = received.only("etag").filter(|_| is_same_next_time);
        match tag.and_then(|tag| etag::mark(tag, self.number(request))) {
            Some(tag) => changes.set("etag", tag),
            None => changes.remove.push("etag"),
        }
    }

    /// Whether the page is of an application that the manifest knows nothing of.
    fn is_foreign(&self, request: &PageRequest) -> bool {
        let exempt = &self.settings.exempt_paths;
        self.settings.preset.is_foreign(&request.route) || exempt.iter().any(|prefix| is_below(&request.route, prefix))
    }

    /// The import map for a page.
    pub fn import_map(&self, request: &PageRequest) -> Option<&Arc<ImportMap>> {
        self.maps.select(request.accept_language.as_deref())
    }

    fn policies(
        &self,
        request: &PageRequest,
        is_foreign: bool,
        import_map: Option<&ImportMap>,
        received: Received<'_>,
        changes: &mut Changes,
    ) {
        let place = Place {
            host: self.host(request),
            is_embeddable: self.settings.preset.is_embeddable(&request.route),
            hands_over: self.settings.preset.hands_over(&request.route),
            import_map: import_map.map(|map| map.csp_hash()),
        };
        let report = self.settings.report_path.as_ref().map(|path| {
            // Where `report-to` is known, `report-uri` is ignored, and its endpoint must come by https.
            let to = if request.is_https { format!("; report-to {ENDPOINT}") } else { String::new() };
            format!("; report-uri {path}{to}")
        });
        let report = report.unwrap_or_default();
        let enforced = self.enforced.as_ref().map(|enforced| if is_foreign { &self.base } else { enforced });
        if let Some(enforced) = enforced {
            let upgrade = if self.settings.upgrade_requests && self.host(request).is_some_and(authority::may_have_https)
            {
                "; upgrade-insecure-requests"
            } else {
                ""
            };
            let policy = format!("{}{upgrade}{report}", enforced.text(place));
            let policy = policy.trim_start_matches("; ").to_owned();
            if self.settings.merge == Merge::Replace && is_as_strict(&policy, received, self.host(request)) {
                changes.remove.push(CSP);
            }
            changes.add.push((CSP, policy));
        }
        if let Some(reported) = self.reported.as_ref().filter(|_| !is_foreign) {
            changes.add.push((CSP_REPORT_ONLY, format!("{}{report}", reported.text(place))));
        }
        if let Some(path) = self.settings.report_path.as_ref().filter(|_| request.is_https) {
            changes.add.push(("reporting-endpoints", format!("{ENDPOINT}=\"{path}\"")));
        }
    }

    fn integrity_policy(&self, changes: &mut Changes) {
        let name = match self.settings.integrity_policy {
            Strength::Off => return,
            Strength::Report => "integrity-policy-report-only",
            Strength::Enforce => "integrity-policy",
        };
        let endpoints = self.settings.report_path.as_ref().map(|_| format!(", endpoints=({ENDPOINT})"));
        changes.set(name, format!("blocked-destinations=(script){}", endpoints.unwrap_or_default()));
    }
}

/// Whether a path is another one, or below it.
fn is_below(path: &str, prefix: &str) -> bool {
    let rest = path.strip_prefix(prefix.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether the server's own policies allow all that ours allows: then they add nothing.
fn is_as_strict(ours: &str, received: Received<'_>, host: Option<&str>) -> bool {
    let Ok(ours) = csp::parse_header(ours.as_bytes()) else { return false };
    let ours = ours.first();
    let mut theirs = received.all(CSP);
    ours.is_some_and(|ours| {
        theirs.all(|value| {
            csp::parse_header(value)
                .is_ok_and(|policies| policies.iter().all(|theirs| csp::is_at_least_as_strict(ours, theirs, host)))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    fn policy(page: &str) -> Policy {
        Policy::parse(format!(r#"{{"page":{page}}}"#).as_bytes()).unwrap()
    }

    fn request(path: &str) -> PageRequest {
        PageRequest {
            host: Some("a.example".to_owned()),
            path: path.to_owned(),
            route: path.to_owned(),
            ..PageRequest::default()
        }
    }

    fn changes(page: &str, path: &str, status: u16, fields: &[(&str, &str)]) -> Changes {
        let fields: Vec<(&[u8], &[u8])> =
            fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        policy(page).page.response(&request(path), status, Received(&fields))
    }

    fn added<'c>(changes: &'c Changes, name: &str) -> Vec<&'c str> {
        let all = changes.set.iter().chain(&changes.add);
        all.filter(|(field, _)| *field == name).map(|(_, value)| value.as_str()).collect()
    }

    const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");
    const KNOWN: &str = r#""manifest":{"version":1,"scripts":{"/a.js":"sha384-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}"#;

    #[test]
    fn without_a_manifest_only_the_base_is_enforced() {
        let base = "object-src 'none'; base-uri 'self'; upgrade-insecure-requests; report-uri /_sekisho/reports";
        let changes = changes("{}", "/", 200, &[HTML]);
        assert_eq!(added(&changes, CSP), [base]);
        assert_eq!((added(&changes, CSP_REPORT_ONLY), changes.rewrite), (vec![], false));
    }

    #[test]
    fn dispositions() {
        for (disposition, enforced, reported) in [("enforce", 1, 0), ("report", 0, 1), ("both", 1, 1)] {
            let page = format!(r#"{{"preset":"misskey","disposition":"{disposition}",{KNOWN}}}"#);
            let changes = changes(&page, "/", 500, &[HTML]);
            assert_eq!(
                (added(&changes, CSP).len(), added(&changes, CSP_REPORT_ONLY).len()),
                (enforced, reported),
                "{disposition}"
            );
            assert!(!added(&changes, CSP_REPORT_ONLY).concat().contains("upgrade-insecure-requests"));
            assert!(changes.rewrite);
        }
    }

    #[test]
    fn what_is_not_rewritten() {
        let page = format!("{{{KNOWN}}}");
        for (status, fields, rewritten) in [
            (200, vec![HTML], true),
            (200, vec![HTML, ("content-encoding", "identity")], true),
            (200, vec![HTML, ("content-encoding", "gzip")], false),
            (206, vec![HTML], false),
            (200, vec![("content-type", "text/html; charset=utf-16le")], false),
            (200, vec![("content-type", "application/xhtml+xml")], false),
        ] {
            let changes = changes(&page, "/", status, &fields);
            assert_eq!(changes.rewrite, rewritten, "{fields:?}");
            assert_eq!(changes.remove.contains(&"content-length"), rewritten, "{fields:?}");
            assert_eq!(added(&changes, CSP).len(), 1, "{fields:?}");
        }
        let head = PageRequest { is_head: true, ..request("/") };
        let answer = policy(&page).page.response(&head, 200, Received(&[(b"content-type", b"text/html")]));
        assert!(!answer.rewrite && answer.remove.contains(&"content-length"));
    }

    #[test]
    fn files_and_answers_are_locked_and_parts_are_not() {
        for (path, content_type, locked) in [
            ("/files/1", "text/html", true),
            ("/api/meta", "application/json", true),
            ("/sw.js", "text/javascript", false),
        ] {
            let changes = changes(r#"{"preset":"misskey"}"#, path, 200, &[("content-type", content_type)]);
            assert_eq!(added(&changes, "x-content-type-options"), ["nosniff"], "{path}");
            assert_eq!(added(&changes, CSP) == [security_fields::LOCKED], locked, "{path}");
        }
        for status in [101, 204, 302] {
            assert_eq!(changes("{}", "/", status, &[HTML]), Changes::default(), "{status}");
        }
    }

    #[test]
    fn a_page_is_revalidated_by_what_we_made_of_it() {
        let page = policy(&format!("{{{KNOWN}}}")).page;
        let asked = request("/");
        let fields: [(&[u8], &[u8]); 2] = [(b"content-type", b"text/html"), (b"etag", b"\"x\"")];
        let changes = page.response(&asked, 200, Received(&fields));
        let tag = added(&changes, "etag").concat();
        assert_eq!(page.if_none_match(&asked, tag.as_bytes()).as_deref(), Some("W/\"x\""));
        let encoded = [&fields[..], &[(b"content-encoding", b"gzip")]].concat();
        assert!(page.response(&asked, 200, Received(&encoded)).remove.contains(&"etag"));
        let other = PageRequest { host: Some("b.example".to_owned()), ..request("/") };
        assert_eq!(page.if_none_match(&other, tag.as_bytes()), None);
        let known = PageRequest { revalidates: true, ..request("/") };
        assert_eq!(added(&page.response(&known, 304, Received(&[])), CSP).len(), 1);
        let unknown = page.response(&asked, 304, Received(&[]));
        assert_eq!((added(&unknown, CSP).len(), unknown.remove), (0, vec![CSP]));
    }

    #[test]
    fn wrong_policies_are_named() {
        for (page, error) in [
            (r#"{"preset":"mastadon"}"#, "$.page.preset: expected one of generic, misskey, mastodon"),
            (r#"{"sources":{"image-src":[]}}"#, "$.page.sources[\"image-src\"]: no directive with sources; known are"),
            (r#"{"sources":{"img-src":["self"]}}"#, "$.page.sources[\"img-src\"][0]: "),
            (r#"{"manifest":{"version":2}}"#, "$.page.manifest.version: expected 1"),
            (
                r#"{"learn_origin":"http://a","integrity_policy":"enforce"}"#,
                "$.page.integrity_policy: what is learned has all",
            ),
            (r#"{"report_path":"x"}"#, "$.page.report_path: expected a path from the root"),
            (r#"{"hosts":["A.example"]}"#, "$.page.hosts[0]: expected a host in lower case"),
        ] {
            let errors = Policy::parse(format!(r#"{{"page":{page}}}"#).as_bytes()).err().unwrap_or_default();
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            assert!(errors.iter().any(|found| found.starts_with(error)), "{page}: {errors:?}");
        }
    }
}
