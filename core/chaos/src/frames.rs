//! The service's frames on their way: where one ends and another could begin.

use crate::plan::Oddity;

/// Follows what a service sends over a socket, from the answer to the handshake on.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    head: Vec<u8>,
    /// The handshake is over.
    open: bool,
    /// Of the present frame's payload, how many bytes are still to come.
    payload: u64,
    /// Frames that were complete.
    pub(crate) whole: u64,
}

impl Frames {
    /// Takes what came. Says behind which byte the frame after the first `skip` ones ends, if it does so here.
    pub(crate) fn take(&mut self, bytes: &[u8], skip: u64) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            if self.payload > 0 {
                self.payload -= 1;
            } else {
                self.head.push(*byte);
                if !self.open {
                    if self.head.ends_with(b"\r\n\r\n") {
                        self.open = self.head.starts_with(b"HTTP/1.1 101");
                        self.head.clear();
                    }
                    continue;
                }
                let Some(length) = length(&self.head) else {
                    continue;
                };
                self.payload = length;
                self.head.clear();
            }
            if self.payload == 0 {
                self.whole += 1;
                if self.whole == skip + 1 {
                    return Some(at + 1);
                }
            }
        }
        None
    }
}

/// How long the payload of a frame is, once its head is complete. A service masks nothing.
fn length(head: &[u8]) -> Option<u64> {
    match head {
        [_, short @ 0..=125, ..] => Some(u64::from(*short)),
        [_, 126, high, low, ..] => Some(u64::from(u16::from_be_bytes([*high, *low]))),
        [_, 127, long @ ..] => Some(u64::from_be_bytes(long.try_into().ok()?)),
        _ => None,
    }
}

impl Oddity {
    /// The frame, as it goes over the wire.
    pub(crate) fn frame(self) -> Vec<u8> {
        match self {
            Self::Huge => {
                let payload = vec![b'a'; 10 * 1024 * 1024];
                [&[0x81, 127][..], &(payload.len() as u64).to_be_bytes(), &payload].concat()
            }
            Self::NotText => vec![0x81, 3, 0xff, 0xfe, 0xfd],
            Self::ForeignSocket => {
                let text = r#"{"type":"msg","wsId":"ws:another","sender":"umm","index":-1,"messageId":"foreign",
                    "seqId":"foreign","multipleData":[{"modal":{"answer":"not for you"}}]}"#;
                let mut frame = vec![0x81, 126];
                frame.extend((text.len() as u16).to_be_bytes());
                frame.extend(text.as_bytes());
                frame
            }
        }
    }
}
