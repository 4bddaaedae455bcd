//! What becomes of a response, decided at its head: nginx cannot hold it back, and what the body holds is no witness for itself.

use super::csp::{self, Csp};
use super::fields::{Changes, OF_ITS_BYTES, Received, Rewrite};
use super::import_map::ImportMap;
use super::settings::{Merge, Strength};
use super::text::{Framing, Place, PolicyText};
use super::treatment::{self, Treatment};
use super::{Page, PageRequest, authority, etag, rewrite, security_fields};

/// The field that a policy is enforced by.
pub const CSP: &str = "content-security-policy";
const CSP_REPORT_ONLY: &str = "content-security-policy-report-only";

/// Fields that are kept: with a page, or about its host.
const KEPT: [&str; 12] = [
    CSP,
    CSP_REPORT_ONLY,
    "integrity-policy",
    "integrity-policy-report-only",
    "reporting-endpoints",
    "strict-transport-security",
    "referrer-policy",
    "permissions-policy",
    "x-frame-options",
    "x-content-type-options",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
];

impl Page {
    /// How a response is treated; `None` where it is left as it is.
    pub fn treatment(&self, request: &PageRequest, status: u16, received: Received<'_>) -> Option<Treatment> {
        match status {
            // Our own tag was in the question: this is the page that the browser has.
            304 => request.revalidates.then_some(Treatment::Page),
            100..=199 | 204 | 205 => None,
            // All others browsers show.
            301 | 302 | 303 | 307 | 308 if received.has("location") => None,
            _ => {
                let is_file = self.settings.preset.is_file(&request.route) && !self.is_exempt(request);
                Some(Treatment::of(is_file, received.only("content-type")))
            }
        }
    }

