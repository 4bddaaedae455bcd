//! The rules, one file each, named by id. `registry.rs` lists them.

pub mod closing;
pub mod inbox_accept;
pub mod inbox_announce;
pub mod inbox_collection;
pub mod inbox_content_encoding;
pub mod inbox_content_type;
pub mod inbox_json;
pub mod inbox_keywords;
pub mod inbox_ld;
pub mod inbox_mentions;
pub mod inbox_move;
pub mod inbox_origin;
pub mod inbox_owner;
pub mod inbox_reaction;
pub mod inbox_recipients;
pub mod inbox_relay;
pub mod inbox_shape;
pub mod inbox_size;
pub mod inbox_type;
pub mod posts;
pub mod signup;
pub mod via;
pub mod via_malformed;
pub mod via_media_proxy;

#[cfg(test)]
mod testing;
