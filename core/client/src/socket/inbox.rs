//! What has come over a socket, frame by frame.
//!
//! A quiet socket holds no buffer: ten thousand of them would hold ten thousand. While frames pour in, one large buffer
//! takes many at a time.

use std::io::{self, Cursor};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// How much is read at a time from a quiet socket. It is on the stack, so a socket that waits holds none of it.
const SMALL: usize = 4 * 1024;

/// How much is read at a time while many frames come.
const LARGE: usize = 128 * 1024;

/// What was read and not taken yet.
#[derive(Default)]
pub(super) struct Inbox {
    /// Empty while the socket is quiet.
    bytes: Vec<u8>,
    /// The part of it that was not taken yet.
    held: Range<usize>,
    pouring: bool,
}

/// The next frame, as its head describes it.
pub(super) struct Next {
    header: FrameHeader,
    /// The bytes of its head.
    pub(super) head: usize,
    /// The bytes behind that.
    pub(super) payload: usize,
}

impl Next {
    /// How many bytes it has.
    pub(super) fn whole(&self) -> usize {
        self.head.saturating_add(self.payload)
    }

    /// Whether it is a text in one frame, as a server may send it.
    pub(super) fn is_text(&self) -> bool {
        let FrameHeader { is_final, rsv1, rsv2, rsv3, opcode, mask } = &self.header;
        *is_final && !(rsv1 | rsv2 | rsv3) && *opcode == OpCode::Data(Data::Text) && mask.is_none()
    }

    /// Whether it is the last frame of its message; `None` if it is no part of one.
    pub(super) fn is_last_piece(&self) -> Option<bool> {
        matches!(self.header.opcode, OpCode::Data(_)).then_some(self.header.is_final)
    }
}

impl Inbox {
    /// What is here, from the next frame on.
    pub(super) fn held(&self) -> &[u8] {
        &self.bytes[self.held.clone()]
    }

    /// So many bytes are done with.
    pub(super) fn take(&mut self, count: usize) {
        self.held.start += count;
        if self.held.is_empty() && !self.pouring {
            self.give_back();
        }
    }

    /// Returns the next frame; `None` if not even its head is here.
    pub(super) fn next(&self) -> Result<Option<Next>, tungstenite::Error> {
        let mut cursor = Cursor::new(self.held());
        let Some((header, length)) = FrameHeader::parse(&mut cursor)? else {
            return Ok(None);
        };
        let head = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
        let payload = usize::try_from(length).unwrap_or(usize::MAX);
        Ok(Some(Next { header, head, payload }))
    }

    /// Reads more of a frame that has so many bytes, as far as is known. `false` at the end of the stream.
    pub(super) fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        frame: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        match self.pouring {
            true => self.poll_large(stream, frame, cx),
            false => self.poll_small(stream, cx),
        }
    }

    /// Reads from a quiet stream.
    fn poll_small<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        let mut room = [MaybeUninit::uninit(); SMALL];
        let mut room = ReadBuf::uninit(&mut room);
        ready!(Pin::new(stream).poll_read(cx, &mut room))?;
        // The room is full, so there may be much more.
        self.pouring = room.remaining() == 0;
        self.bytes.drain(..self.held.start);
        self.bytes.extend_from_slice(room.filled());
        self.held = 0..self.bytes.len();
        Poll::Ready(Ok(!room.filled().is_empty()))
    }

    /// Fills the large buffer.
    fn poll_large<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        frame: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        self.bytes.copy_within(self.held.clone(), 0);
        self.held = 0..self.held.len();
        // The length that a frame's head says is believed as far as its bytes come.
        let room = frame.min(2 * self.held.len()).max(LARGE);
        if self.bytes.len() < room {
            self.bytes.resize(room, 0); // Only once in a while of pouring.
        }
        let mut room = ReadBuf::new(&mut self.bytes[self.held.end..]);
        let polled = Pin::new(stream).poll_read(cx, &mut room);
        let filled = room.filled().len();
        self.held.end += filled;
        if polled.is_pending() {
            self.pouring = false;
            self.give_back();
        }
        ready!(polled)?;
        Poll::Ready(Ok(filled > 0))
    }

    /// The memory that it holds, in bytes.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Keeps the part of a frame that waits for the rest of it.
    fn give_back(&mut self) {
        self.bytes = self.held().to_vec();
        self.held = 0..self.bytes.len();
    }
}
