//! From reports to the sources that a policy lacks: a suggestion for `page.sources`, for people to judge.
//!
//! Anybody can send a report, so that a host is in the log says nothing about whether it belongs there. Hosts are suggested, most frequent first; what would give the policy
//! away (inline script, `eval`, `data:` scripts, plain http) is only told, with what to do instead.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Blocked, BlockedKind, DESTINATIONS, Disposition, Line, read};
use crate::page::csp::{Directive, Source};

/// What logs say.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    counts: BTreeMap<(&'static str, Blocked), u64>,
    seen: u64,
    enforced: u64,
    unread: u64,
}

/// What to do about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suggestion {
    /// Sources to add, by directive, each with how often it was missed; the most frequent first.
    pub sources: BTreeMap<&'static str, Vec<(Source, u64)>>,
    /// What else was seen, in words, and what to do.
    pub remarks: Vec<String>,
    /// How many violations were seen.
    pub seen: u64,
    /// How many of them were blocked, not only reported.
    pub enforced: u64,
    /// How many lines look like reports but cannot be read.
    pub unread: u64,
}

impl Evidence {
    /// Reads a log: lines of ours among others, and reports as browsers send them, one a line or one in the whole.
    pub fn read(&mut self, log: &[u8]) {
        if self.reports(log) {
            return;
        }
        for line in log.split(|byte| *byte == b'\n') {
            match Line::parse(&String::from_utf8_lossy(line)) {
                Some(line) => self.line(&line),
                None if line.trim_ascii_start().starts_with(b"{") || line.trim_ascii_start().starts_with(b"[{") => {
                    self.unread = self.unread.saturating_add(u64::from(!self.reports(line)));
                }
                None => {}
            }
        }
    }

    fn reports(&mut self, json: &[u8]) -> bool {
        let Ok(reports) = read(Some(b"application/json"), json, |_| true) else { return false };
        for violation in &reports.violations {
            self.line(&Line::new(violation, 1));
        }
        true
    }

    /// Each line tells of those since the line before: a worker logs the 1st, 10th, 100th.
    fn line(&mut self, line: &Line) {
        let more = line.count.saturating_sub(line.count / 10).max(1);
        self.seen = self.seen.saturating_add(more);
        if line.disposition == Disposition::Enforce {
            self.enforced = self.enforced.saturating_add(more);
        }
        let count = self.counts.entry((line.directive, line.blocked.clone())).or_default();
        *count = count.saturating_add(more);
    }

    /// What to do.
    pub fn suggest(&self) -> Suggestion {
        let mut suggestion =
            Suggestion { seen: self.seen, enforced: self.enforced, unread: self.unread, ..Suggestion::default() };
        for ((directive, blocked), count) in &self.counts {
            match judge(directive, blocked) {
                Advice::Add(source) => suggestion.sources.entry(directive).or_default().push((source, *count)),
                Advice::Remark(what) => {
                    let (kind, at) = (blocked.kind.label(), &blocked.at);
                    suggestion.remarks.push(format!("{directive}: {kind} {at} ({count}): {what}").replace("  ", " "));
                }
                Advice::Nothing => {}
            }
        }
        for sources in suggestion.sources.values_mut() {
            sources.sort_by(|(a, more), (b, less)| less.cmp(more).then_with(|| a.cmp(b)));
        }
        suggestion
    }
}

impl Suggestion {
    /// The part of a policy that adds the sources.
    pub fn to_json(&self) -> Value {
        let list = |sources: &[(Source, u64)]| sources.iter().map(|(source, _)| source.to_string()).collect::<Vec<_>>();
        let members =
            self.sources.iter().map(|(directive, sources)| ((*directive).to_owned(), Value::from(list(sources))));
        json!({"page": {"sources": members.collect::<Map<_, _>>()}})
    }

