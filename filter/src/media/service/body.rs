//! The body of an answer: bytes that are there, or a file on its way through.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::timeout;

use super::Service;
use super::file::Streaming;
use crate::media::metrics::Direction;
use crate::media::net::FetchError;

/// How long a client may leave a piece lying.
const CLIENT_IDLE: Duration = Duration::from_secs(60);

/// The body of an answer.
#[derive(Debug)]
pub enum AnswerBody {
    /// All of it; empty once it was taken.
    Whole(Bytes),
    /// Piece by piece.
    Streamed(Receiver<Result<Bytes, FetchError>>),
}

impl AnswerBody {
    /// No body.
    pub fn empty() -> Self {
        Self::Whole(Bytes::new())
    }

    /// A body that is there.
    pub fn whole(bytes: Bytes) -> Self {
        Self::Whole(bytes)
    }

    /// A body on its way: what has come of it, and the rest. It is fetched as fast as the client takes it, and no more once the client is gone.
    pub(super) fn streamed(streaming: Streaming, service: Arc<Service>) -> Self {
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(pump(streaming, sender, service));
        Self::Streamed(receiver)
    }
}

async fn pump(streaming: Streaming, sender: Sender<Result<Bytes, FetchError>>, service: Arc<Service>) {
    let Streaming { first, mut body, stream: _stream, .. } = streaming;
    let mut first = Some(first.finish()).filter(|(bytes, _)| !bytes.is_empty());
    loop {
        let next = match first.take() {
            Some((first, _held)) => Some(Ok(first)),
            None => tokio::select! {
                next = body.next() => next,
                // Not only when the origin server sends more is it known that nobody wants it.
                () = sender.closed() => return,
            },
        };
        let Some(piece) = next else { return };
        if let Ok(bytes) = &piece {
            let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            service.metrics.bytes(Direction::Fetched, count);
            service.metrics.bytes(Direction::Sent, count);
        }
        let failed = piece.is_err();
        if !matches!(timeout(CLIENT_IDLE, sender.send(piece)).await, Ok(Ok(()))) || failed {
            return;
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = FetchError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Streamed(receiver) => receiver.poll_recv(context).map(|piece| Some(piece?.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
            Self::Streamed(_) => SizeHint::default(),
        }
    }
}
