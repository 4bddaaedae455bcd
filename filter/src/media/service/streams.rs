//! How many files are on their way to each client. A stream lasts for minutes and costs no work: without a bound, one slow client could take all
//! connections that the proxy in front makes to the service.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::media::limit::Client;

/// Files on their way to one client. A browser opens six connections to a host, or a hundred streams on one; a household has a few of them.
pub(super) const MAX_STREAMS: usize = 64;

/// The streams of all clients. Holds those only who have one, so it is bounded as connections are.
#[derive(Clone, Debug, Default)]
pub(super) struct Streams(Arc<Mutex<HashMap<Client, usize>>>);

/// One stream, until this is dropped.
#[derive(Debug)]
pub(super) struct Stream {
    all: Streams,
    client: Client,
}

impl Streams {
    /// One more for a client, if it may have it.
    pub(super) fn begin(&self, client: Client) -> Option<Stream> {
        let mut counts = self.counts();
        let count = counts.entry(client).or_default();
        if *count >= MAX_STREAMS {
            return None;
        }
        *count = count.saturating_add(1);
        drop(counts);
        Some(Stream { all: self.clone(), client })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Client, usize>> {
        // No step leaves it half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut counts = self.all.counts();
        let left = counts.get_mut(&self.client).map(|count| {
            *count = count.saturating_sub(1);
            *count
        });
        if left == Some(0) {
            counts.remove(&self.client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_its_own() {
        let streams = Streams::default();
        let client = |last| Client::new([192, 0, 2, last].into());
        let mut open: Vec<Stream> = (0..MAX_STREAMS).filter_map(|_| streams.begin(client(1))).collect();
        assert_eq!(open.len(), MAX_STREAMS);
        assert!(streams.begin(client(1)).is_none());
        assert!(streams.begin(client(2)).is_some());
        open.pop();
        assert!(streams.begin(client(1)).is_some());
        drop(open);
        assert!(streams.counts().is_empty());
    }
}
