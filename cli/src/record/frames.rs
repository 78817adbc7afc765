//! Reads the frames of a WebSocket out of the bytes that pass (RFC 6455). It only looks: the bytes go on as they are.

/// How much of a message is kept; the rest is counted.
const KEPT: usize = 256 * 1024;

/// What passed in one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) opcode: Opcode,
    /// The payload, unmasked; its beginning where it is long.
    pub(super) payload: Vec<u8>,
    /// How long the payload was.
    pub(super) length: u64,
    /// In how many frames it came.
    pub(super) frames: u32,
    /// An extension has changed the payload, so it cannot be read here.
    pub(super) is_extended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opcode {
    Text,
    Binary,
    Close,
    Ping,
    Pong,
    /// None that exists.
    Unknown(u8),
}

/// Puts the messages of one direction together.
#[derive(Debug, Default)]
pub(super) struct Reader {
    header: Vec<u8>,
    frame: Option<Frame>,
    /// The message that is coming in, without the control frames in between.
    message: Option<Message>,
}

#[derive(Debug)]
struct Frame {
    message: Message,
    is_last: bool,
    is_continuation: bool,
    mask: Option<[u8; 4]>,
    left: u64,
    seen: usize,
}

impl Reader {
    /// Takes the next bytes, and says which messages they complete.
    pub(super) fn read(&mut self, mut bytes: &[u8], mut tell: impl FnMut(Message)) {
        loop {
            let Some(frame) = &mut self.frame else {
                let Some((&first, rest)) = bytes.split_first() else {
                    return;
                };
                bytes = rest;
                self.header.push(first);
                self.frame = Frame::begin(&self.header);
                if self.frame.is_some() {
                    self.header.clear();
                }
                continue;
            };
            let now = usize::try_from(frame.left).map_or(bytes.len(), |left| left.min(bytes.len()));
            let (these, rest) = bytes.split_at(now);
            bytes = rest;
            frame.take(these);
            if frame.left > 0 {
                return;
            }
            if let Some(message) = self.frame.take().and_then(|frame| self.end(frame)) {
                tell(message);
            }
        }
    }

    /// What a whole frame completes.
    fn end(&mut self, frame: Frame) -> Option<Message> {
        let mut message = frame.message;
        if frame.is_continuation
            && let Some(begun) = self.message.take()
        {
            let room = KEPT.saturating_sub(begun.payload.len());
            message.payload.truncate(room);
            message = Message {
                payload: [begun.payload, message.payload].concat(),
                length: begun.length.saturating_add(message.length),
                frames: begun.frames.saturating_add(1),
                ..begun
            };
        }
        if frame.is_last {
            return Some(message);
        }
        self.message = Some(message);
        None
    }
}

impl Frame {
    /// The frame of a whole header. `None` if it is not whole yet.
    fn begin(header: &[u8]) -> Option<Self> {
        let (first, second) = (*header.first()?, *header.get(1)?);
        let extended = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let masked = second & 0x80 != 0;
        if header.len() < 2 + extended + if masked { 4 } else { 0 } {
            return None;
        }
        let length = match extended {
            0 => u64::from(second & 0x7f),
            _ => header[2..2 + extended].iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
        };
        let mask = masked.then(|| [0, 1, 2, 3].map(|at| header[2 + extended + at]));
        let opcode = match first & 0x0f {
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            other => Opcode::Unknown(other),
        };
        let is_extended = first & 0x70 != 0;
        let message = Message { opcode, payload: Vec::new(), length, frames: 1, is_extended };
        let (is_last, is_continuation) = (first & 0x80 != 0, opcode == Opcode::Unknown(0));
        Some(Self { message, is_last, is_continuation, mask, left: length, seen: 0 })
    }

    fn take(&mut self, bytes: &[u8]) {
        self.left -= bytes.len() as u64;
        let room = KEPT.saturating_sub(self.message.payload.len());
        let mask = self.mask.unwrap_or_default();
        let seen = self.seen;
        let plain = bytes.iter().take(room).enumerate().map(|(at, byte)| byte ^ mask[(seen + at) % 4]);
        self.message.payload.extend(plain);
        self.seen = (seen + bytes.len()) % 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        let bit = if mask.is_some() { 0x80 } else { 0 };
        match payload.len() {
            length @ 0..126 => bytes.push(bit | length as u8),
            length @ 126..65_536 => {
                bytes.push(bit | 126);
                bytes.extend((length as u16).to_be_bytes());
            }
            length => {
                bytes.push(bit | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.extend(mask.unwrap_or_default().iter().take(if mask.is_some() { 4 } else { 0 }));
        bytes.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask.unwrap_or_default()[at % 4]));
        bytes
    }

    fn read(bytes: &[u8], at_once: usize) -> Vec<Message> {
        let (mut reader, mut told) = (Reader::default(), Vec::new());
        bytes.chunks(at_once).for_each(|bytes| reader.read(bytes, |message| told.push(message)));
        told
    }

    #[test]
    fn messages_are_the_same_however_the_bytes_come() {
        let mask = Some([1, 2, 3, 250]);
        let long = vec![b'x'; 70_000];
        let bytes = [
            frame(0x81, mask, b"Hello"),
            frame(0x01, mask, b"Hel"),
            frame(0x89, mask, b"ping"),
            frame(0x80, Some([9; 4]), b"lo"),
            frame(0x81, None, b""),
            frame(0x82, mask, &long),
            frame(0xc1, None, &[7; 200]),
            frame(0x88, mask, &[3, 232, b'b', b'y', b'e']),
        ]
        .concat();
        let told = read(&bytes, bytes.len());
        let texts: Vec<_> = told.iter().map(|it| (it.opcode, it.length, it.frames, it.is_extended)).collect();
        assert_eq!(
            texts,
            [
                (Opcode::Text, 5, 1, false),
                (Opcode::Ping, 4, 1, false),
                (Opcode::Text, 5, 2, false),
                (Opcode::Text, 0, 1, false),
                (Opcode::Binary, 70_000, 1, false),
                (Opcode::Text, 200, 1, true),
                (Opcode::Close, 5, 1, false),
            ]
        );
        assert_eq!(
            (told[0].payload.as_slice(), told[2].payload.as_slice()),
            (b"Hello".as_slice(), b"Hello".as_slice())
        );
        assert_eq!(told[4].payload, long);
        for at_once in [1, 2, 3, 7, 4_096] {
            assert_eq!(read(&bytes, at_once), told, "{at_once}");
        }
    }

    #[test]
    fn a_message_without_end_costs_no_more_than_what_is_kept() {
        let mut reader = Reader::default();
        let header = [0x01, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255];
        reader.read(&header, |_| panic!("it is not whole"));
        for _ in 0..100 {
            reader.read(&[b'x'; 16_384], |_| panic!("it is not whole"));
        }
        assert_eq!(reader.frame.as_ref().unwrap().message.payload.len(), KEPT);
        let mut reader = Reader::default();
        reader.read(&frame(0x01, None, &[b'x'; 200_000]), |_| panic!("it is not whole"));
        for _ in 0..10 {
            reader.read(&frame(0x00, None, &[b'x'; 200_000]), |_| panic!("it is not whole"));
        }
        assert_eq!(reader.message.as_ref().unwrap().payload.len(), KEPT);
        assert_eq!(reader.message.as_ref().unwrap().length, 11 * 200_000);
    }

    #[test]
    fn garbage_is_read_as_something_and_does_no_harm() {
        let garbage: Vec<u8> =
            (0..50_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        read(&garbage, 999);
    }
}
