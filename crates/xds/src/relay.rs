//! A replica that does not lead tells the one that does of the proxies that it serves.

mod outgoing;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Request;

use crate::backoff::Backoff;
use crate::connect::{Connected, Target, Trust, connect};
use crate::error::Error;
use crate::limits;
use crate::proto::replica_relay_client::ReplicaRelayClient;
use crate::report::Report;

use outgoing::Outgoing;

/// The longest wait between two tries: meanwhile the leader does not know of our proxies.
const LONGEST: Duration = Duration::from_secs(3);

/// A stream that lasted so long was a good one.
const LASTING: Duration = Duration::from_secs(10);

/// How long the leader may take to hear that this replica goes.
const FAREWELL: Duration = Duration::from_secs(1);

/// Who tells, and what proves it.
#[derive(Debug, Clone)]
pub struct RelaySettings {
    /// The name in the leader's certificate.
    pub server_name: String,
    /// The token that proves that this is a replica; read anew for every connection.
    pub token_file: PathBuf,
    /// Unique among the replicas: the name of the pod.
    pub replica: Arc<str>,
    /// Spreads the reconnections of several replicas.
    pub seed: u64,
}

/// The relay's connections to the rest of the controller.
#[derive(Debug)]
pub struct RelayPorts {
    /// What the leader is to know.
    pub report: watch::Receiver<Arc<Report>>,
    /// Where the replica is that leads; `None` while it is this one, or nobody knows.
    pub leader: watch::Receiver<Option<SocketAddr>>,
    /// The certificates that the leader's is verified against, in PEM.
    pub trust: watch::Receiver<Option<Arc<str>>>,
}

/// Tells whoever leads, until `shutdown` or until nobody says any more who that is. No failure ends
/// this: it is tried again.
pub async fn run(settings: RelaySettings, ports: RelayPorts, shutdown: CancellationToken) {
    let backoff = Backoff::new(settings.seed).at_most(LONGEST);
    let relay = Relay {
        settings,
        ports,
        backoff,
        away: None,
    };
    relay.run(&shutdown).await;
}

struct Relay {
    settings: RelaySettings,
    ports: RelayPorts,
    backoff: Backoff,
    /// Why the leader heard nothing the last time.
    away: Option<String>,
}

impl Relay {
    async fn run(mut self, shutdown: &CancellationToken) {
        let mut leader = self.ports.leader.clone();
        let late = async {
            shutdown.cancelled().await;
            tokio::time::sleep(FAREWELL).await;
        };
        tokio::pin!(late);
        loop {
            let known = shutdown.run_until_cancelled(a_leader(&mut leader));
            let Some(Some(address)) = known.await else {
                return;
            };
            let started = Instant::now();
            let ended = tokio::select! {
                changed = leader.changed() => match changed {
                    Ok(()) => {
                        self.backoff.reset();
                        continue;
                    }
                    Err(_) => return,
                },
                ended = self.follow(address, shutdown) => ended,
                () = &mut late => return,
            };
            if shutdown.is_cancelled() {
                return;
            }
            if started.elapsed() >= LASTING {
                self.backoff.reset();
            }
            if let Err(error) = ended {
                self.away(address, &error);
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = leader.changed() => self.backoff.reset(),
                () = tokio::time::sleep(self.backoff.wait()) => {}
            }
        }
    }

    /// Says why the leader does not hear us; loudly only when it is news.
    fn away(&mut self, address: SocketAddr, error: &Error) {
        let reason = format!("{address}: {error}");
        if self.away.as_ref() == Some(&reason) {
            tracing::debug!(%address, %error, "the leading replica still hears nothing");
        } else {
            tracing::warn!(%address, %error, "the leading replica does not hear of our proxies");
            self.away = Some(reason);
        }
    }

    /// Tells the replica at this address until the stream ends.
    async fn follow(&self, address: SocketAddr, end: &CancellationToken) -> Result<(), Error> {
        let mut trust = self.ports.trust.clone();
        let Ok(pem) = trust.wait_for(Option::is_some).await.map(|pem| pem.clone()) else {
            return Err(Error::Trust("there are none".to_owned()));
        };
        let Connected {
            channel,
            authorization,
        } = connect(&Target {
            address: &address.to_string(),
            server_name: &self.settings.server_name,
            trust: Trust::Pem(pem.as_deref().unwrap_or_default()),
            token_file: &self.settings.token_file,
        })
        .await?;
        let outgoing = Outgoing::new(
            self.settings.replica.clone(),
            self.ports.report.clone(),
            end.clone(),
        );
        let mut request = Request::new(outgoing.messages());
        let metadata = request.metadata_mut();
        metadata.insert("authorization", authorization);
        let client = ReplicaRelayClient::new(channel);
        let mut client = client.max_encoding_message_size(limits::MESSAGE);
        tracing::debug!(%address, "telling the leading replica of our proxies");
        client.report(request).await?;
        Ok(())
    }
}

/// Waits until another replica leads; `None` when nobody will say so any more.
async fn a_leader(leader: &mut watch::Receiver<Option<SocketAddr>>) -> Option<SocketAddr> {
    leader.wait_for(Option::is_some).await.ok().and_then(|l| *l)
}
