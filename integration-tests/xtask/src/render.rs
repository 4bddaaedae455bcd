//! Fill in a configuration that is valid as it stands: the values of lines that end in a marker comment.
//!
//! ```text
//! port_value: 8080 # xtask: listen.port        YAML: what stands between ": " and the comment
//! listen 127.0.0.1:8080; # xtask: listen       nginx: what stands between the first word and ";"
//! value: | # xtask: policy                     YAML: the more indented lines that follow
//!   {}
//! ```

use crate::error::{Error, Result};

const MARKER: &str = " # xtask: ";

/// Replaces the value of every marked line. A marker without a value or a value without a marker is an error: a
/// template that drifted away from this program is noticed at once.
pub fn render(template: &str, values: &[(&str, String)]) -> Result<String> {
    let mut out = String::with_capacity(template.len());
    let mut used = vec![false; values.len()];
    let mut lines = template.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((before, name)) = line.split_once(MARKER) else {
            push(&mut out, line);
            continue;
        };
        let name = name.trim();
        let known = values.iter().zip(&mut used).find(|((n, _), _)| *n == name);
        let Some(((_, value), used)) = known else {
            return Err(Error::new(format!("nothing to fill in for the marker {name:?}")));
        };
        *used = true;
        if before.trim_end().ends_with('|') {
            push(&mut out, before);
            let margin = indent(before);
            while lines.next_if(|line| indent(line) > margin).is_some() {}
            let width = margin + 2;
            // Without the space before its first line, which would count as the indentation of all.
            for line in value.trim().lines() {
                push(&mut out, &format!("{:width$}{line}", ""));
            }
        } else {
            push(&mut out, &scalar(before, value)?);
        }
    }
    match values.iter().zip(&used).find(|(_, used)| !**used) {
        Some(((name, _), _)) => Err(Error::new(format!("no line ends in \"# xtask: {name}\""))),
        None => Ok(out),
    }
}

/// A double-quoted scalar, as YAML and JSON both read it.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn scalar(before: &str, value: &str) -> Result<String> {
    if before.ends_with(';') {
        let margin: String = before.chars().take_while(|c| c.is_whitespace()).collect();
        if let Some(word) = before.split_whitespace().next() {
            return Ok(format!("{margin}{word} {value};"));
        }
    }
    match before.split_once(": ") {
        Some((key, _)) => Ok(format!("{key}: {value}")),
        None => Err(Error::new(format!("no value to replace in {before:?}"))),
    }
}

fn push(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

/// An empty line belongs to what surrounds it, so it counts as indented for ever.
fn indent(line: &str) -> usize {
    let text = line.trim_start();
    if text.is_empty() {
        return usize::MAX;
    }
    line.len() - text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_flow_values_and_blocks() {
        let template = "a:\n  port: 8080 # xtask: port\n  admin: {pipe: {path: /x}} # xtask: admin\n  \
            value: | # xtask: policy\n    {\n\n    }\nb: 1 # a comment\n";
        let rendered = render(
            template,
            &[
                ("port", "0".into()),
                ("admin", "{pipe: {path: /y}}".into()),
                ("policy", "\n  {\n  \"inbox\": {}\n}".into()),
            ],
        );
        assert_eq!(
            rendered.unwrap(),
            "a:\n  port: 0\n  admin: {pipe: {path: /y}}\n  value: |\n    {\n      \"inbox\": {}\n    }\nb: 1 # a comment\n"
        );
    }

    #[test]
    fn nginx_directives() {
        let rendered = render("  listen 80; # xtask: listen\n", &[("listen", "127.0.0.1:0".into())]);
        assert_eq!(rendered.unwrap(), "  listen 127.0.0.1:0;\n");
    }

    #[test]
    fn drift_is_an_error() {
        let unknown = render("a: 1 # xtask: b\n", &[]).unwrap_err();
        assert_eq!(unknown.to_string(), "nothing to fill in for the marker \"b\"");
        assert!(render("a: 1\n", &[("b", String::new())]).is_err());
        assert!(render("- 1 # xtask: b\n", &[("b", String::new())]).is_err());
    }

    #[test]
    fn quoting() {
        assert_eq!(quoted("a\"b\\c\n"), r#""a\"b\\c\u000a""#);
    }
}
