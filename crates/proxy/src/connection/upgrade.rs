//! A connection that leaves HTTP/1.1 for whatever its client and the upstream agreed on.

use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};

use super::watch::Watch;
use super::wire::Wire;
use crate::relay::{Traffic, relay};
use crate::settings::Limits;
use crate::stream::{BoxStream, Rewound};
use crate::telemetry::Record;

/// The upstream's side of an upgrade, once it has answered 101.
pub(crate) struct Upgrade {
    upstream: BoxStream,
    /// Of the request that asked for it, which lasts as long as the connection.
    record: Box<Record>,
}

impl Upgrade {
    pub(crate) fn new(upstream: BoxStream, record: Box<Record>) -> Self {
        Self { upstream, record }
    }

    /// Relays what follows the client's request, of which `ahead` was read already.
    pub(super) async fn serve<S>(
        self,
        client: Wire<S>,
        ahead: Bytes,
        limits: &Limits,
        watch: &Rc<Watch>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        watch.multiplexed();
        let flight = watch.begin();
        let client = Box::new(Rewound::to(client, BytesMut::from(ahead)));
        let traffic = Traffic::default();
        let idle = limits.tunnel_idle;
        let ended = relay(client, self.upstream, &traffic, &flight, idle).await;
        self.record.finish(ended.into());
    }
}
