//! What holds for any bytes in `Via` and `CDN-Loop`. The fuzz target runs it, and so does `tests/via.rs`.

use sekisho::http::cdn_loop::{self, CdnLoop};
use sekisho::http::pseudonym;
use sekisho::http::via::{self, Via};

/// Panics where something does not hold for `data`, whose lines are field lines.
pub fn check(data: &[u8]) {
    let own = pseudonym::derive(1);
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let all = || lines.iter().copied();
    let joined = lines.join(&b", "[..]);

    if let Ok(via) = Via::parse(all()) {
        assert_eq!(Via::parse([&via.to_bytes()[..]]), Ok(via.clone()), "printed and read again");
        assert_eq!(Via::parse([&joined[..]]), Ok(via.clone()), "well-formed lines that are joined");
        assert_eq!(via::count(all()), via.hops.len());
        for hop in &via.hops {
            assert!(via::names(all(), hop.received_by), "{hop:?}");
            let _text = hop.comment_text();
        }
    }
    if let Ok(cdn_loop) = CdnLoop::parse(all()) {
        assert_eq!(CdnLoop::parse([&cdn_loop.to_bytes()[..]]), Ok(cdn_loop.clone()), "printed and read again");
        assert_eq!(CdnLoop::parse([&joined[..]]), Ok(cdn_loop.clone()), "well-formed lines that are joined");
        assert_eq!(cdn_loop::count(all()), cdn_loop.cdns.len());
        assert!(cdn_loop.cdns.iter().all(|cdn| cdn_loop::names(all(), cdn.id)));
    }

    // Nothing that is written before our entry hides it, however the two are put together, and in `Via` nothing behind it either.
    let entry = pseudonym::via_entry(b"HTTP/2", &own);
    assert!(via::names(all().chain([entry.as_bytes()]), &own));
    assert!(cdn_loop::names(all().chain([own.as_bytes()]), &own));
    for separator in [", ", ","] {
        let appended = [&joined[..], separator.as_bytes(), entry.as_bytes()].concat();
        assert!(via::names([&appended[..]], &own), "{}", appended.escape_ascii());
        let between = [&appended[..], separator.as_bytes(), &joined].concat();
        assert!(via::names([&between[..]], &own), "{}", between.escape_ascii());
        let appended = [&joined[..], separator.as_bytes(), own.as_bytes()].concat();
        assert!(cdn_loop::names([&appended[..]], &own), "{}", appended.escape_ascii());
    }
}
