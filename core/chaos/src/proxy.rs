//! A proxy between the client and the emulator that breaks what it carries.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secondme_avatar_simulation::Chance;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::answers::Requests;
use crate::frames::Frames;
use crate::plan::Plan;

/// A TCP proxy that breaks connections as the seed decides.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    service: SocketAddr,
    chance: Mutex<Chance>,
    per_mille: AtomicU32,
    down: AtomicBool,
    /// Changes when all connections are cut.
    cuts: watch::Sender<u64>,
    met: Mutex<BTreeMap<&'static str, u64>>,
}

impl FaultProxy {
    /// Starts a proxy for this service.
    pub async fn start(service: SocketAddr, seed: u64) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            service,
            chance: Mutex::new(Chance::new(seed)),
            per_mille: AtomicU32::new(0),
            down: AtomicBool::new(false),
            cuts: watch::Sender::new(0),
            met: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&accepting);
                tokio::spawn(async move {
                    let mut cuts = shared.cuts.subscribe();
                    tokio::select! {
                        // The end of a connection has ended it for both sides.
                        _ = shared.carry(stream) => {}
                        _ = cuts.changed() => {}
                    }
                });
            }
        });
        Ok(Self { address, shared })
    }

    /// The base URL for a client.
    pub fn base_url(&self) -> String {
        format!("http://{}/gate/in", self.address)
    }

    /// Sets in how many of a thousand new connections something happens.
    pub fn weather(&self, per_mille: u32) {
        self.shared.per_mille.store(per_mille, Ordering::Relaxed);
    }

    /// Makes the service unreachable, with all its connections, or reachable again.
    pub fn down(&self, down: bool) {
        self.shared.down.store(down, Ordering::Relaxed);
        if down {
            self.cut_all();
        }
    }

    /// Cuts all connections.
    pub fn cut_all(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// How often each fault has struck.
    pub fn met(&self) -> BTreeMap<&'static str, u64> {
        self.shared.met.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    async fn carry(&self, client: TcpStream) -> std::io::Result<()> {
        if self.down.load(Ordering::Relaxed) {
            self.meet(&Plan::Refused);
            reset(&client);
            return Ok(());
        }
        let service = TcpStream::connect(self.service).await?;
        client.set_nodelay(true)?;
        service.set_nodelay(true)?;
        let mut pipe = Pipe { client, service, requests: Requests::default(), frames: Frames::default() };
        // A connection lives long, so faults are drawn repeatedly.
        loop {
            let (plan, patience) = self.draw();
            match pipe.flow(&plan, Instant::now() + patience).await? {
                Flow::On => {}
                Flow::Struck => {
                    self.meet(&plan);
                    if pipe.strike(&plan).await? == Flow::Ended {
                        return Ok(());
                    }
                }
                Flow::Ended => return Ok(()),
            }
        }
    }

    fn draw(&self) -> (Plan, Duration) {
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = Plan::draw(&mut chance, self.per_mille.load(Ordering::Relaxed));
        (plan, chance.millis(&[100, 300, 900, 2_000]))
    }

    fn meet(&self, plan: &Plan) {
        if let Some(name) = plan.name() {
            *self.met.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
        }
    }
}

/// One connection, both sides.
struct Pipe {
    client: TcpStream,
    service: TcpStream,
    requests: Requests,
    frames: Frames,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// It continues.
    On,
    /// The moment of the fault has come.
    Struck,
    /// It is over.
    Ended,
}

