//! A connection whose bytes go to a backend as they are.

use std::rc::Rc;
use std::sync::Arc;

use agw_core::listener::Transport;

use super::Peer;
use super::watch::Watch;
use crate::destination::Destination;
use crate::error::Error;
use crate::live::Live;
use crate::relay::relay;
use crate::stream::BoxStream;
use crate::telemetry::ConnectionRecord;
use crate::worker::Worker;

/// Endpoints that are tried for one connection.
const TRIES: usize = 3;

/// A client's connection that was understood as far as it will be.
pub(super) struct Tunnel {
    peer: Peer,
    /// What it is routed by.
    live: Arc<Live>,
    transport: Transport,
}

impl Tunnel {
    pub(super) fn new(peer: Peer, live: Arc<Live>, transport: Transport) -> Self {
        Self {
            peer,
            live,
            transport,
        }
    }

    /// Relays `stream` until it ends. A connection that no backend takes is closed.
    pub(super) async fn serve(self, stream: BoxStream, watch: &Rc<Watch>) {
        let Self {
            peer,
            live,
            transport,
        } = self;
        let worker = peer.worker;
        watch.multiplexed();
        let flight = watch.begin();
        let gateway = live.snapshot.gateway_label.clone();
        let mut record = ConnectionRecord::new(worker.clone(), gateway, peer.client, transport);
        record.watch = Some(watch.clone());
        record.server_name = peer.server_name;
        let opened = open(&worker, &live, peer.port, &mut record).await;
        // A connection may outlive many snapshots.
        drop(live);
        match opened {
            Err(error) => record.refuse(&error),
            Ok(upstream) => {
                let idle = worker.limits.tunnel_idle;
                let ended = relay(stream, upstream, &record.traffic, &flight, idle).await;
                record.finish(ended.into());
            }
        }
    }
}

/// A connection to the backend whose turn it is: to the endpoint whose turn it is, or to another
/// when that does not answer.
async fn open(
    worker: &Worker,
    live: &Live,
    port: u16,
    record: &mut ConnectionRecord,
) -> Result<BoxStream, Error> {
    let name = record.server_name.clone();
    let destination = Destination::choose(live, live.snapshot.bind(port), &name, record)?;
    let mut failed = Error::NoEndpoint;
    for (endpoint, name) in destination.endpoints()?.take(TRIES) {
        record.endpoint = Some(name);
        match Box::pin(worker.connector.stream(endpoint)).await {
            Ok(stream) => {
                destination.succeeded();
                return Ok(stream);
            }
            Err(error) => {
                destination.failed();
                failed = error;
            }
        }
    }
    Err(failed)
}
