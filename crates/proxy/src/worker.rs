//! One worker: a thread with a single-threaded runtime, its own sockets and its own pools.

use std::cell::Cell;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use agw_runtime::lines::LineWriter;
use arc_swap::ArcSwapOption;
use hyper::rt::Executor;
use rustc_hash::FxHashMap;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinHandle, LocalSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::Passwords;
use crate::connection::{self, Closed, Watches};
use crate::credentials::Via;
use crate::datagram;
use crate::listener::{Listening, Port};
use crate::live::Live;
use crate::redis;
use crate::settings::Limits;
use crate::telemetry::Shard;
use crate::upstream::{Connector, Pool, TlsClients};

/// What the control thread tells a worker.
pub(crate) enum Command {
    /// Take what comes to this socket; it is this worker's own.
    Listen { port: Port, socket: Listening },
    /// Take nothing more on the port; its connections finish what they are doing and close.
    Close { port: Port },
    /// Stop accepting everywhere and let connections finish within the time given.
    Drain { grace: Duration },
}

/// What all workers share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) live: Arc<ArcSwapOption<Live>>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) access_log: LineWriter,
    pub(crate) tls: TlsClients,
    pub(crate) passwords: Arc<Passwords>,
}

/// A worker's own state; never leaves its thread.
pub(crate) struct Worker {
    pub(crate) live: Arc<ArcSwapOption<Live>>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) access_log: LineWriter,
    pub(crate) shard: Arc<Shard>,
    pub(crate) pool: Rc<Pool>,
    pub(crate) connector: Rc<Connector>,
    /// Client connections being served.
    pub(crate) clients: TaskTracker,
    /// Clients whose datagrams are relayed.
    pub(crate) sessions: TaskTracker,
    /// Copies of requests under way to mirrors.
    pub(crate) mirrors: TaskTracker,
    /// Answers whose cost a server is being told.
    pub(crate) debts: TaskTracker,
    pub(crate) redis: redis::Connections,
    pub(crate) watches: Rc<Watches>,
    pub(crate) handshakes: Semaphore,
    pub(crate) passwords: Arc<Passwords>,
    random: Cell<u64>,
}

/// Runs hyper's tasks on the worker's own thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalExec;

impl<F> Executor<F> for LocalExec
where
    F: Future + 'static,
{
    fn execute(&self, future: F) {
        // hyper's per-stream tasks end with their connection, and that one is tracked.
        drop(tokio::task::spawn_local(async move {
            future.await;
        }));
    }
}

impl Worker {
    /// A number nobody can tell from chance in what it is used for (ids, jitter); not for keys.
    pub(crate) fn random(&self) -> u64 {
        let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The connections over which this worker asks for credentials.
    pub(crate) fn via(&self) -> Via<'_> {
        Via {
            pool: &self.pool,
            connector: &self.connector,
        }
    }

    /// Ends client connections that stand still.
    fn watch(&self) {
        self.watches
            .sweep(&self.limits, |why| self.shard.closed(why));
        self.shard.connections(self.watches.len());
    }

