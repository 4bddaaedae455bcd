//! The policy of a page as text. What does not depend on the request is written once, when the policy is compiled.

/// A policy as it is sent, with gaps for what depends on the request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyText {
    directives: Vec<DirectiveText>,
}

/// What stands for the page's own host in a source, and for its socket.
const HOST: &str = "HOST";
const SOCKET: &str = "wss://HOST";

/// What depends on the request.
#[derive(Clone, Copy, Debug)]
pub struct Place<'r> {
    /// The host and port of the page, if they are fit for a policy.
    pub host: Option<&'r str>,
    /// Who may frame it.
    pub framing: Framing,
    /// Whether it hands people over to another site, by a form.
    pub hands_over: bool,
    /// The hash of the import map that is written into it, quoted.
    pub import_map: Option<&'r str>,
}

/// Who may frame a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Whom the preset allows.
    Preset,
    /// Anybody.
    Anybody,
    /// Whom `X-Frame-Options` of the server allows, which browsers ignore beside `frame-ancestors`.
    FrameOptions,
}

/// What a directive has to do with the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nothing but the page's host.
    Plain,
    /// It has to allow the import map.
    Scripts,
    /// It says who may frame a page, by the preset.
    Framing,
    /// It is left out on pages that hand over.
    NotHandingOver,
}

/// A directive with its sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectiveText {
    role: Role,
    name: String,
    /// The sources, each after a space. The page's host stands between two of the texts.
    with_host: Vec<String>,
    /// The same without what names the page's host.
    without_host: String,
}

impl DirectiveText {
    /// Writes down a directive. A source that is `wss://HOST` or begins with `HOST` names the page's own host there; `'none'` is written where nothing else is.
    pub fn new(role: Role, name: &str, sources: &[String]) -> Self {
        let (mut with_host, mut without_host, mut last) = (Vec::new(), String::new(), String::new());
        for source in sources.iter().filter(|source| *source != "'none'") {
            last.push(' ');
            let (scheme, rest) = if source == SOCKET { ("wss://", Some("")) } else { ("", source.strip_prefix(HOST)) };
            match rest {
                None => {
                    last.push_str(source);
                    without_host.extend([" ", source]);
                }
                Some(rest) => {
                    last.push_str(scheme);
                    with_host.push(std::mem::replace(&mut last, rest.to_owned()));
                }
            }
        }
        with_host.push(last);
        Self { role, name: name.to_owned(), with_host, without_host }
    }

    fn write(&self, text: &mut String, place: Place<'_>) {
        text.push_str(&self.name);
        if self.role == Role::Framing && place.framing == Framing::Anybody {
            text.push_str(" *");
            return;
        }
        let start = text.len();
        match place.host {
            None => text.push_str(&self.without_host),
            Some(host) => {
                for (index, piece) in self.with_host.iter().enumerate() {
                    text.extend([if index == 0 { "" } else { host }, piece]);
                }
            }
        }
        if let Some(import_map) = place.import_map.filter(|_| self.role == Role::Scripts) {
            text.extend([" ", import_map]);
        }
        if text.len() == start {
            text.push_str(" 'none'");
        }
    }
}

impl PolicyText {
    /// Of these directives, in order.
    pub fn new(directives: Vec<DirectiveText>) -> Self {
        Self { directives }
    }

    /// Writes the policy of a page after what is there already. It may be nothing.
    pub fn write(&self, text: &mut String, place: Place<'_>) {
        let start = text.len();
        let is_left_out = |role| match role {
            Role::Plain | Role::Scripts => false,
            Role::Framing => place.framing == Framing::FrameOptions,
            Role::NotHandingOver => place.hands_over,
        };
        for directive in self.directives.iter().filter(|directive| !is_left_out(directive.role)) {
            if text.len() > start {
                text.push_str("; ");
            }
            directive.write(text, place);
        }
    }
}

/// The name of the endpoint in `Reporting-Endpoints`.
const ENDPOINT: &str = "sekisho";

/// Where browsers report to, as fields say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `Reporting-Endpoints`, for what comes by https.
    pub declaration: String,
    /// The member `endpoints` of `Integrity-Policy`.
    pub member: String,
    by_http: String,
    by_https: String,
}

impl Endpoint {
    /// At a path of the page's own host.
    pub fn new(path: &str) -> Self {
        Self {
            declaration: format!("{ENDPOINT}=\"{path}\""),
            member: format!("endpoints=({ENDPOINT})"),
            by_http: format!("report-uri {path}"),
            // Where `report-to` is known, `report-uri` is ignored, and its endpoint must come by https.
            by_https: format!("report-uri {path}; report-to {ENDPOINT}"),
        }
    }

    /// The directives of a Content Security Policy.
    pub fn directives(&self, is_https: bool) -> &str {
        if is_https { &self.by_https } else { &self.by_http }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(sources: &[&str], place: Place<'_>) -> String {
        let sources: Vec<String> = sources.iter().map(|source| (*source).to_owned()).collect();
        let mut text = "x".to_owned();
        PolicyText::new(vec![
            DirectiveText::new(Role::Framing, "frame-ancestors", &["'none'".to_owned()]),
            DirectiveText::new(Role::Scripts, "script-src", &sources),
            DirectiveText::new(Role::NotHandingOver, "form-action", &[]),
        ])
        .write(&mut text, place);
        text
    }

    #[test]
    fn what_depends_on_the_request_is_filled_in() {
        let framing = Framing::FrameOptions;
        let place = Place { host: Some("a.example"), framing, hands_over: true, import_map: None };
        for (sources, host, import_map, expected) in [
            (
                &["HOST/a/", "https://b", "wss://HOST"][..],
                Some("a.example"),
                None,
                "a.example/a/ https://b wss://a.example",
            ),
            (&["HOST/a/", "https://b", "wss://HOST"], None, None, "https://b"),
            (&["https://b/HOSTING/"], Some("a.example"), None, "https://b/HOSTING/"),
            (&["HOST/a/"], None, None, "'none'"),
            (&["HOST/a/"], None, Some("'sha256-m'"), "'sha256-m'"),
            (&["'none'"], Some("a.example"), None, "'none'"),
            (&["'none'", "https://b"], Some("a.example"), Some("'sha256-m'"), "https://b 'sha256-m'"),
            (&[], Some("a.example"), None, "'none'"),
        ] {
            let text = written(sources, Place { host, import_map, ..place });
            assert_eq!(text, format!("xscript-src {expected}"), "{sources:?}");
        }
        for (framing, expected) in [(Framing::Preset, "'none'"), (Framing::Anybody, "*")] {
            assert_eq!(
                written(&[], Place { framing, hands_over: false, ..place }),
                format!("xframe-ancestors {expected}; script-src 'none'; form-action 'none'")
            );
        }
    }
}
