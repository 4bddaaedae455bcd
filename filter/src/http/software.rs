//! Which software sends a request, for the metrics: what `User-Agent` says, which anybody may write. No decision depends on it.

/// The names that metrics may hold, in order: a label is never a stranger's text.
const KNOWN: [&str; 46] = [
    "akkoma",
    "betula",
    "bonfire",
    "bookwyrm",
    "bridgy",
    "cherrypick",
    "discourse",
    "emissary",
    "facebookexternalua",
    "fedify",
    "firefish",
    "foundkey",
    "friendica",
    "funkwhale",
    "ghost",
    "gotosocial",
    "guppe",
    "hollo",
    "honksnonk",
    "hubzilla",
    "iceshrimp",
    "kbin",
    "lemmy",
    "mastodon",
    "mbin",
    "microblog",
    "microdotblog",
    "misskey",
    "mitra",
    "mobilizon",
    "nodebb",
    "owncast",
    "peertube",
    "piefed",
    "pixelfed",
    "pleroma",
    "plume",
    "sharkey",
    "smithereen",
    "snac",
    "streams",
    "takahe",
    "vernissage",
    "wafrn",
    "wordpress",
    "writefreely",
];

/// No more of the field is read, in bytes.
const MAX_READ_BYTES: usize = 256;

/// The longest name in [`KNOWN`], in bytes.
const MAX_NAME_BYTES: usize = 18;

/// The first word of the field that names a known software: `http.rb/5.2 (Mastodon/4.3; +https://a.example/)` is `mastodon`. Else `other`, and `none` without the field.
pub fn of(user_agent: Option<&[u8]>) -> &'static str {
    let Some(user_agent) = user_agent.filter(|field| !field.is_empty()) else { return "none" };
    let read = user_agent.get(..MAX_READ_BYTES).unwrap_or(user_agent);
    let words = read.split(|byte| !byte.is_ascii_alphanumeric());
    words.filter(|word| word.len() <= MAX_NAME_BYTES).find_map(known).unwrap_or("other")
}

fn known(word: &[u8]) -> Option<&'static str> {
    let mut buffer = [0; MAX_NAME_BYTES];
    let lower = buffer.get_mut(..word.len())?;
    lower.copy_from_slice(word);
    lower.make_ascii_lowercase();
    // PixelFedBot/1.0
    let lower: &[u8] = lower;
    let stem = lower.strip_suffix(b"bot").unwrap_or(lower);
    let at = KNOWN.binary_search_by(|name| name.as_bytes().cmp(stem)).ok()?;
    KNOWN.get(at).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_fit_for_labels() {
        assert!(KNOWN.is_sorted());
        assert_eq!(KNOWN.iter().map(|name| name.len()).max(), Some(MAX_NAME_BYTES));
        assert!(KNOWN.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase())));
    }

    #[test]
    fn what_software_calls_itself() {
        for (field, expected) in [
            ("Misskey/2026.11.0 (https://misskey.example)", "misskey"),
            ("http.rb/5.1.1 (Mastodon/4.2.0; +https://mastodon.example/)", "mastodon"),
            ("Mastodon/4.4.0 (http.rb/5.2.0; +https://mastodon.example/)", "mastodon"),
            ("Sharkey/2024.5.1 (https://misskey.example)", "sharkey"),
            ("Pleroma 2.6.0; https://pleroma.example <a@b.example>", "pleroma"),
            ("snac/2.94; +http://127.0.0.1:47310/", "snac"),
            ("Mitra-apx/0.27; https://mitra.example", "mitra"),
            ("gotosocial/0.17.0 (+https://gts.example)", "gotosocial"),
            ("Iceshrimp.NET/2024.1-beta4 (https://a.example)", "iceshrimp"),
            ("PixelFedBot/1.0.0 (Pixelfed/0.12.3; +https://a.example)", "pixelfed"),
            ("WordPress/6.5; https://a.example; ActivityPub/3.0", "wordpress"),
            ("bovine/0.5.19", "other"),
            ("\u{ff}", "other"),
            ("", "none"),
        ] {
            assert_eq!(of(Some(field.as_bytes())), expected, "{field}");
        }
        assert_eq!(of(None), "none");
        assert_eq!(of(Some(&[b'x'; 4096])), "other");
    }
}