    /// What changes in the head of a response.
    pub fn response(&self, request: &PageRequest, status: u16, received: Received<'_>) -> Changes {
        let mut changes = Changes::default();
        if status == 304 {
            // What it says would take the place of what is kept with the page, where it stands beside ours (RFC 9111 section 3.2). Our tag says that this is as it should be.
            changes.remove.extend(KEPT);
        }
        match self.treatment(request, status, received) {
            None => {}
            Some(Treatment::Part) => security_fields::sniffing(&mut changes),
            Some(Treatment::Locked) => {
                security_fields::sniffing(&mut changes);
                if self.settings.fields.lock_files {
                    changes.add(CSP, security_fields::LOCKED);
                }
            }
            Some(Treatment::Page) if status == 304 => {
                changes.is_page = true;
                if self.rewrites {
                    changes.remove.extend(OF_ITS_BYTES);
                    self.vary(&mut changes);
                }
                self.mark(request, received, &mut changes);
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
        let is_rewritten = self.rewrites && !is_foreign && is_rewritable(status, received);
        let import_map = self.import_map(request).filter(|_| is_rewritten);
        // The server's own policy stays in force beside ours, and knows nothing of our map.
        let is_let_in =
            import_map.is_none_or(|map| all_policies(received, |policy| csp::lets_run_inline(policy, map.csp_hash())));
        let import_map = import_map.filter(|_| is_let_in);
        self.policies(request, is_foreign, import_map.map(|map| &**map), received, changes);
        if is_rewritten {
            if is_let_in {
                self.integrity_policy(received, changes);
            }
            changes.remove.extend(OF_ITS_BYTES);
            changes.rewrite = match import_map {
                _ if request.is_head => Rewrite::Nothing,
                Some(_) => Rewrite::WithImportMap,
                None => Rewrite::Integrity,
            };
        }
        if self.rewrites {
            self.vary(changes);
        }
        // Also where nothing is rewritten: the policy in the head is as new as our number. Where this one body was not, the next one may be.
        if is_rewritten || !self.rewrites || is_foreign {
            self.mark(request, received, changes);
        } else {
            changes.remove.push("etag");
        }
    }

    /// Makes the server's tag ours.
    fn mark(&self, request: &PageRequest, received: Received<'_>, changes: &mut Changes) {
        match received.only("etag").and_then(|tag| etag::mark(tag, self.number(request))) {
            Some(tag) => changes.set("etag", tag),
            None => changes.remove.push("etag"),
        }
    }

    /// Only who asks for HTML is sure to get a page that is rewritten: to others the server may send it compressed.
    fn vary(&self, changes: &mut Changes) {
        changes.add("vary", if self.maps.varies() { "accept, accept-language" } else { "accept" });
    }

    /// Whether the page is of an application that the manifest knows nothing of.
    fn is_foreign(&self, request: &PageRequest) -> bool {
        request.is_surely(|path| self.settings.preset.is_foreign(path)) || self.is_exempt(request)
    }

    /// Whether the policy names the path as that of another application.
    fn is_exempt(&self, request: &PageRequest) -> bool {
        request.is_surely(|path| self.settings.exempt_paths.iter().any(|prefix| is_below(path, prefix)))
    }

    fn policies(
        &self,
        request: &PageRequest,
        is_foreign: bool,
        import_map: Option<&ImportMap>,
        received: Received<'_>,
        changes: &mut Changes,
    ) {
        let host = self.host(request);
        let place = Place {
            host,
            framing: match request.is_surely(|path| self.settings.preset.is_embeddable(path)) {
                true if received.has("x-frame-options") => Framing::FrameOptions,
                true => Framing::Anybody,
                false => Framing::Preset,
            },
            hands_over: request.is_surely(|path| self.settings.preset.hands_over(path)),
            import_map: import_map.map(ImportMap::csp_hash),
        };
        let report = self.endpoint.as_ref().map(|endpoint| endpoint.directives(request.is_https));
        if let Some(enforced) = &self.enforced {
            let enforced = if is_foreign { &self.base } else { enforced };
            let upgrades = self.settings.upgrade_requests && host.is_some_and(authority::may_have_https);
            let policy = policy(enforced, place, [upgrades.then_some("upgrade-insecure-requests"), report]);
            if self.settings.merge == Merge::Replace && is_as_strict(&policy, received, host) {
                changes.remove.push(CSP);
            }
            changes.add(CSP, policy);
        }
        if let Some(reported) = self.reported.as_ref().filter(|_| !is_foreign) {
            changes.add(CSP_REPORT_ONLY, policy(reported, place, [None, report]));
        }
        if let Some(endpoint) = self.endpoint.as_ref().filter(|_| request.is_https) {
            changes.add("reporting-endpoints", endpoint.declaration.clone());
        }
    }

    fn integrity_policy(&self, received: Received<'_>, changes: &mut Changes) {
        let name = match self.settings.integrity_policy {
            Strength::Off => return,
            Strength::Report => "integrity-policy-report-only",
            Strength::Enforce => "integrity-policy",
        };
        // The server's own may ask for more.
        if received.has(name) {
            return;
        }
        let endpoints = self.endpoint.as_ref().map(|endpoint| format!(", {}", endpoint.member));
        changes.set(name, format!("blocked-destinations=(script){}", endpoints.unwrap_or_default()));
    }
}

/// A policy with all that follows its sources.
fn policy(text: &PolicyText, place: Place<'_>, rest: [Option<&str>; 2]) -> String {
    /// Most are shorter: it is made for every page.
    const USUAL_BYTES: usize = 1536;
    let mut policy = String::with_capacity(USUAL_BYTES);
    text.write(&mut policy, place);
    for directives in rest.into_iter().flatten() {
        policy.extend([if policy.is_empty() { "" } else { "; " }, directives]);
    }
    policy
}

/// Whether the body is HTML that can be read.
fn is_rewritable(status: u16, received: Received<'_>) -> bool {
    let content_type = received.only("content-type");
    let is_read = || rewrite::reads(content_type.and_then(treatment::charset));
    treatment::is_html(content_type) && treatment::is_plain(status, received) && is_read()
}

/// Whether it is so of all policies of the server. One that cannot be read is none of which anything is certain.
fn all_policies(received: Received<'_>, is: impl Fn(&Csp) -> bool) -> bool {
    received.all(CSP).all(|value| csp::parse_header(value).is_ok_and(|policies| policies.iter().all(&is)))
}

/// Whether a path is another one, or below it.
fn is_below(path: &str, prefix: &str) -> bool {
    let rest = path.strip_prefix(prefix.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether the server has policies, and they allow all that ours allows: then they add nothing.
fn is_as_strict(ours: &str, received: Received<'_>, host: Option<&str>) -> bool {
    if !received.has(CSP) {
        return false;
    }
    let Ok(ours) = csp::parse_header(ours.as_bytes()) else { return false };
    let Some(ours) = ours.first() else { return false };
    all_policies(received, |theirs| csp::is_at_least_as_strict(ours, theirs, host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    fn policy(page: &str) -> Policy {
        Policy::parse(format!(r#"{{"page":{page}}}"#).as_bytes()).unwrap()
    }

    fn request(path: &str) -> PageRequest {
        PageRequest { host: Some("a.example".to_owned()), ..PageRequest::of(path.as_bytes()) }
    }

    fn changes(page: &str, path: &str, status: u16, fields: &[(&str, &str)]) -> Changes {
        let fields: Vec<(&[u8], &[u8])> =
            fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        policy(page).page.response(&request(path), status, Received(&fields))
    }

    fn added<'c>(changes: &'c Changes, name: &str) -> Vec<&'c str> {
        let all = changes.set.iter().chain(&changes.add);
        all.filter(|(field, _)| *field == name).map(|(_, value)| &**value).collect()
    }

    const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");
    const KNOWN: &str = r#""manifest":{"version":1,"scripts":{"/a.js":"sha384-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}"#;

    #[test]
    fn without_a_manifest_only_the_base_is_enforced() {
        let base = "object-src 'none'; base-uri 'self'; upgrade-insecure-requests; report-uri /_sekisho/reports";
        let changes = changes("{}", "/", 200, &[HTML]);
        assert_eq!(added(&changes, CSP), [base]);
        assert_eq!((added(&changes, CSP_REPORT_ONLY), changes.rewrite), (vec![], Rewrite::Nothing));
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
            let blocks = added(&changes, CSP).iter().any(|policy| policy.contains("script-src "));
            assert_eq!((blocks, changes.rewrite.is_any()), (disposition == "enforce", disposition == "enforce"));
            assert!(added(&changes, CSP_REPORT_ONLY).iter().all(|policy| policy.contains("script-src ")));
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
            assert_eq!(changes.rewrite.is_any(), rewritten, "{fields:?}");
            assert_eq!(changes.remove.contains(&"content-length"), rewritten, "{fields:?}");
            assert_eq!(added(&changes, CSP).len(), 1, "{fields:?}");
        }
        let head = PageRequest { is_head: true, ..request("/") };
        let answer = policy(&page).page.response(&head, 200, Received(&[(b"content-type", b"text/html")]));
        assert!(!answer.rewrite.is_any() && answer.remove.contains(&"content-length"));
    }

    #[test]
    fn no_import_map_where_the_servers_own_policy_would_block_it() {
        let page = format!(r#"{{"integrity_policy":"enforce",{}}}"#, KNOWN.replace("scripts", "modules"));
        for (own, rewrite) in [
            ("img-src 'self'", Rewrite::WithImportMap),
            ("script-src 'self' 'unsafe-inline'", Rewrite::WithImportMap),
            ("default-src 'self'", Rewrite::Integrity),
            ("img-src *, script-src 'nonce-x'", Rewrite::Integrity),
        ] {
            let changes = changes(&page, "/", 200, &[HTML, (CSP, own)]);
            assert_eq!(changes.rewrite, rewrite, "{own}");
            let has_map = rewrite == Rewrite::WithImportMap;
            assert_eq!(added(&changes, CSP).concat().contains("'sha256-"), has_map, "{own}");
            assert_eq!(added(&changes, "integrity-policy").len(), usize::from(has_map), "{own}");
        }
    }

    #[test]
    fn the_servers_word_on_framing_stands() {
        for (fields, expected) in [(vec![HTML], true), (vec![HTML, ("x-frame-options", "DENY")], false)] {
            let changes = changes(r#"{"preset":"misskey"}"#, "/embed/notes/1", 200, &fields);
            assert_eq!(added(&changes, CSP).concat().contains("frame-ancestors *"), expected, "{fields:?}");
            assert!(added(&changes, "x-frame-options").is_empty() && !changes.remove.contains(&"x-frame-options"));
        }
    }

    #[test]
    fn an_exempt_path_is_no_folder_of_files() {
        let is_locked =
            |page: &str, path: &str| added(&changes(page, path, 200, &[HTML]), CSP).concat().contains("sandbox");
        assert!(is_locked("{}", "/media/press.php"));
        assert!(!is_locked(r#"{"exempt_paths":["/media"]}"#, "/media/press.php"));
        assert!(
            is_locked(r#"{"exempt_paths":["/media"]}"#, "/media%2Fpress.php"),
            "a router may read it in another way"
        );
        assert!(is_locked(r#"{"exempt_paths":["/media"]}"#, "/files/press.php"));
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
            let changes = changes("{}", "/", status, &[HTML, ("location", "/x")]);
            assert_eq!(changes, Changes::default(), "{status}");
        }
        assert!(changes("{}", "/", 302, &[HTML]).is_page, "browsers show it");
        assert!(changes("{}", "/", 300, &[HTML, ("location", "/x")]).is_page, "and this");
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
        for (asked, is_marked) in [(&known, true), (&asked, false)] {
            let answer = page.response(asked, 304, Received(&fields[1..]));
            let told: Vec<&str> = answer.set.iter().chain(&answer.add).map(|(name, _)| *name).collect();
            assert_eq!(told, if is_marked { vec!["etag", "vary"] } else { vec![] }, "what is kept counts");
            assert!([CSP, "x-frame-options"].iter().all(|name| answer.remove.contains(name)));
        }
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
