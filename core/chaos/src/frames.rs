//! The service's frames: where one ends and another can be inserted.

use crate::plan::Oddity;

/// Follows what the service sends over a socket, beginning with the answer to the handshake.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    head: Vec<u8>,
    /// The handshake is done.
    open: bool,
    /// How many bytes of the current frame's payload are still to come.
    payload: u64,
    /// How many frames were complete.
    pub(crate) whole: u64,
}

impl Frames {
    /// Takes bytes. Returns the end of the frame after the first `skip` ones, if it ends here.
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

/// The length of a frame's payload, once its head is complete. A server does not mask.
fn length(head: &[u8]) -> Option<u64> {
    match head {
        [_, short @ 0..=125, ..] => Some(u64::from(*short)),
        [_, 126, high, low, ..] => Some(u64::from(u16::from_be_bytes([*high, *low]))),
        [_, 127, long @ ..] => Some(u64::from_be_bytes(long.try_into().ok()?)),
        _ => None,
    }
}

impl Oddity {
    /// The bytes of the frame.
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
