//! Servers to pin, and what is asked of the report.
#![allow(dead_code, reason = "each test takes what it needs")]

#[path = "../media_net/origin.rs"]
pub mod origin;

use std::time::Duration;

use origin::{Answer, Origin, ok, text};
use sekisho::page::manifest::{Integrity, Manifest};
use sekisho::pin::{self, Options, Report};
use url::Url;

pub fn html(body: &str) -> Answer {
    ok("Content-Type: text/html; charset=utf-8\r\n", body.as_bytes())
}

pub fn js(body: &str) -> Answer {
    ok("Content-Type: text/javascript\r\n", body.as_bytes())
}

pub fn css(body: &str) -> Answer {
    ok("Content-Type: text/css\r\n", body.as_bytes())
}

pub fn missing() -> Answer {
    text("HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n")
}

pub fn options(origin: &Origin) -> Options {
    let url = Url::parse(&format!("http://{}", origin.address)).unwrap();
    Options { gap: Duration::ZERO, ..Options::new(url) }
}

pub async fn pin(origin: &Origin) -> (Manifest, Report) {
    pin::run(&options(origin), &mut ()).await.unwrap()
}

pub fn hash(text: &str) -> String {
    Integrity::sha256(text.as_bytes()).to_string()
}

/// The problems of which the line has this in it.
pub fn problems(report: &Report, part: &str) -> Vec<String> {
    report.problems.iter().map(ToString::to_string).filter(|line| line.contains(part)).collect()
}
