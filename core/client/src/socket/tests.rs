use futures_util::{FutureExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_tungstenite::WebSocketStream;

use super::*;
use crate::dial::Wire;

const KIB: usize = 1024;

/// A socket, and the other end of its connection.
fn connected() -> (Socket, DuplexStream) {
    let (near, far) = tokio::io::duplex(32 * 1024 * KIB);
    let near: Box<dyn Wire> = Box::new(near);
    (Socket::new(Transport::Right(near), Inbox::default()), far)
}

/// A frame of a server. `first` is its first byte.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len();
    let length = match length {
        0..126 => vec![u8::try_from(length).unwrap()],
        126..65_536 => [&[126], &u16::try_from(length).unwrap().to_be_bytes()[..]].concat(),
        _ => [&[127], &u64::try_from(length).unwrap().to_be_bytes()[..]].concat(),
    };
    [&[first], &length[..], payload].concat()
}

fn text(text: &str) -> Vec<u8> {
    frame(0x81, text.as_bytes())
}

/// The texts that come before the end, and why it is the end.
type Heard = (Vec<String>, String);

/// What a socket hears that comes in these parts, one after the other was read.
async fn heard(parts: &[&[u8]]) -> Heard {
    let (mut socket, mut far) = connected();
    let mut texts = Vec::new();
    for part in parts {
        far.write_all(part).await.unwrap();
        while let Some(traffic) = poll_fn(|cx| socket.poll(cx, true)).now_or_never() {
            match traffic {
                Traffic::Frames(frames) => texts.extend(frames.iter().map(|raw| raw.as_str().to_owned())),
                Traffic::Closed(cause) => return (texts, cause.to_string()),
            }
        }
    }
    far.shutdown().await.unwrap();
    loop {
        match poll_fn(|cx| socket.poll(cx, true)).await {
            Traffic::Frames(frames) => texts.extend(frames.iter().map(|raw| raw.as_str().to_owned())),
            Traffic::Closed(cause) => return (texts, cause.to_string()),
        }
    }
}

/// What tungstenite hears by itself.
async fn heard_by_tungstenite(bytes: &[u8]) -> Heard {
    let (near, mut far) = tokio::io::duplex(32 * 1024 * KIB);
    let config = config();
    let mut socket = WebSocketStream::from_raw_socket(near, Role::Client, Some(config)).await;
    far.write_all(bytes).await.unwrap();
    far.shutdown().await.unwrap();
    let mut texts = Vec::new();
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => texts.push(text.as_str().to_owned()),
            Some(Ok(Message::Binary(bytes))) => texts.push(readable(&bytes).as_str().to_owned()),
            Some(Ok(Message::Close(frame))) => {
                return (texts, loss::closed_by_peer(frame.as_ref()).to_string());
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return (texts, loss::failed(&error).to_string()),
            None => return (texts, loss::failed(&tungstenite::Error::ConnectionClosed).to_string()),
        }
    }
}

#[tokio::test]
async fn a_socket_hears_what_tungstenite_hears_wherever_the_bytes_are_cut() {
    let split =
        [frame(0x01, b"one "), frame(0x89, b"ping"), frame(0x00, b"two "), frame(0x80, b"three")].concat();
    let streams = [
        [text("a"), text(""), text("\u{e9}\u{1f600}"), text(&"x".repeat(200))].concat(),
        [split.clone(), text("behind")].concat(),
        [text("a"), frame(0x88, &[&1012_u16.to_be_bytes()[..], b"bye"].concat()), text("behind")].concat(),
        [text("a"), frame(0x88, b""), text("behind")].concat(),
        [frame(0x82, &[0xff, b'a']), frame(0x8a, b"pong"), frame(0x89, &[1; 125])].concat(),
        // What is no WebSocket frame, or not here.
        [text("a"), frame(0x81, &[0xff])].concat(),
        [frame(0x01, &[0xc3]), frame(0x80, &[0xa9]), frame(0x01, &[0xc3]), frame(0x80, b"a")].concat(),
        [text("a"), frame(0xc1, b"reserved")].concat(),
        [text("a"), frame(0x83, b"unknown")].concat(),
        [text("a"), vec![0x81, 0x81, 1, 2, 3, 4, 5]].concat(),
        [frame(0x01, b"one"), text("another")].concat(),
        [text("a"), frame(0x80, b"nothing to go on with")].concat(),
        [text("a"), frame(0x09, b"a ping in parts")].concat(),
        [text("a"), frame(0x89, &[1; 126])].concat(),
        // The stream ends within a frame.
        text("a frame")[..5].to_vec(),
        [split[..split.len() - 2].to_vec()].concat(),
        vec![0x81, 126, 1],
    ];
    for bytes in &streams {
        let alone = heard_by_tungstenite(bytes).await;
        for cut in 0..=bytes.len() {
            let (before, behind) = bytes.split_at(cut);
            assert_eq!(heard(&[before, behind]).await, alone, "{bytes:?} cut after {cut}");
        }
    }
}

