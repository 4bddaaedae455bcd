//! Files in memory, until a worker has made a picture of them: many large ones at once must not fill it.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What each request may hold in any case, in bytes: most pictures. Whoever fills the room for large files does not keep others from small ones.
const FREE: usize = 1024 * 1024;
/// What all of them may hold beyond that, in bytes.
const ROOM: usize = 256 * 1024 * 1024;
/// The room is counted in pieces of so many bytes.
const PIECE: usize = 64 * 1024;

/// The room for the files of all requests.
#[derive(Clone, Debug)]
pub(super) struct Room(Arc<Semaphore>);

/// There is no room for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// A file that is coming in.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes: BytesMut,
    room: Room,
    held: Held,
}

/// What a file takes of the room, until this is dropped.
#[derive(Debug, Default)]
pub(super) struct Held(Option<OwnedSemaphorePermit>);

impl Default for Room {
    fn default() -> Self {
        Self::new(ROOM)
    }
}

impl Room {
    fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes / PIECE)))
    }

    /// An empty buffer.
    pub(super) fn buffer(&self) -> Buffer {
        Buffer { bytes: BytesMut::new(), room: self.clone(), held: Held::default() }
    }
}

impl Buffer {
    /// What has come.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// More of the file.
    ///
    /// # Errors
    /// [`Full`].
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), Full> {
        let beyond = self.bytes.len().saturating_add(piece.len()).saturating_sub(FREE);
        let wanted = beyond.div_ceil(PIECE).saturating_sub(self.held.pieces());
        if wanted > 0 {
            let more = u32::try_from(wanted).map_err(|_| Full)?;
            let more = Arc::clone(&self.room.0).try_acquire_many_owned(more).map_err(|_| Full)?;
            match &mut self.held.0 {
                Some(held) => held.merge(more),
                none => *none = Some(more),
            }
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// The file, and what it takes of the room.
    pub(super) fn finish(self) -> (Bytes, Held) {
        (self.bytes.freeze(), self.held)
    }
}

impl Held {
    fn pieces(&self) -> usize {
        self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_files_need_no_room() {
        let room = Room::new(0);
        let mut buffer = room.buffer();
        assert_eq!(buffer.push(&vec![1; FREE]), Ok(()));
        assert_eq!(buffer.push(b"x"), Err(Full));
        assert_eq!((buffer.push(b""), buffer.finish().0.len()), (Ok(()), FREE));
    }

    #[test]
    fn large_ones_share_it_and_give_it_back() {
        let room = Room::new(4 * PIECE);
        let filled = |bytes: usize| {
            let mut buffer = room.buffer();
            let mut pushed = Ok(());
            for _ in 0..bytes / 1024 {
                pushed = pushed.and_then(|()| buffer.push(&[1; 1024]));
            }
            (pushed, buffer)
        };
        let (pushed, first) = filled(FREE + 3 * PIECE);
        assert_eq!((pushed, first.held.pieces()), (Ok(()), 3));
        let (pushed, second) = filled(FREE + PIECE + 1024);
        assert_eq!((pushed, second.held.pieces(), second.bytes().len()), (Err(Full), 1, FREE + PIECE));
        let (bytes, held) = first.finish();
        drop(bytes);
        assert_eq!(filled(FREE + 2 * PIECE).0, Err(Full));
        drop((held, second));
        assert_eq!(filled(FREE + 4 * PIECE).0, Ok(()));
    }
}