impl Pipe {
    /// Carries both directions until the fault strikes, or until another one is to be drawn.
    async fn flow(&mut self, plan: &Plan, until: Instant) -> std::io::Result<Flow> {
        let (mut there, mut back) = (plan.bytes_there(), plan.bytes_back());
        let request = self.requests.whole;
        let frame = self.frames.whole;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return Ok(Flow::On),
                ready = self.client.readable() => {
                    ready?;
                    let mut bytes = [0; 8 * 1024];
                    let most = there.unwrap_or(usize::MAX).min(bytes.len());
                    let Some(read) = try_read(&self.client, &mut bytes[..most])? else { continue };
                    let bytes = &bytes[..read];
                    if read == 0 {
                        return Ok(Flow::Ended);
                    }
                    let answered = match plan {
                        Plan::Answer(_, skip, _) => self.requests.take(bytes, request + skip),
                        _ => self.requests.take(bytes, u64::MAX - 1),
                    };
                    if let (Some(end), Plan::Answer(_, _, with_effect)) = (answered, plan) {
                        if *with_effect {
                            self.service.write_all(&bytes[..end]).await?;
                        }
                        return Ok(Flow::Struck);
                    }
                    self.service.write_all(bytes).await?;
                    if let Some(there) = &mut there {
                        *there -= read;
                        if *there == 0 {
                            return Ok(Flow::Struck);
                        }
                    }
                }
                ready = self.service.readable() => {
                    ready?;
                    let mut bytes = [0; 8 * 1024];
                    let most = back.unwrap_or(usize::MAX).min(bytes.len());
                    let Some(read) = try_read(&self.service, &mut bytes[..most])? else { continue };
                    let bytes = &bytes[..read];
                    if read == 0 {
                        return Ok(Flow::Ended);
                    }
                    let framed = match plan {
                        Plan::Frame(_, skip) => self.frames.take(bytes, frame + skip),
                        _ => self.frames.take(bytes, u64::MAX - 1),
                    };
                    if let (Some(end), Plan::Frame(oddity, _)) = (framed, plan) {
                        self.client.write_all(&bytes[..end]).await?;
                        // A client that refuses the frame hangs up in the middle of it.
                        let refused = self.client.write_all(&oddity.frame()).await.is_err();
                        if !refused {
                            self.client.write_all(&bytes[end..]).await?;
                        }
                        return Ok(Flow::Struck);
                    }
                    self.client.write_all(bytes).await?;
                    if let Some(back) = &mut back {
                        *back -= read;
                        if *back == 0 {
                            return Ok(Flow::Struck);
                        }
                    }
                }
            }
        }
    }

    /// Applies the fault.
    async fn strike(&mut self, plan: &Plan) -> std::io::Result<Flow> {
        match plan {
            Plan::Clean | Plan::Frame(..) => Ok(Flow::On),
            Plan::Stall(_, time) => {
                tokio::time::sleep(*time).await;
                Ok(Flow::On)
            }
            Plan::CutThere(_) | Plan::CutBack(_) => Ok(Flow::Ended),
            Plan::Reset(_) | Plan::Refused => {
                reset(&self.client);
                Ok(Flow::Ended)
            }
            Plan::HalfOpen(_) => self.swallow().await,
            Plan::Trickle(pause) => self.trickle(*pause).await,
            Plan::Answer(foreign, _, with_effect) => {
                if *with_effect {
                    // The service has acted once it answers.
                    let _ = self.service.read(&mut [0; 1024]).await?;
                }
                self.client.write_all(foreign.answer()).await?;
                self.client.shutdown().await?;
                Ok(Flow::Ended)
            }
        }
    }

    /// Reads everything from both sides and forwards nothing.
    async fn swallow(&mut self) -> std::io::Result<Flow> {
        let (mut there, mut back) = ([0; 4096], [0; 4096]);
        loop {
            let read = tokio::select! {
                read = self.client.read(&mut there) => read?,
                read = self.service.read(&mut back) => read?,
            };
            // If one side gives up, the connection is over for both.
            if read == 0 {
                return Ok(Flow::Ended);
            }
        }
    }

    /// The service's bytes come one by one, for the rest of its life.
    async fn trickle(&mut self, pause: Duration) -> std::io::Result<Flow> {
        let (mut from, mut to) = self.client.split();
        let (mut back_from, mut back_to) = self.service.split();
        let back = async {
            let mut byte = [0; 1];
            while back_from.read(&mut byte).await? > 0 {
                to.write_all(&byte).await?;
                tokio::time::sleep(pause).await;
            }
            Ok::<(), std::io::Error>(())
        };
        tokio::select! {
            carried = tokio::io::copy(&mut from, &mut back_to) => carried.map(drop),
            carried = back => carried,
        }?;
        Ok(Flow::Ended)
    }
}

/// Reads what there is; nothing, if the readiness was spurious.
fn try_read(stream: &TcpStream, bytes: &mut [u8]) -> std::io::Result<Option<usize>> {
    match stream.try_read(bytes) {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// The other side gets a reset, not an end.
fn reset(stream: &TcpStream) {
    // If the system cannot, it gets an end.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
