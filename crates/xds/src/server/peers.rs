//! What the other replicas tell of the proxies that they serve.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::limits;
use crate::report::{Extent, Report};

/// How long what a replica told counts after its stream broke: it may be back at once, and so may
/// its proxies be elsewhere.
pub(super) const GRACE: Duration = Duration::from_secs(3);

/// Replicas that may tell something: a controller has a handful.
const REPLICAS: usize = 32;

/// The other replicas, by name.
#[derive(Default)]
pub(super) struct Peers {
    known: BTreeMap<Arc<str>, Peer>,
    sessions: u64,
}

pub(super) struct Peer {
    session: u64,
    replaced: CancellationToken,
    pub(super) report: Report,
    pub(super) presence: Presence,
}

/// Whether a replica's stream is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Connected,
    /// It broke; what was told counts until then.
    Lost {
        until: Instant,
    },
}

/// One stream of one replica.
#[derive(Clone)]
pub(super) struct Membership {
    pub(super) name: Arc<str>,
    session: u64,
    /// Cancelled when the replica connects anew, and when it is forgotten.
    pub(super) replaced: CancellationToken,
}

/// How a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Departure {
    /// The replica says that it is going, and its proxies with it.
    Farewell,
    Broken,
}

impl Peers {
    /// A stream of the replica begins. What it told before counts until it tells anew. `None` when
    /// there are too many.
    pub(super) fn join(&mut self, name: Arc<str>) -> Option<Membership> {
        if !self.known.contains_key(&name) && self.known.len() >= REPLICAS {
            return None;
        }
        self.sessions += 1;
        let (session, replaced) = (self.sessions, CancellationToken::new());
        let membership = Membership {
            name: name.clone(),
            session,
            replaced: replaced.clone(),
        };
        let before = self.known.remove(&name);
        let report = before.map(|before| {
            before.replaced.cancel();
            before.report
        });
        let peer = Peer {
            session,
            replaced,
            report: report.unwrap_or_default(),
            presence: Presence::Connected,
        };
        self.known.insert(name, peer);
        Some(membership)
    }

    /// `false` when that is more than can be remembered.
    pub(super) fn hear(&mut self, from: &Membership, news: Report, extent: Extent) -> bool {
        let peer = self.known.get_mut(&from.name);
        let Some(peer) = peer.filter(|peer| peer.session == from.session) else {
            return true;
        };
        peer.report.take(news, extent);
        peer.report.len() <= limits::REPORTED
    }

    pub(super) fn leave(&mut self, who: &Membership, how: Departure, now: Instant) {
        let Some(peer) = self.known.get_mut(&who.name) else {
            return;
        };
        if peer.session != who.session {
            return;
        }
        match how {
            Departure::Farewell => {
                self.known.remove(&who.name);
            }
            Departure::Broken => peer.presence = Presence::Lost { until: now + GRACE },
        }
    }

    /// Drops what no longer counts.
    pub(super) fn expire(&mut self, now: Instant) {
        self.known.retain(|_, peer| match peer.presence {
            Presence::Connected => true,
            Presence::Lost { until } => now < until,
        });
    }

    /// When something next ceases to count.
    pub(super) fn expiry(&self) -> Option<Instant> {
        let until = self.known.values().filter_map(|peer| match peer.presence {
            Presence::Connected => None,
            Presence::Lost { until } => Some(until),
        });
        until.min()
    }

    /// Forgets all, and ends their streams: who has been forgotten has to tell everything anew.
    pub(super) fn forget(&mut self) {
        for peer in std::mem::take(&mut self.known).into_values() {
            peer.replaced.cancel();
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Peer> + Clone {
        self.known.values()
    }

    /// Names of those that are connected.
    pub(super) fn names(&self) -> Vec<Arc<str>> {
        let connected = self.known.iter();
        let connected = connected.filter(|(_, peer)| peer.presence == Presence::Connected);
        connected.map(|(name, _)| name.clone()).collect()
    }
}
