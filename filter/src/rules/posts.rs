//! The posts that an activity brings, for the rules that look at what people wrote.

use crate::activitypub::activity::Activity;
use crate::activitypub::node;
use crate::json::Object;

/// The activity's own object, what is embedded in it, and what is embedded in that: an Announce of a Create of a Note is
/// three levels.
pub fn all<'v>(activity: &'v Activity<'_>) -> Vec<&'v Object<'v>> {
    let mut nodes = vec![activity.node];
    let mut level = vec![activity.node];
    for _ in 0..2 {
        level = level.iter().flat_map(|node| node::objects(node, "object")).collect();
        nodes.extend(&level);
    }
    nodes
}
