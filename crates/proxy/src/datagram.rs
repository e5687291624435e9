//! Datagrams: those of one client go to one endpoint, and what that answers goes back to it.

mod session;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

use crate::listener::Port;
use crate::telemetry::Dropped;
use crate::worker::Worker;
use session::Session;

/// Room for the largest datagram there can be.
const LARGEST: usize = 64 << 10;

/// A worker's socket for the datagrams of one port.
struct Receiver {
    worker: Rc<Worker>,
    port: Port,
    socket: UdpSocket,
    /// By the client's address. Bounded by `Limits::datagram_sessions`.
    sessions: RefCell<FxHashMap<SocketAddr, Rc<Session>>>,
    /// Where all sessions read what upstreams answer.
    answer: RefCell<Vec<u8>>,
    stop: CancellationToken,
}

/// Hands on what comes to `socket` until it is told to stop, which ends its sessions too.
pub(crate) async fn receive(
    worker: Rc<Worker>,
    port: Port,
    socket: UdpSocket,
    stop: CancellationToken,
) {
    let receiver = Rc::new(Receiver {
        worker,
        port,
        socket,
        sessions: RefCell::default(),
        answer: RefCell::new(vec![0; LARGEST]),
        stop,
    });
    let mut datagram = vec![0; LARGEST];
    let mut stopped = pin!(receiver.stop.cancelled());
    loop {
        let received = tokio::select! {
            () = &mut stopped => break,
            received = receiver.socket.recv_from(&mut datagram) => received,
        };
        match received {
            Ok((length, client)) => receiver.take(client, &datagram[..length]),
            Err(error) => {
                tracing::warn!(%port, %error, "cannot receive a datagram");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

impl Receiver {
    fn take(self: &Rc<Self>, client: SocketAddr, datagram: &[u8]) {
        let known = self.sessions.borrow().get(&client).cloned();
        let current = known.filter(|session| session.is_current(self));
        match current.or_else(|| self.begin(client)) {
            Some(session) => session.put(datagram, &self.worker.shard),
            None => self.worker.shard.dropped(Dropped::Sessions),
        }
    }

    /// A session for `client`, unless there are too many.
    fn begin(self: &Rc<Self>, client: SocketAddr) -> Option<Rc<Session>> {
        let sessions = &self.worker.sessions;
        if sessions.len() >= self.worker.limits.datagram_sessions {
            return None;
        }
        let session = Rc::new(Session::new(client));
        self.sessions.borrow_mut().insert(client, session.clone());
        sessions.spawn_local(session::run(self.clone(), session.clone()));
        Some(session)
    }

    /// Forgets a session that has ended, unless another took its place.
    fn forget(&self, session: &Rc<Session>) {
        let mut sessions = self.sessions.borrow_mut();
        if let Some(known) = sessions.get(&session.client)
            && Rc::ptr_eq(known, session)
        {
            sessions.remove(&session.client);
        }
    }
}
