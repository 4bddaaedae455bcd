//! The body of an answer, in pieces, within its limits.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout_at};

use super::connect::Connection;
use super::error::FetchError;

/// A body on its way. The connection is closed when this is dropped, or has failed.
#[derive(Debug)]
pub struct FetchBody {
    /// None after the end or a failure.
    open: Option<(Incoming, Connection)>,
    announced: Option<u64>,
    received: u64,
    max_bytes: u64,
    idle: Duration,
    started: Instant,
    deadline: Instant,
}

impl FetchBody {
    pub(super) fn new(incoming: Incoming, connection: Connection, limits: Limits) -> Result<Self, FetchError> {
        let announced = incoming.size_hint().exact();
        let Limits { max_bytes, idle, started, deadline } = limits;
        let body =
            Self { open: Some((incoming, connection)), announced, received: 0, max_bytes, idle, started, deadline };
        if body.is_too_large() { Err(FetchError::TooLarge) } else { Ok(body) }
    }

    /// How long it is in all, in bytes, if the origin server said so.
    pub fn content_length(&self) -> Option<u64> {
        self.announced
    }

    /// How many bytes came.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Other limits from here on: bytes in all, which can only become less, and time since the fetch began. For when the first bytes have told what it is:
    /// less for what is converted, more time for what is streamed to a slow client.
    pub fn limit(&mut self, max_bytes: u64, total: Duration) {
        self.max_bytes = self.max_bytes.min(max_bytes);
        self.deadline = self.started.checked_add(total).unwrap_or(self.deadline);
    }

    /// The next piece, never empty; `None` after the last one, and after an error. Safe to drop and to call again.
    ///
    /// # Errors
    /// [`FetchError::TooLarge`], [`FetchError::IdleTimeout`] (counted from this call: a slow reader costs nothing), [`FetchError::TotalTimeout`],
    /// [`FetchError::Body`].
    pub async fn next(&mut self) -> Option<Result<Bytes, FetchError>> {
        let piece = match self.piece().await {
            Ok(piece) => piece.map(Ok),
            Err(error) => Some(Err(error)),
        };
        if !matches!(piece, Some(Ok(_))) {
            self.open = None;
        }
        piece
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, FetchError> {
        let too_large = self.is_too_large();
        let Some((incoming, _)) = self.open.as_mut() else {
            return Ok(None);
        };
        // The limit may have become less since the fields were read.
        if too_large {
            return Err(FetchError::TooLarge);
        }
        let by = Instant::now().checked_add(self.idle).map_or(self.deadline, |by| by.min(self.deadline));
        let late = if by == self.deadline { FetchError::TotalTimeout } else { FetchError::IdleTimeout };
        // Bytes that wait already would come before any deadline was looked at.
        if Instant::now() >= self.deadline {
            return Err(FetchError::TotalTimeout);
        }
        loop {
            let frame = match timeout_at(by, incoming.frame()).await.map_err(|_| late)? {
                None => return Ok(None),
                Some(frame) => frame.map_err(|_| FetchError::Body)?,
            };
            // Trailers say nothing that is used here.
            let Ok(bytes) = frame.into_data() else { continue };
            self.received = self.received.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            if self.received > self.max_bytes {
                return Err(FetchError::TooLarge);
            }
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
    }

    fn is_too_large(&self) -> bool {
        self.announced.is_some_and(|announced| announced > self.max_bytes)
    }
}

/// What a body may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) max_bytes: u64,
    pub(super) idle: Duration,
    pub(super) started: Instant,
    pub(super) deadline: Instant,
}
