//! The listener: HTTP/1.1 and HTTP/2 without TLS, for Envoy in front of it.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{sleep, timeout};

use super::service::{AnswerBody, Service};

/// How long requests that are under way may take after the end was asked for.
const GRACE: Duration = Duration::from_secs(10);
/// How long a client may take for the head of a request, and be silent before the first.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 1024;
/// Requests at once on a connection of HTTP/2.
const MAX_STREAMS: u32 = 256;
/// The largest head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Serves until `end`, then lets what is under way end. What goes wrong with a connection ends that connection.
pub async fn serve(listener: TcpListener, service: Arc<Service>, end: impl Future<Output = ()>) {
    let answers = Arc::clone(&service);
    accept(listener, end, MAX_CONNECTIONS, move |request, peer| Arc::clone(&answers).answer(request, peer)).await;
    service.shutdown(GRACE).await;
}

async fn accept<A, F>(listener: TcpListener, end: impl Future<Output = ()>, max_connections: usize, answer: A)
where
    A: Fn(Request<Incoming>, IpAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response<AnswerBody>> + Send + 'static,
{
    let builder = builder();
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(max_connections));
    let mut end = pin!(end);
    loop {
        // The end must be heard where all places are taken, too.
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            (Ok(place), accepted) = next => (place, accepted),
            () = &mut end => break,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors, most likely: some connection has to end first.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (answer, begun) = (answer.clone(), Arc::new(Notify::new()));
        let begins = Arc::clone(&begun);
        let answer = service_fn(move |request| {
            begins.notify_one();
            let answered = answer(request, peer.ip());
            async move { Ok::<_, Infallible>(answered.await) }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), answer).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            // Which protocol it is tell the first bytes, for which hyper would wait for ever.
            let silent = timeout(HEAD_TIMEOUT, async {
                tokio::select! {
                    _ended = &mut connection => true,
                    () = begun.notified() => false,
                }
            });
            if let Ok(false) = silent.await {
                let _ended = connection.await;
            }
            drop(place);
        });
    }
    drop(listener);
    let _ = timeout(GRACE, graceful.shutdown()).await;
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(MAX_HEAD_BYTES);
    let max_head = u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(max_head)
        .keep_alive_interval(Some(Duration::from_secs(60)));
    builder
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;

    use super::*;

    async fn served(max_connections: usize) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, end) = oneshot::channel();
        let end = async { drop(end.await) };
        let answer = |request: Request<Incoming>, _| async move {
            if request.uri().path() == "/never" {
                pending::<()>().await;
            }
            Response::new(AnswerBody::empty())
        };
        (address, sender, tokio::spawn(accept(listener, end, max_connections, answer)))
    }

    async fn sends(address: SocketAddr, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }

    #[tokio::test]
    async fn the_end_is_heard_where_all_places_are_taken() {
        let (address, end, served) = served(1).await;
        let mut first = sends(address, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        first.read_u8().await.unwrap();
        end.send(()).unwrap();
        timeout(HEAD_TIMEOUT / 2, served).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn who_says_nothing_loses_its_place() {
        let (address, _end, _served) = served(4).await;
        let mut silent = Vec::new();
        for begun in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n"] {
            silent.push(sends(address, begun).await);
        }
        // All places are taken until then.
        let mut patient = sends(address, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        tokio::time::pause();
        let mut answer = Vec::new();
        timeout(HEAD_TIMEOUT * 2, patient.read_to_end(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 OK"), "{}", answer.escape_ascii());
        for mut stream in silent {
            let ended = timeout(HEAD_TIMEOUT * 2, stream.read_to_end(&mut Vec::new())).await;
            assert!(ended.is_ok());
        }
    }

    #[tokio::test]
    async fn a_request_may_take_longer_than_its_head() {
        let (address, _end, _served) = served(4).await;
        let mut slow = sends(address, b"GET /never HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let mut other = sends(address, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        other.read_u8().await.unwrap();
        tokio::time::pause();
        assert!(timeout(HEAD_TIMEOUT * 3, slow.read_u8()).await.is_err());
    }
}
