//! One client's datagrams.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use agw_core::backend::Endpoint;
use agw_core::listener::Transport;
use tokio::net::UdpSocket;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Receiver;
use crate::connection::Client;
use crate::destination::Destination;
use crate::error::Error;
use crate::live::Live;
use crate::relay::Traffic;
use crate::telemetry::{ConnectionRecord, Dropped, Outcome, Reason, Shard};
use crate::worker::canonical;

/// Bytes that wait for the way to the backend. The first datagram waits whatever its size.
const WAITING: usize = 16 << 10;

/// Datagrams that wait, whatever their size.
const WAITING_COUNT: usize = 64;

/// What is known of one client. Its task opens the way and brings back the answers; what the
/// client sends is handed on where it is received.
pub(super) struct Session {
    pub(super) client: SocketAddr,
    state: RefCell<State>,
    /// Version of the snapshot by which it was last seen to go where it should.
    version: Cell<u64>,
    moved: Cell<Instant>,
    traffic: Rc<Traffic>,
    /// Why it ends, once it does.
    ending: RefCell<Option<Outcome>>,
    ended: Notify,
}

enum State {
    /// What came before the way was open.
    Opening(Vec<Box<[u8]>>),
    Open(Rc<Open>),
    /// No backend takes it. It is kept for a while, or every datagram would be a line in the log.
    Refused,
}

/// Where the datagrams go.
struct Open {
    socket: UdpSocket,
    destination: Destination,
    endpoint: Endpoint,
    answered: Cell<bool>,
}

/// Serves the session until it ends, and reports it.
pub(super) async fn run(receiver: Rc<Receiver>, session: Rc<Session>) {
    let worker = &receiver.worker;
    if let Some(live) = worker.live.load_full() {
        let gateway = live.snapshot.gateway_label.clone();
        let client = Arc::new(Client::new(canonical(session.client)));
        let mut record = ConnectionRecord::new(worker.clone(), gateway, client, Transport::Udp);
        record.traffic = session.traffic.clone();
        session.version.set(live.snapshot.version);
        let opened = session.open(&receiver, &live, &mut record).await;
        // A session may outlive many snapshots.
        drop(live);
        match opened {
            Ok(open) => record.finish(session.relay(&receiver, &open).await),
            Err(error) => {
                record.refuse(&error);
                *session.state.borrow_mut() = State::Refused;
                session.end(&receiver).await;
            }
        }
    }
    receiver.forget(&session);
}

impl Session {
    pub(super) fn new(client: SocketAddr) -> Self {
        Self {
            client,
            state: RefCell::new(State::Opening(Vec::new())),
            version: Cell::new(0),
            moved: Cell::new(Instant::now()),
            traffic: Rc::default(),
            ending: RefCell::default(),
            ended: Notify::new(),
        }
    }

    /// Whether datagrams still belong here: not when the session has ended, or when another
    /// snapshot leads them elsewhere, which ends it.
    pub(super) fn is_current(&self, receiver: &Receiver) -> bool {
        if self.ending.borrow().is_some() {
            return false;
        }
        let live = receiver.worker.live.load();
        let Some(live) = live.as_ref() else {
            return false;
        };
        let version = live.snapshot.version;
        let holds = match &*self.state.borrow() {
            _ if self.version.get() == version => return true,
            // It is looked at once it is known where it leads.
            State::Opening(_) => return true,
            State::Refused => false,
            State::Open(open) => {
                let bind = receiver.port.bind(&live.snapshot);
                open.destination.holds(live, bind, "", &open.endpoint)
            }
        };
        if holds {
            self.version.set(version);
        } else {
            self.close(Outcome::ok());
        }
        holds
    }

