//! The page of a server that has closed.

use std::fmt::Write as _;

/// The page that says `text`: nothing in it is markup, an empty line begins a paragraph, its first line is the title.
pub fn page(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let title = text.trim().lines().next().unwrap_or_default();
    let mut page = String::from(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n",
    );
    // Writing to a string cannot fail.
    let _ = writeln!(page, "<title>{}</title>", escape(title));
    for paragraph in text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        let _ = writeln!(page, "<p>{}</p>", escape(paragraph).replace('\n', "<br>"));
    }
    page
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_never_markup() {
        let page = page("Bye & thanks\r\nsince 2019\n\n\n<script>alert(1)</script>\n");
        assert_eq!(
            page.lines().skip(3).collect::<Vec<_>>(),
            [
                "<title>Bye &amp; thanks</title>",
                "<p>Bye &amp; thanks<br>since 2019</p>",
                "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>",
            ]
        );
    }
}
