//! What the halves that run in a cluster have in common: their pages.

pub(crate) mod controller;
mod deliveries;
mod health;
pub(crate) mod proxy;
mod relaying;
mod serving;

use std::net::SocketAddr;

use agw_runtime::admin::AdminServer;
use anyhow::Context;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Servers of pages, each on its own port.
#[derive(Default)]
struct Pages {
    end: CancellationToken,
    running: Vec<(&'static str, JoinHandle<()>)>,
}

impl Pages {
    async fn add(
        &mut self,
        name: &'static str,
        address: SocketAddr,
        server: AdminServer,
    ) -> anyhow::Result<()> {
        let served = server.serve(address, self.end.clone()).await;
        let (address, task) =
            served.with_context(|| format!("{name} cannot be served on {address}"))?;
        tracing::info!(target: "agw", %address, "{name}");
        self.running.push((name, task));
        Ok(())
    }

    async fn stop(self) {
        self.end.cancel();
        for (name, task) in self.running {
            if let Err(error) = task.await {
                tracing::error!(%error, "the {name} server ended badly");
            }
        }
    }
}