#[tokio::test]
async fn long_texts_are_heard_up_to_the_longest_and_leave_no_buffer_behind() {
    let longest = "x".repeat(FRAME_BYTES);
    let pieces: Vec<_> = longest.as_bytes().chunks(64 * KIB).map(|piece| frame(0x00, piece)).collect();
    let (mut socket, mut far) = connected();
    for bytes in [
        text(&"x".repeat(32 * KIB)),
        text(&longest),
        [frame(0x01, b""), pieces.concat(), frame(0x80, b"")].concat(),
        text("short").repeat(10_000),
    ] {
        far.write_all(&bytes).await.unwrap();
        let mut heard = 0;
        while let Some(Traffic::Frames(frames)) = poll_fn(|cx| socket.poll(cx, true)).now_or_never() {
            heard += frames.iter().map(|raw| raw.as_str().len()).sum::<usize>();
        }
        assert!([32 * KIB, FRAME_BYTES, 50_000].contains(&heard), "{heard}");
        assert_eq!(socket.inbox.capacity(), 0, "a quiet socket holds no buffer");
    }
    // One byte more is too long, whole or in pieces, and its head is enough to say so.
    let too_long = [&[0x81, 127], &(FRAME_BYTES as u64 + 1).to_be_bytes()[..]].concat();
    let pieces = [frame(0x01, b"x"), pieces.concat()].concat();
    for bytes in [too_long, pieces] {
        let (texts, cause) = heard(&[&bytes]).await;
        assert_eq!((texts.len(), &cause), (0, &heard_by_tungstenite(&bytes).await.1));
        assert!(cause.contains("too long"), "{cause}");
    }
}

#[tokio::test]
async fn what_is_sent_is_masked_and_a_ping_and_a_close_frame_are_answered() {
    let (mut socket, mut far) = connected();
    let mut server = Vec::new();
    socket.send("one".to_owned());
    socket.send("two".to_owned());
    far.write_all(&[frame(0x89, b"ping"), frame(0x88, &1000_u16.to_be_bytes())].concat()).await.unwrap();
    assert!(matches!(poll_fn(|cx| socket.poll(cx, true)).await, Traffic::Closed(_)));
    let closing = tokio::spawn(socket.close());
    far.shutdown().await.unwrap();
    closing.await.unwrap();
    far.read_to_end(&mut server).await.unwrap();
    let (server, mut answers) = (&server[..], Vec::new());
    let mut server = tungstenite::WebSocket::from_raw_socket(
        Pipe { incoming: server, is_end: true, outgoing: &mut answers },
        Role::Server,
        None,
    );
    let said: Vec<Message> = std::iter::from_fn(|| server.read().ok()).collect();
    let [Message::Text(one), Message::Text(two), Message::Pong(pong), Message::Close(Some(_))] = &said[..]
    else {
        panic!("{said:?}");
    };
    assert_eq!((one.as_str(), two.as_str(), &pong[..]), ("one", "two", &b"ping"[..]));
}

#[tokio::test]
async fn a_socket_that_is_not_read_by_the_other_side_reads_no_more_itself() {
    let (near, mut far) = tokio::io::duplex(KIB);
    let near: Box<dyn Wire> = Box::new(near);
    let mut socket = Socket::new(Transport::Right(near), Inbox::default());
    far.write_all(&text("unread")).await.unwrap();
    for _ in 0..BACKLOG / KIB + 4 {
        socket.send("x".repeat(KIB));
    }
    assert!(poll_fn(|cx| socket.poll(cx, true)).now_or_never().is_none());
    // Once enough is read there, what has come is read here.
    let (mut reader, _writer) = tokio::io::split(far);
    let reading = tokio::spawn(async move {
        let mut sink = Vec::new();
        reader.read_to_end(&mut sink).await.unwrap();
        sink.len()
    });
    let Traffic::Frames(frames) = poll_fn(|cx| socket.poll(cx, true)).await else { panic!("closed") };
    assert_eq!(frames[0].as_str(), "unread");
    while socket.outbox.len() > 0 {
        let _ = poll_fn(|cx| socket.poll(cx, true)).now_or_never();
        tokio::task::yield_now().await;
    }
    drop(socket);
    assert!(reading.await.unwrap() > BACKLOG);
}
