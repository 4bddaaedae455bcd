//! Bodies of reports, as browsers send them.

use std::cell::Cell;
use std::fmt;

use super::{Blocked, BlockedKind, DESTINATIONS, Disposition, Kind, Violation, blocked};
use crate::http::media_type;
use crate::json::{self, Json, JsonError, Object};
use crate::page::csp::Directive;

/// The longest body, in bytes.
pub const MAX_REPORT_BYTES: usize = 64 * 1024;

/// The most reports of one body that are read.
pub const MAX_REPORTS: usize = 32;

/// What reports come as: of `report-uri`, of the Reporting API, and of scripts that pass reports on.
pub const MEDIA_TYPES: [&str; 3] = ["application/csp-report", "application/reports+json", "application/json"];

/// Why a body is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportError {
    /// It is no report by its type.
    MediaType,
    /// It is longer than [`MAX_REPORT_BYTES`].
    TooLarge,
    /// It is no JSON.
    Json(JsonError),
    /// It is JSON, but neither a report nor a list.
    Shape,
}

impl ReportError {
    /// The status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            Self::MediaType => 415,
            Self::TooLarge => 413,
            Self::Json(_) | Self::Shape => 400,
        }
    }
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MediaType => f.write_str("no report by its content type"),
            Self::TooLarge => write!(f, "longer than {MAX_REPORT_BYTES} bytes"),
            Self::Json(error) => error.fmt(f),
            Self::Shape => f.write_str("neither a report nor a list of reports"),
        }
    }
}

/// What a body says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reports {
    /// The violations.
    pub violations: Vec<Violation>,
    /// How many reports there were of other types, without what makes a violation, or beyond [`MAX_REPORTS`].
    pub ignored: usize,
    /// Whether there was one about a page of another host.
    pub is_of_another_host: bool,
}

/// Reads a body. Its form is told by itself: browsers do not agree on which type goes with which. `is_own` tells whether a host is one that our pages have: what somebody says of
/// others is none of our business.
///
/// # Errors
/// When it cannot be read as reports at all.
pub fn read(content_type: Option<&[u8]>, body: &[u8], is_own: impl Fn(&str) -> bool) -> Result<Reports, ReportError> {
    if !content_type.is_some_and(|value| media_type::is_one_of(value, &MEDIA_TYPES)) {
        return Err(ReportError::MediaType);
    }
    if body.len() > MAX_REPORT_BYTES {
        return Err(ReportError::TooLarge);
    }
    let json = json::parse(body).map_err(ReportError::Json)?;
    // Safari has sent a report of the Reporting API without its array.
    let (Json::Array(_) | Json::Object(_)) = &json else { return Err(ReportError::Shape) };
    let items = json.as_list();
    let reports = items.iter().take(MAX_REPORTS).filter_map(Json::as_object);
    let is_of_another_host = Cell::new(false);
    let is_own = |host: &str| {
        let is_own = is_own(host);
        is_of_another_host.set(is_of_another_host.get() || !is_own);
        is_own
    };
    let violations: Vec<Violation> = reports.filter_map(|report| violation(report, &is_own)).collect();
    let ignored = items.len().saturating_sub(violations.len());
    Ok(Reports { violations, ignored, is_of_another_host: is_of_another_host.get() })
}

/// A report, in whichever of the two forms.
fn violation(report: &Object<'_>, is_own: &impl Fn(&str) -> bool) -> Option<Violation> {
    let (kind, body) = match report.get("csp-report") {
        Some(body) => ("csp-violation", body),
        None => (report.get("type").and_then(Json::as_str)?, report.get("body")?),
    };
    let body = body.as_object()?;
    let document = text(body, &["documentURL", "documentURI", "document-uri"]).unwrap_or_default();
    let host = blocked::host(document);
    if host.as_deref().is_some_and(|host| !is_own(host)) {
        return None;
    }
    let mut violation = match kind {
        "csp-violation" => csp(body, document)?,
        "integrity-violation" => integrity(body, document),
        _ => return None,
    };
    if host.is_none() {
        // Of `about:srcdoc` and the like anything can be said.
        violation.blocked.at.clear();
    }
    Some(violation)
}

fn csp(body: &Object<'_>, document: &str) -> Option<Violation> {
    let names = ["effectiveDirective", "effective-directive", "violatedDirective", "violated-directive"];
    // In CSP2 the violated directive came with its value.
    let directive = text(body, &names)?.split_ascii_whitespace().next()?;
    let disposition = match text(body, &["disposition"]) {
        Some("report") => Disposition::Report,
        // What sends none knows CSP2 only.
        _ => Disposition::Enforce,
    };
    let source_file = text(body, &["sourceFile", "source-file"]).unwrap_or_default();
    let blocked = if blocked::is_extension(source_file) {
        BlockedKind::Extension.into()
    } else {
        Blocked::read(text(body, &["blockedURL", "blockedURI", "blocked-uri"]).unwrap_or_default(), document)
    };
    let directive = Directive::new(directive).label();
    Some(Violation { kind: Kind::Csp, disposition, directive, blocked, page: blocked::page(document) })
}

fn integrity(body: &Object<'_>, document: &str) -> Violation {
    let [script, style, other] = DESTINATIONS;
    let directive = match text(body, &["destination"]) {
        Some("script") => script,
        Some("style") => style,
        _ => other,
    };
    let is_reported = matches!(body.get("reportOnly"), Some(Json::Bool(true)));
    Violation {
        kind: Kind::Integrity,
        disposition: if is_reported { Disposition::Report } else { Disposition::Enforce },
        directive,
        blocked: Blocked::read(text(body, &["blockedURL"]).unwrap_or_default(), document),
        page: blocked::page(document),
    }
}

/// The first of these members that is a text and not empty.
fn text<'o>(object: &'o Object<'_>, names: &[&str]) -> Option<&'o str> {
    names.iter().find_map(|name| object.get(name).and_then(Json::as_str).filter(|text| !text.is_empty()))
}
