//! A way to Redis that can be cut, and that can be long.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Passes bytes on between clients and a server, until it is cut.
pub(crate) struct Proxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    is_cut: AtomicBool,
    /// How long each piece is on its way, in milliseconds.
    delay: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    pub(crate) fn start(socket: &Path) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::<State>::default();
        let (shared, socket) = (Arc::clone(&state), socket.to_owned());
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if !shared.is_cut.load(Ordering::Relaxed) {
                    shared.open.lock().unwrap().push(client.try_clone().unwrap());
                    pass_on(client, &socket, &shared);
                }
            }
        });
        Self { port, state }
    }

    pub(crate) fn url(&self, prefix: &str) -> String {
        format!("redis://127.0.0.1:{}?prefix={prefix}", self.port)
    }

    pub(crate) fn cut(&self) {
        self.state.is_cut.store(true, Ordering::Relaxed);
        for open in self.state.open.lock().unwrap().drain(..) {
            let _ = open.shutdown(Shutdown::Both);
        }
    }

    pub(crate) fn mend(&self) {
        self.state.is_cut.store(false, Ordering::Relaxed);
    }

    pub(crate) fn delay(&self, delay: Duration) {
        self.state.delay.store(u64::try_from(delay.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

fn pass_on(client: TcpStream, socket: &PathBuf, state: &Arc<State>) {
    let Ok(server) = UnixStream::connect(socket) else { return };
    let (mut from_client, mut to_client) = (client.try_clone().unwrap(), client);
    let (mut from_server, mut to_server) = (server.try_clone().unwrap(), server);
    let (there, back) = (Arc::clone(state), Arc::clone(state));
    thread::spawn(move || {
        copy(&mut from_client, &mut to_server, &there);
        let _ = to_server.shutdown(Shutdown::Both);
    });
    thread::spawn(move || {
        copy(&mut from_server, &mut to_client, &back);
        let _ = to_client.shutdown(Shutdown::Both);
    });
}

fn copy(from: &mut impl Read, to: &mut impl Write, state: &State) {
    let mut bytes = [0; 4096];
    while let Ok(many @ 1..) = from.read(&mut bytes) {
        // The way is as long as the test says: it is no wait for something to happen.
        thread::sleep(Duration::from_millis(state.delay.load(Ordering::Relaxed)));
        if to.write_all(&bytes[..many]).is_err() {
            return;
        }
    }
}
