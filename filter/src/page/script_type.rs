//! What a `script` element is (HTML section 4.12.1.1, "prepare the script element").

/// The kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptType {
    /// A classic script.
    Classic,
    /// A module.
    Module,
    /// An import map. Not a program, but a Content Security Policy governs it all the same.
    ImportMap,
    /// Speculation rules: the same.
    Speculation,
    /// A data block, which nothing governs.
    Data,
}

/// JavaScript MIME type essences (MIME Sniffing section 4.6).
const JAVASCRIPT: [&str; 16] = [
    "application/ecmascript",
    "application/javascript",
    "application/x-ecmascript",
    "application/x-javascript",
    "text/ecmascript",
    "text/javascript",
    "text/javascript1.0",
    "text/javascript1.1",
    "text/javascript1.2",
    "text/javascript1.3",
    "text/javascript1.4",
    "text/javascript1.5",
    "text/jscript",
    "text/livescript",
    "text/x-ecmascript",
    "text/x-javascript",
];

/// Whether a media type, without parameters, is one of JavaScript.
pub fn is_javascript(essence: &str) -> bool {
    JAVASCRIPT.iter().any(|known| known.eq_ignore_ascii_case(essence))
}

/// Judges by the attributes `type` and `language`.
pub fn of(kind: Option<&str>, language: Option<&str>) -> ScriptType {
    let essence = match (kind, language) {
        (Some(""), _) | (None, None | Some("")) => "text/javascript".to_owned(),
        (Some(kind), _) => kind.trim_matches(['\t', '\n', '\u{c}', '\r', ' ']).to_owned(),
        (None, Some(language)) => format!("text/{language}"),
    };
    // A parameter makes it no essence, so no JavaScript.
    if is_javascript(&essence) {
        return ScriptType::Classic;
    }
    for (name, kind) in [
        ("module", ScriptType::Module),
        ("importmap", ScriptType::ImportMap),
        ("speculationrules", ScriptType::Speculation),
    ] {
        if essence.eq_ignore_ascii_case(name) {
            return kind;
        }
    }
    ScriptType::Data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        for (kind, language, expected) in [
            (None, None, ScriptType::Classic),
            (Some(""), Some("vbscript"), ScriptType::Classic),
            (None, Some(""), ScriptType::Classic),
            (None, Some("JavaScript"), ScriptType::Classic),
            (None, Some("vbscript"), ScriptType::Data),
            (Some(" text/JavaScript\n"), None, ScriptType::Classic),
            (Some("text/javascript;charset=utf-8"), None, ScriptType::Data),
            (Some(" "), None, ScriptType::Data),
            (Some("Module"), None, ScriptType::Module),
            (Some("importmap"), None, ScriptType::ImportMap),
            (Some("speculationrules"), None, ScriptType::Speculation),
            (Some("application/json"), None, ScriptType::Data),
            (Some("application/ld+json"), Some("javascript"), ScriptType::Data),
            (Some("text/javascript1.6"), None, ScriptType::Data),
        ] {
            assert_eq!(of(kind, language), expected, "{kind:?} {language:?}");
        }
    }
}