    /// Uniform in 0..1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    pub(crate) fn random_unit(&self) -> f64 {
        (self.random() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Runs one worker until it is told to drain and has done so.
pub(crate) fn run(
    shared: Shared,
    shard: Arc<Shard>,
    seed: u64,
    commands: mpsc::Receiver<Command>,
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let upstreams = TaskTracker::new();
    let worker = Rc::new(Worker {
        pool: Rc::new(Pool::new(
            shared.limits.idle_connections,
            shared.limits.idle,
        )),
        connector: Rc::new(Connector::new(shared.tls, shared.limits.connect, upstreams)),
        live: shared.live,
        passwords: shared.passwords,
        watches: Watches::new(),
        handshakes: Semaphore::new(shared.limits.handshakes),
        limits: shared.limits,
        access_log: shared.access_log,
        shard,
        clients: TaskTracker::new(),
        sessions: TaskTracker::new(),
        mirrors: TaskTracker::new(),
        debts: TaskTracker::new(),
        redis: redis::Connections::default(),
        random: Cell::new(seed),
    });
    LocalSet::new().block_on(&runtime, serve(worker, commands));
    Ok(())
}

struct Accepting {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn serve(worker: Rc<Worker>, mut commands: mpsc::Receiver<Command>) {
    let mut accepting: FxHashMap<Port, Accepting> = FxHashMap::default();
    let mut sweep = tokio::time::interval(Duration::from_secs(10));
    let mut watch = tokio::time::interval(Duration::from_secs(1));
    let grace = loop {
        tokio::select! {
            _ = sweep.tick() => worker.pool.sweep(),
            _ = watch.tick() => worker.watch(),
            command = commands.recv() => match command {
                Some(Command::Listen { port, socket }) => match listen(&worker, port, socket) {
                    Ok(started) => drop(accepting.insert(port, started)),
                    Err(error) => tracing::error!(%port, %error, "cannot listen"),
                },
                Some(Command::Close { port }) => if let Some(closed) = accepting.remove(&port) {
                    closed.stop.cancel();
                    let _ = closed.task.await;
                },
                Some(Command::Drain { grace }) => break grace,
                // The control side is gone without a word: nothing is left to serve for.
                None => break Duration::ZERO,
            }
        }
    };
    for (_, closed) in accepting.drain() {
        closed.stop.cancel();
        let _ = closed.task.await;
    }
    worker.clients.close();
    worker.sessions.close();
    worker.mirrors.close();
    worker.debts.close();
    let ended = async {
        worker.clients.wait().await;
        worker.sessions.wait().await;
        worker.mirrors.wait().await;
        worker.debts.wait().await;
    };
    if tokio::time::timeout(grace, ended).await.is_err() {
        tracing::warn!(
            connections = worker.clients.len(),
            mirrored = worker.mirrors.len(),
            "connections cut at the end of the drain"
        );
    }
}

fn listen(worker: &Rc<Worker>, port: Port, socket: Listening) -> std::io::Result<Accepting> {
    let (worker, stop) = (worker.clone(), CancellationToken::new());
    let task = match socket {
        Listening::Streams(socket) => {
            let listener = TcpListener::from_std(socket)?;
            let accept = accept(worker, port.number, listener, stop.clone());
            tokio::task::spawn_local(accept)
        }
        Listening::Datagrams(socket) => {
            let socket = UdpSocket::from_std(socket)?;
            let receive = datagram::receive(worker, port, socket, stop.clone());
            tokio::task::spawn_local(receive)
        }
    };
    Ok(Accepting { stop, task })
}

async fn accept(worker: Rc<Worker>, port: u16, listener: TcpListener, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => admit(&worker, port, stream, peer),
            Err(error) => {
                // Out of file descriptors, mostly: wait for some to come free.
                tracing::warn!(port, %error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    match queued(listener) {
        Ok(late) => late.for_each(|(stream, peer)| admit(&worker, port, stream, peer)),
        Err(error) => tracing::warn!(port, %error, "connections in the queue are lost"),
    }
    worker.watches.end(port);
}

/// Serves a connection, unless there are too many. Those that have not run yet count too.
fn admit(worker: &Rc<Worker>, port: u16, stream: TcpStream, peer: SocketAddr) {
    if worker.clients.len() >= worker.limits.connections {
        worker.shard.closed(Closed::Refused);
        return;
    }
    let _ = stream.set_nodelay(true);
    let watched = worker.watches.add(port);
    let serve = connection::serve(worker.clone(), port, stream, canonical(peer), watched);
    worker.clients.spawn_local(serve);
}

/// The connections that the kernel has taken already: closing the socket would reset them.
fn queued(listener: TcpListener) -> std::io::Result<impl Iterator<Item = (TcpStream, SocketAddr)>> {
    let listener = listener.into_std()?;
    Ok(
        std::iter::from_fn(move || listener.accept().ok()).filter_map(|(stream, peer)| {
            stream.set_nonblocking(true).ok()?;
            Some((TcpStream::from_std(stream).ok()?, peer))
        }),
    )
}

/// An IPv4 client on a dual-stack socket shows its IPv4 address.
pub(crate) fn canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}
