//! The activities: as Mastodon writes them, of 2 KB and 17 KB, and what costs most of what fits into an inbox.

/// The origin of the actor.
pub const ORIGIN: &str = "https://mastodon.example";

/// The key of the actor.
pub const KEY_ID: &str = "https://mastodon.example/users/alice#main-key";

const CONTEXT: &str = r#"["https://www.w3.org/ns/activitystreams",{"ostatus":"http://ostatus.org#","atomUri":"ostatus:atomUri","inReplyToAtomUri":"ostatus:inReplyToAtomUri","conversation":"ostatus:conversation","sensitive":"as:sensitive","toot":"http://joinmastodon.org/ns#","votersCount":"toot:votersCount"}]"#;

const SENTENCE: &str = "Today I rebuilt the image cache and moved the storage. 本日は晴天なり。 ";

/// A Create of a short note that mentions somebody, of exactly 2048 bytes.
pub fn small() -> Vec<u8> {
    padded(2048, |content| create(content, &mention(0), ""))
}

/// A Create of a long note with hashtags, mentions, pictures and a translation, of exactly 17 KiB.
pub fn large() -> Vec<u8> {
    let tags: Vec<String> = (0..5).map(mention).chain((0..40).map(hashtag)).collect();
    let attachments: Vec<String> = (0..4).map(attachment).collect();
    let more = format!(r#","attachment":[{}]"#, attachments.join(","));
    padded(17 * 1024, |content| create(content, &tags.join(","), &more))
}

/// The default limit of an inbox.
const LIMIT: usize = 64 * 1024;

/// As many tags as fit into an inbox, each of two objects: the most memory for the parser.
pub fn tags() -> Vec<u8> {
    full(r#"{"A":{}}"#, |tags| create("", &format!("{},{tags}", mention(0)), ""))
}

/// As many replied-to posts as fit into an inbox, each on a name of 25 international labels: the most work that was found.
pub fn names() -> Vec<u8> {
    let post = format!(r#""https://{}jp""#, "é.".repeat(25));
    full(&post, |posts| create("", &mention(0), &format!(r#","quoteUrl":[{posts}]"#)))
}

/// A body of exactly [`LIMIT`] bytes: a list of that many equal items, and spaces for what remains.
fn full(item: &str, body: impl Fn(&str) -> Vec<u8>) -> Vec<u8> {
    let room = LIMIT.saturating_sub(body("").len());
    let count = room / (item.len() + 1);
    let mut body = body(&vec![item; count].join(","));
    body.extend(std::iter::repeat_n(b' ', LIMIT.saturating_sub(body.len())));
    body
}

fn mention(number: usize) -> String {
    format!(
        r#"{{"type":"Mention","href":"https://server{number}.example/users/bob","name":"@bob@server{number}.example"}}"#
    )
}

fn hashtag(number: usize) -> String {
    format!(r##"{{"type":"Hashtag","href":"{ORIGIN}/tags/fediverse{number}","name":"#fediverse{number}"}}"##)
}

fn attachment(number: usize) -> String {
    format!(
        r#"{{"type":"Document","mediaType":"image/webp","url":"{ORIGIN}/media/11{number}/original.webp","name":"{SENTENCE}","blurhash":"UBL_:rOpGG-oBUNG,qRj2so|=eE1w^n4S5NH","width":1920,"height":1080}}"#
    )
}

fn create(content: &str, tags: &str, more: &str) -> Vec<u8> {
    let note = format!("{ORIGIN}/users/alice/statuses/113500000000000001");
    let addressing = format!(
        r#""to":["https://www.w3.org/ns/activitystreams#Public"],"cc":["{ORIGIN}/users/alice/followers","https://server0.example/users/bob"]"#
    );
    format!(
        r#"{{"@context":{CONTEXT},"id":"{note}/activity","type":"Create","actor":"{ORIGIN}/users/alice","published":"2026-11-22T14:09:10Z",{addressing},"object":{{"id":"{note}","type":"Note","summary":null,"inReplyTo":null,"published":"2026-11-22T14:09:10Z","url":"{ORIGIN}/@alice/113500000000000001","attributedTo":"{ORIGIN}/users/alice",{addressing},"sensitive":false,"atomUri":"{note}","inReplyToAtomUri":null,"conversation":"tag:mastodon.example,2026-11-22:objectId=1:objectType=Conversation","content":"{content}","contentMap":{{"en":"{content}"}}{more},"tag":[{tags}]}}}}"#
    )
    .into_bytes()
}

/// A body of exactly that size: with as much content as there is room for, and spaces for what remains.
fn padded(size: usize, body: impl Fn(&str) -> Vec<u8>) -> Vec<u8> {
    const BEFORE: &str = r#"<p><span class=\"h-card\"><a href=\"https://server0.example/@bob\" class=\"u-url mention\">@<span>bob</span></a></span> "#;
    let with = |sentences: usize| body(&format!("{BEFORE}{}</p>", SENTENCE.repeat(sentences)));
    let mut sentences = 0;
    while with(sentences + 1).len() <= size {
        sentences += 1;
    }
    let mut body = with(sentences);
    body.extend(std::iter::repeat_n(b' ', size.saturating_sub(body.len())));
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!([small().len(), large().len()], [2048, 17 * 1024]);
        assert_eq!([tags().len(), names().len()], [LIMIT, LIMIT]);
    }
}
