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
pub mod routes_allowed;
pub mod routes_blocked;
pub mod routes_body;
pub mod routes_content_types;
pub mod routes_fetch_metadata;
pub mod routes_methods;
pub mod routes_path;
pub mod routes_query;
pub mod routes_token;
pub mod signup;
pub mod via;
pub mod via_malformed;
pub mod via_media_proxy;

#[cfg(test)]
mod testing;