    /// Hands on what the client sent.
    pub(super) fn put(&self, datagram: &[u8], shard: &Shard) {
        let dropped = match &mut *self.state.borrow_mut() {
            State::Refused => Some(Dropped::NoBackend),
            State::Opening(waiting) => {
                let bytes: usize = waiting.iter().map(|datagram| datagram.len()).sum();
                let fits = bytes + datagram.len() <= WAITING && waiting.len() < WAITING_COUNT;
                if waiting.is_empty() || fits {
                    waiting.push(datagram.into());
                    None
                } else {
                    Some(Dropped::Opening)
                }
            }
            State::Open(open) => {
                self.moved.set(Instant::now());
                match open.socket.try_send(datagram) {
                    Ok(count) => {
                        self.received(count);
                        None
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(Dropped::Busy),
                    Err(error) => {
                        self.close(open.failed(&error));
                        None
                    }
                }
            }
        };
        if let Some(why) = dropped {
            shard.dropped(why);
        }
    }

    fn received(&self, count: usize) {
        let received = &self.traffic.received;
        received.set(received.get() + count as u64);
    }

    /// Has the session end, for the first reason that is given.
    fn close(&self, outcome: Outcome) {
        self.ending.borrow_mut().get_or_insert(outcome);
        self.ended.notify_one();
    }

    /// Opens the way to the backend whose turn it is, and sends what has come until then.
    async fn open(
        &self,
        receiver: &Receiver,
        live: &Live,
        record: &mut ConnectionRecord,
    ) -> Result<Rc<Open>, Error> {
        let bind = receiver.port.bind(&live.snapshot);
        let destination = Destination::choose(live, bind, "", record)?;
        let next = destination.endpoints()?.next();
        let (endpoint, name) = next.ok_or(Error::NoEndpoint)?;
        let endpoint = endpoint.clone();
        record.endpoint = Some(name);
        let opened = receiver.worker.connector.datagrams(&endpoint).await;
        let socket = opened.inspect_err(|_| destination.failed())?;
        let open = Rc::new(Open {
            socket,
            destination,
            endpoint,
            answered: Cell::new(false),
        });
        while let Some(datagram) = self.next_waiting(&open) {
            match open.socket.send(&datagram).await {
                Ok(count) => self.received(count),
                Err(error) => self.close(open.failed(&error)),
            }
        }
        Ok(open)
    }

    /// The datagram that has waited longest; without one the session is open from here on.
    fn next_waiting(&self, open: &Rc<Open>) -> Option<Box<[u8]>> {
        let mut state = self.state.borrow_mut();
        match &mut *state {
            State::Opening(waiting) if !waiting.is_empty() => Some(waiting.remove(0)),
            _ => {
                *state = State::Open(open.clone());
                None
            }
        }
    }

    /// Brings the client what the upstream answers, until the session ends.
    async fn relay(&self, receiver: &Receiver, open: &Open) -> Outcome {
        let mut end = pin!(self.end(receiver));
        loop {
            tokio::select! {
                outcome = &mut end => return outcome,
                ready = open.socket.readable() => {
                    let answered = match ready {
                        Ok(()) => self.answer(receiver, open).await,
                        Err(error) => Err(open.failed(&error)),
                    };
                    if let Err(outcome) = answered {
                        self.close(outcome.clone());
                        return outcome;
                    }
                }
            }
        }
    }

    /// Resolves when the session ends: nothing moves any more, its port is closed, or it was told.
    async fn end(&self, receiver: &Receiver) -> Outcome {
        tokio::select! {
            () = receiver.stop.cancelled() => self.close(Outcome::ok()),
            () = self.idle(receiver.worker.limits.datagram_idle) => self.close(Outcome::ok()),
            () = self.ended.notified() => {}
        }
        self.ending.borrow().clone().unwrap_or_else(Outcome::ok)
    }

    async fn idle(&self, bound: Duration) {
        loop {
            let left = bound.saturating_sub(self.moved.get().elapsed());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }

    /// Sends the client all answers that there are.
    async fn answer(&self, receiver: &Receiver, open: &Open) -> Result<(), Outcome> {
        loop {
            // A busy upstream leaves the worker to others now and then.
            tokio::task::coop::consume_budget().await;
            let late = match self.try_answer(receiver, open)? {
                Answered::Nothing => return Ok(()),
                Answered::Sent => continue,
                Answered::Late(answer) => answer,
            };
            let sent = receiver.socket.send_to(&late, self.client).await;
            self.sent(sent)?;
        }
    }

    fn try_answer(&self, receiver: &Receiver, open: &Open) -> Result<Answered, Outcome> {
        let mut answer = receiver.answer.borrow_mut();
        let count = match open.socket.try_recv(&mut answer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Ok(Answered::Nothing);
            }
            Err(error) => return Err(open.failed(&error)),
        };
        if !open.answered.replace(true) {
            open.destination.succeeded();
        }
        let answer = &answer[..count];
        match receiver.socket.try_send_to(answer, self.client) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Ok(Answered::Late(answer.into()))
            }
            sent => self.sent(sent).map(|()| Answered::Sent),
        }
    }

    fn sent(&self, sent: io::Result<usize>) -> Result<(), Outcome> {
        let failed =
            |error: io::Error| Outcome::failed(Reason::ClientDisconnect, error.to_string());
        let count = sent.map_err(failed)?;
        let sent = &self.traffic.sent;
        sent.set(sent.get() + count as u64);
        self.moved.set(Instant::now());
        Ok(())
    }
}

/// What became of the next answer.
enum Answered {
    Nothing,
    Sent,
    /// The socket takes no more at the moment.
    Late(Box<[u8]>),
}

impl Open {
    /// Nobody listens at the endpoint, or no more.
    fn failed(&self, error: &io::Error) -> Outcome {
        self.destination.failed();
        let reason = if self.answered.get() {
            Reason::UpstreamReset
        } else {
            Reason::ConnectFailure
        };
        Outcome::failed(reason, error.to_string())
    }
}
