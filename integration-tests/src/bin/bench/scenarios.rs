//! What is asked of the proxies.

use crate::activities;
use crate::load::Request;

/// A kind of request, and what is wanted of the filter there.
pub struct Scenario {
    /// As the table calls it.
    pub name: &'static str,
    /// The request.
    pub request: Request,
    /// What is aimed at.
    pub aim: Aim,
}

/// The least ratio of one variant to another.
pub struct Aim {
    /// The name of the one.
    pub who: &'static str,
    /// The name of the other variant.
    pub of: &'static str,
    /// The ratio.
    pub at_least: f64,
}

/// All of them. Each reaches the origin server.
pub fn all() -> Vec<Scenario> {
    let get = |path: &str, accept: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: social.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) \
             Gecko/20100101 Firefox/145.0\r\nAccept: {accept}\r\nAccept-Language: ja,en;q=0.5\r\nAccept-Encoding: \
             gzip, deflate, br\r\nConnection: keep-alive\r\n\r\n"
        )
        .into_bytes()
    };
    vec![
        Scenario {
            name: "GET page (/notes/abc)",
            request: Request {
                bytes: get("/notes/abc", "text/html,application/xhtml+xml,*/*;q=0.8"),
                status: 200,
                content: "<!DOCTYPE html>",
            },
            aim: Aim { who: "sekisho", of: "no-op", at_least: 0.93 },
        },
        Scenario {
            name: "GET asset (/vite/x.js)",
            request: Request { bytes: get("/vite/x.js", "*/*"), status: 200, content: "export default" },
            aim: Aim { who: "sekisho", of: "plain", at_least: 0.97 },
        },
        Scenario {
            name: "POST /inbox, 2 KB",
            request: Request {
                bytes: delivery(activities::KEY_ID),
                status: 202,
                content: "accepted by the demo origin",
            },
            aim: Aim { who: "sekisho", of: "no-op", at_least: 0.85 },
        },
    ]
}

/// The same delivery by a stranger's key: only a proxy that runs sekisho refuses it.
pub fn forged() -> Request {
    let bytes = delivery("https://elsewhere.example/users/mallory#main-key");
    Request { bytes, status: 403, content: r#"{"error":"# }
}

/// A delivery as Mastodon sends it. Nothing on its way looks whether the digest and the signature are true.
fn delivery(key_id: &str) -> Vec<u8> {
    let body = activities::small();
    let head = format!(
        "POST /inbox HTTP/1.1\r\nHost: social.example\r\nDate: Sun, 22 Nov 2026 14:09:10 GMT\r\nDigest: \
         SHA-256={digest}\r\nSignature: {signature}\r\nUser-Agent: Mastodon/4.5.1 (http.rb/5.3.1; \
         +{origin}/)\r\nContent-Type: application/activity+json\r\nAccept-Encoding: gzip\r\nConnection: \
         Keep-Alive\r\nContent-Length: {length}\r\n\r\n",
        digest = "ECRECnDjIRWxlhNtcwWTFUpfpa+wMfT3urOnfumtU6w=",
        signature = signature(key_id),
        origin = activities::ORIGIN,
        length = body.len(),
    );
    [head.as_bytes(), &body].concat()
}

/// The `Signature` field of Mastodon, with as much signature as an RSA key of 2048 bits gives.
pub fn signature(key_id: &str) -> String {
    let signature = "nnr44E3gd0lLh/ynKkgm8/KIeMW7/WHoJxcZV9ldQO1".repeat(8);
    format!(
        r#"keyId="{key_id}",algorithm="rsa-sha256",headers="(request-target) host date digest content-type",signature="{signature}==""#
    )
}
