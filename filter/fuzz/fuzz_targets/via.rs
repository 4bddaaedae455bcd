//! Any bytes as `Via` and `CDN-Loop`.
#![no_main]

#[path = "../via_properties.rs"]
mod via_properties;

libfuzzer_sys::fuzz_target!(|data: &[u8]| via_properties::check(data));
