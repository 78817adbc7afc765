//! Connections that are reset while TLS is being agreed on, or soon after.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Passes on to `behind`, and resets each of the first connections after so many bytes, of both ways together.
pub(crate) struct Resetting {
    pub(crate) address: SocketAddr,
    done: Arc<AtomicUsize>,
}

impl Resetting {
    pub(crate) async fn front(behind: SocketAddr, connections: usize, bytes: usize) -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let address = SocketAddr::from(([0, 0, 0, 0], listener.local_addr().unwrap().port()));
        let done = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&done);
        tokio::spawn(async move {
            let mut left = connections;
            while let Ok((near, _)) = listener.accept().await {
                let limit = if left > 0 { bytes } else { usize::MAX };
                left = left.saturating_sub(1);
                let counted = Arc::clone(&counted);
                tokio::spawn(async move {
                    if pass(near, behind, limit).await.is_some() {
                        counted.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        Self { address, done }
    }

    /// How many connections were reset.
    pub(crate) fn resets(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }
}

/// `Some`: the limit was reached, and the connection reset.
async fn pass(mut near: TcpStream, behind: SocketAddr, mut left: usize) -> Option<()> {
    let mut far = TcpStream::connect(behind).await.ok()?;
    let (mut there, mut back) = ([0; 4096], [0; 4096]);
    while left > 0 {
        let (there_room, back_room) = (left.min(4096), left.min(4096));
        tokio::select! {
            read = near.read(&mut there[..there_room]) => {
                let read = read.ok().filter(|read| *read > 0)?;
                far.write_all(&there[..read]).await.ok()?;
                left -= read;
            }
            read = far.read(&mut back[..back_room]) => {
                let read = read.ok().filter(|read| *read > 0)?;
                near.write_all(&back[..read]).await.ok()?;
                left -= read;
            }
        }
    }
    SockRef::from(&near).set_linger(Some(Duration::ZERO)).ok()
}