    /// The explanation, a line each.
    pub fn explain(&self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.push(format!("violations: {} (blocked: {})", self.seen, self.enforced));
        for (directive, sources) in &self.sources {
            let governs_scripts = Directive::new(directive).governs_scripts();
            let note = |source: &Source| match source {
                Source::Host(_) if governs_scripts => ": whoever runs this host could run script in your pages",
                _ => "",
            };
            let line = |(source, count): &(Source, u64)| format!("add {directive}: {source} ({count}){}", note(source));
            lines.extend(sources.iter().map(line));
        }
        lines.extend(self.remarks.iter().map(|remark| format!("not added: {remark}")));
        if self.unread > 0 {
            lines.push(format!("lines of JSON that are no reports: {}", self.unread));
        }
        if !self.sources.is_empty() {
            lines.push("anybody can send reports: add only what you know to be yours".to_owned());
        }
        lines
    }
}

enum Advice {
    Add(Source),
    Remark(&'static str),
    Nothing,
}

fn judge(directive: &str, blocked: &Blocked) -> Advice {
    if DESTINATIONS.contains(&directive) {
        return Advice::Remark("its integrity is not known: run `sekisho pin`, or serve it yourself");
    }
    let directive = Directive::new(directive);
    if !directive.is_fetch() && directive != Directive::FormAction {
        return Advice::Remark(match directive {
            Directive::FrameAncestors => "somebody frames your pages: add who may to frame-ancestors by hand",
            Directive::RequireTrustedTypesFor | Directive::TrustedTypes => {
                "the server's own script does not use trusted types: leave the directive out"
            }
            _ => "not a matter of sources",
        });
    }
    let scripts = directive.governs_scripts() && directive != Directive::WorkerSrc;
    match blocked.kind {
        BlockedKind::Inline if directive == Directive::StyleSrcAttr => {
            Advice::Remark("styles of elements: 'unsafe-inline' in style-src-attr, if the pages look wrong without")
        }
        BlockedKind::Inline => Advice::Remark(
            "the server's own, new since the last `sekisho pin`: run it again; else it was injected, and blocked rightly",
        ),
        BlockedKind::Eval => Advice::Remark("eval: find what needs it; 'unsafe-eval' gives much of the policy away"),
        BlockedKind::WasmEval => Advice::Remark("WebAssembly: 'wasm-unsafe-eval', if the server's own script needs it"),
        BlockedKind::TrustedTypes => Advice::Remark("the server's own script does not use trusted types"),
        BlockedKind::Data | BlockedKind::Blob | BlockedKind::About if scripts || directive == Directive::ObjectSrc => {
            Advice::Remark("a URL that holds its own script: never add it")
        }
        BlockedKind::Data if directive != Directive::WorkerSrc => Advice::Add(Source::Scheme("data".to_owned())),
        BlockedKind::Data => Advice::Remark("a URL that holds its own script: never add it"),
        BlockedKind::Blob => Advice::Add(Source::Scheme("blob".to_owned())),
        BlockedKind::SelfOrigin if directive.governs_scripts() || directive == Directive::ObjectSrc => Advice::Remark(
            "your own host: uploads are there too, so add the folder of the server's scripts, such as https://your.example/assets/, never 'self'",
        ),
        BlockedKind::SelfOrigin => Advice::Add(Source::SELF),
        BlockedKind::Other => other(&directive, &blocked.at),
        BlockedKind::None | BlockedKind::Unknown | BlockedKind::About => {
            Advice::Remark("the browser does not say what it was")
        }
        BlockedKind::Extension => Advice::Nothing,
    }
}

fn other(directive: &Directive, at: &str) -> Advice {
    let is_secure = at.starts_with("https://") || (at.starts_with("wss://") && *directive == Directive::ConnectSrc);
    // A log may be written by others too: only what a policy would take is suggested.
    match Source::parse(at) {
        _ if at.is_empty() => Advice::Remark("a host without a plain name"),
        _ if *directive == Directive::ObjectSrc => Advice::Remark("a plug-in: no browser has them any more"),
        _ if !is_secure => Advice::Remark("not https: whoever is on the way can change it; link to it by https"),
        Ok(source @ Source::Host(_)) => Advice::Add(source),
        _ => Advice::Remark("no source that browsers match"),
    }
}
