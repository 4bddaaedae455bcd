//! One connection for one request: TCP to an address that was judged, TLS, HTTP/1.1.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
use url::Host;

use super::error::FetchError;

/// How many addresses of a host are tried.
const MAX_TRIED: usize = 4;
/// How large status line and fields of an answer may be, in bytes. Servers themselves mostly stop at 8 to 16 KiB.
const MAX_FIELDS_BYTES: usize = 32 * 1024;
/// How many fields an answer may have.
const MAX_FIELDS: usize = 100;
/// How much of a body waits in memory for its reader, in bytes.
const BUFFER_BYTES: usize = 64 * 1024;
/// How large a file of additional roots may be, in bytes.
const MAX_CA_FILE_BYTES: u64 = 1024 * 1024;

/// A connection that is closed when this is dropped.
#[derive(Debug)]
pub(super) struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(super) type Sender = SendRequest<Empty<Bytes>>;

/// Additional roots cannot be read.
#[derive(Debug)]
pub struct BadRoots {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for BadRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.reason)
    }
}

/// TLS 1.2 and 1.3, the roots of Mozilla, and those of a PEM file beside them.
pub(super) fn tls(extra_roots: Option<&Path>) -> Result<TlsConnector, BadRoots> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(file) = extra_roots {
        let bad = |reason: String| BadRoots { file: file.to_owned(), reason };
        for certificate in certificates(file).map_err(bad)? {
            roots.add(certificate).map_err(|error| bad(error.to_string()))?;
        }
    }
    let bad = |error: rustls::Error| BadRoots { file: PathBuf::new(), reason: error.to_string() };
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(bad)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let size = std::fs::metadata(file).map_err(|error| error.to_string())?.len();
    if size > MAX_CA_FILE_BYTES {
        return Err(format!("{size} bytes, more than {MAX_CA_FILE_BYTES}"));
    }
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    match found {
        Ok(found) if found.is_empty() => Err("no certificate in it".to_owned()),
        found => found.map_err(|error| error.to_string()),
    }
}

/// Connects to the first of the addresses that answers. Each but the last gets half of the time that is left until `deadline`; the caller stops at it.
pub(super) async fn tcp(addresses: &[IpAddr], port: u16, deadline: Instant) -> Result<TcpStream, FetchError> {
    let mut last = io::ErrorKind::NotFound;
    let tried = addresses.len().min(MAX_TRIED);
    for (index, address) in addresses.iter().take(tried).enumerate() {
        let now = Instant::now();
        let left = deadline.saturating_duration_since(now);
        let by = if index + 1 < tried { now + left / 2 } else { deadline };
        match timeout_at(by, TcpStream::connect(SocketAddr::new(*address, port))).await {
            Ok(Ok(stream)) => {
                // The one request is written at once; Nagle could only delay TLS.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => last = error.kind(),
            Err(_) => last = io::ErrorKind::TimedOut,
        }
    }
    Err(if last == io::ErrorKind::TimedOut { FetchError::ConnectTimeout } else { FetchError::Connect(last) })
}

/// Wraps a connection in TLS, for the host's own name or address.
pub(super) async fn secure(
    connector: &TlsConnector,
    host: &Host<&str>,
    stream: TcpStream,
) -> Result<impl AsyncRead + AsyncWrite + Unpin + Send + 'static, FetchError> {
    let name = match host {
        Host::Domain(name) => ServerName::try_from((*name).to_owned()).map_err(|_| FetchError::Tls)?,
        Host::Ipv4(address) => ServerName::from(IpAddr::V4(*address)),
        Host::Ipv6(address) => ServerName::from(IpAddr::V6(*address)),
    };
    connector.connect(name, stream).await.map_err(|error| {
        let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match cause {
            Some(rustls::Error::InvalidCertificate(_)) => FetchError::Certificate,
            _ => FetchError::Tls,
        }
    })
}

/// Speaks HTTP/1.1 on a connection.
pub(super) async fn http<T>(stream: T) -> Result<(Sender, Connection), FetchError>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_buf_size(BUFFER_BYTES).max_header_size(MAX_FIELDS_BYTES).max_headers(MAX_FIELDS);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(|_| FetchError::Fields)?;
    // What goes wrong reaches the reader of the answer or of its body.
    let task = tokio::spawn(async { drop(connection.await) });
    Ok((sender, Connection(task)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_that_cannot_be_read() {
        assert!(tls(None).is_ok());
        assert!(tls(Some(Path::new("/nonexistent.pem"))).is_err());
        // A file that is there, and holds no certificate.
        assert!(tls(Some(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")))).is_err());
    }

    #[tokio::test]
    async fn no_address_takes_it() {
        let deadline = Instant::now() + std::time::Duration::from_secs(5);
        // Port 1 of this machine: refused at once.
        let error = tcp(&[[127, 0, 0, 1].into(), [127, 0, 0, 1].into()], 1, deadline).await.map(|_| ());
        assert_eq!(error, Err(FetchError::Connect(io::ErrorKind::ConnectionRefused)));
        assert!(matches!(tcp(&[], 1, deadline).await, Err(FetchError::Connect(_))));
    }
}
