//! Why a fetch fails.

use std::fmt;
use std::io;

use http::StatusCode;

use super::resolve::ResolveError;
use super::target::TargetError;

/// Why nothing was fetched, or the body ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// The URL, or one that it redirects to, is not fetched.
    Target(TargetError),
    /// The host gives no address to connect to.
    Resolve(ResolveError),
    /// So many proxies are on the way already that it must be a loop, or nobody can read how many.
    Hops,
    /// No address took the connection.
    Connect(io::ErrorKind),
    /// No connection, TLS included, in time.
    ConnectTimeout,
    /// The certificate is not valid for the host.
    Certificate,
    /// Another failure of TLS: no common version (1.2 or 1.3), an alert, no TLS at all.
    Tls,
    /// No status and fields in time.
    FieldsTimeout,
    /// Status or fields are no HTTP/1.1, or the connection ended before them.
    Fields,
    /// The fields are too large or too many.
    FieldsTooLarge,
    /// A status other than 200, and 206 where a range was asked for.
    Status(StatusCode),
    /// A content coding that was not asked for: what it unpacks to has no bound.
    ContentEncoding,
    /// A redirect without a single valid `Location`.
    Redirect,
    /// A redirect from `https` to `http`.
    Downgrade,
    /// One redirect too many.
    TooManyRedirects,
    /// More bytes than the limit, announced or sent.
    TooLarge,
    /// The body ended too early or is malformed.
    Body,
    /// Nothing of the body came for too long.
    IdleTimeout,
    /// It took too long in all.
    TotalTimeout,
}

impl FetchError {
    /// A stable name for metrics and logs, from a fixed set.
    pub fn name(self) -> &'static str {
        match self {
            Self::Target(error) => error.name(),
            Self::Resolve(error) => error.name(),
            Self::Hops => "hops",
            Self::Connect(_) => "connect",
            Self::ConnectTimeout => "connect_timeout",
            Self::Certificate => "certificate",
            Self::Tls => "tls",
            Self::FieldsTimeout => "fields_timeout",
            Self::Fields => "fields",
            Self::FieldsTooLarge => "fields_too_large",
            Self::Status(status) if status.is_client_error() => "status_4xx",
            Self::Status(status) if status.is_server_error() => "status_5xx",
            Self::Status(_) => "status_other",
            Self::ContentEncoding => "content_encoding",
            Self::Redirect => "redirect",
            Self::Downgrade => "redirect_downgrade",
            Self::TooManyRedirects => "too_many_redirects",
            Self::TooLarge => "too_large",
            Self::Body => "body",
            Self::IdleTimeout => "idle_timeout",
            Self::TotalTimeout => "total_timeout",
        }
    }

    /// The status to answer with: a 4xx of the origin server as it is, 403 or 400 for what is not fetched, 508 for a loop, here or at the origin server, 504 for what took too long,
    /// 502 for the rest.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Target(error) => error.status(),
            Self::Resolve(error) => error.status(),
            Self::Hops | Self::Status(StatusCode::LOOP_DETECTED) => StatusCode::LOOP_DETECTED,
            Self::Downgrade => StatusCode::FORBIDDEN,
            Self::Status(status) if status.is_client_error() => status,
            Self::ConnectTimeout | Self::FieldsTimeout | Self::IdleTimeout | Self::TotalTimeout => {
                StatusCode::GATEWAY_TIMEOUT
            }
            Self::Connect(_)
            | Self::Certificate
            | Self::Tls
            | Self::Fields
            | Self::FieldsTooLarge
            | Self::Status(_)
            | Self::ContentEncoding
            | Self::Redirect
            | Self::TooManyRedirects
            | Self::TooLarge
            | Self::Body => StatusCode::BAD_GATEWAY,
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(kind) => write!(f, "connect: {kind}"),
            Self::Status(status) => write!(f, "status {}", status.as_u16()),
            _ => f.write_str(self.name()),
        }
    }
}

impl std::error::Error for FetchError {}

impl From<TargetError> for FetchError {
    fn from(error: TargetError) -> Self {
        Self::Target(error)
    }
}

impl From<ResolveError> for FetchError {
    fn from(error: ResolveError) -> Self {
        Self::Resolve(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        for (error, status) in [
            (FetchError::Target(TargetError::Scheme), 400),
            (FetchError::Target(TargetError::ProxyPath), 403),
            (FetchError::Resolve(ResolveError::NotAllowed), 403),
            (FetchError::Resolve(ResolveError::NotFound), 502),
            (FetchError::Resolve(ResolveError::Timeout), 504),
            (FetchError::Status(StatusCode::NOT_FOUND), 404),
            (FetchError::Status(StatusCode::RANGE_NOT_SATISFIABLE), 416),
            (FetchError::Status(StatusCode::INTERNAL_SERVER_ERROR), 502),
            (FetchError::Status(StatusCode::NO_CONTENT), 502),
            // Whoever found it, it is the end of a loop that leads through here.
            (FetchError::Status(StatusCode::LOOP_DETECTED), 508),
            (FetchError::TotalTimeout, 504),
            (FetchError::Hops, 508),
            (FetchError::TooLarge, 502),
        ] {
            assert_eq!(error.status().as_u16(), status, "{error}");
        }
    }
}
