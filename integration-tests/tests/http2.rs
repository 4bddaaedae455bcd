//! HTTP/2, with and without trailers: where no body callback is the last one.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, HeaderValue, Request};
use integration_tests::client::exchange;
use integration_tests::harness::{FORGED, LIKE, assert_no_restart, start};
use tokio::net::TcpStream;

async fn connect(addr: SocketAddr) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(addr).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client.ready().await.unwrap()
}

/// Delivers `parts` as so many DATA frames, then perhaps trailers; the status and body of the answer.
async fn deliver(client: &mut SendRequest<Bytes>, parts: &[&[u8]], trailers: bool) -> (u16, String) {
    let request = Request::post("http://sekisho.example/inbox").header("content-type", "application/activity+json");
    let ends_with_head = parts.is_empty() && !trailers;
    let (response, mut stream) = client.send_request(request.body(()).unwrap(), ends_with_head).unwrap();
    for (index, part) in parts.iter().enumerate() {
        let last = index + 1 == parts.len() && !trailers;
        // The answer may come before everything is sent.
        if stream.send_data(Bytes::copy_from_slice(part), last).is_err() {
            break;
        }
    }
    if trailers {
        let mut fields = HeaderMap::new();
        fields.insert("x-trailer", HeaderValue::from_static("1"));
        let _refused_early = stream.send_trailers(fields);
    }
    let response = response.await.unwrap();
    let status = response.status().as_u16();
    let mut body = response.into_body();
    let mut text = Vec::new();
    while let Some(chunk) = body.data().await {
        text.extend(chunk.unwrap());
    }
    (status, String::from_utf8(text).unwrap())
}

#[test]
fn deliveries_over_http2_are_judged_in_any_framing() {
    let (origin, stack) = start(|options| options);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut client = connect(stack.addr()).await;
        let singles: Vec<&[u8]> = LIKE.chunks(1).collect();
        for trailers in [false, true] {
            for (parts, status, rule) in [
                (vec![LIKE], 202, ""),
                (vec![LIKE, b""], 202, ""),
                (vec![b"", LIKE], 202, ""),
                (singles.clone(), 202, ""),
                (vec![FORGED], 403, "inbox.owner"),
                (FORGED.chunks(7).collect(), 403, "inbox.owner"),
                (vec![], 400, "inbox.json"),
                (vec![&b""[..]], 400, "inbox.json"),
                (vec![&[b' '; 16_000][..]; 5], 413, "inbox.size"),
            ] {
                let (answered, body) = deliver(&mut client, &parts, trailers).await;
                assert_eq!(answered, status, "{} parts, trailers {trailers}: {body}", parts.len());
                assert!(body.contains(rule), "{body}");
                client = client.clone().ready().await.unwrap();
            }
        }
    });
    let arrived = origin.take_requests();
    assert_eq!(arrived.len(), 8);
    assert!(arrived.iter().all(|request| request.body() == LIKE));
    assert_no_restart(&stack);
}

/// What the filter says in `Via`: it tells HTTP/1 by the order of the pseudo-fields, and asks Envoy otherwise.
#[test]
fn via_names_the_protocol_that_a_request_came_by() {
    let (origin, stack) = start(|options| options);
    let request = b"GET /notes/1 HTTP/1.1\r\nHost: sekisho.example\r\n\r\n";
    assert_eq!(exchange(stack.addr(), request).unwrap().status, 200);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut client = connect(stack.addr()).await;
        let request = Request::get("http://sekisho.example/notes/2").body(()).unwrap();
        let (response, _) = client.send_request(request, true).unwrap();
        assert_eq!(response.await.unwrap().status(), 200);
    });
    let arrived = origin.take_requests();
    let protocols = arrived.iter().map(|request| {
        let via = String::from_utf8_lossy(request.field("via").unwrap()).into_owned();
        via.split_once(" sekisho-").unwrap().0.to_owned()
    });
    assert_eq!(protocols.collect::<Vec<_>>(), ["1.1", "2"]);
}
