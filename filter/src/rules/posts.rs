//! The posts that an activity brings, for the rules that look at what people wrote.

use crate::activitypub::activity::Activity;
use crate::activitypub::node;
use crate::json::Object;

/// How deep posts are looked for: an Announce of a Create of a Note with an embedded quote is four levels.
const MAX_LEVELS: usize = 4;

/// The properties by which servers take in another post with the one that embeds it.
const EMBEDDING: [&str; 5] = ["object", "instrument", "quote", "inReplyTo", "_misskey_quote"];

/// The activity's own object and all that is embedded in it.
pub fn all<'v>(activity: &'v Activity<'_>) -> Vec<&'v Object<'v>> {
    let mut nodes = vec![activity.node];
    let mut level = vec![activity.node];
    for _ in 1..MAX_LEVELS {
        let deeper = level.iter().flat_map(|node| EMBEDDING.iter().flat_map(|key| node::objects(node, key)));
        level = deeper.collect();
        nodes.extend(&level);
    }
    nodes
}
