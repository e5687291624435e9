//! Which of several replicas writes: the one that holds a Lease.
//!
//! The holder renews it, and stops on its own account well before others may take it: when it could
//! not renew for two thirds of the Lease's time. Others take it when they have seen no renewal for
//! the whole time, by their own clock. So clocks need not agree, and at most one writes.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Retry, within};
use crate::metrics::Metrics;

/// How leadership is handed around.
#[derive(Debug, Clone)]
pub struct LeaseSettings {
    pub namespace: String,
    pub name: String,
    /// Who this replica is; no two may be the same.
    pub identity: String,
    /// Others wait this long after the last renewal they saw.
    pub duration: Duration,
    /// Between two renewals; others look twice as often.
    pub renew: Duration,
}

/// Whether this replica writes. Clones share it.
#[derive(Debug, Clone)]
pub struct Leadership(watch::Receiver<Option<Instant>>);

impl Leadership {
    /// Whether this replica may write at this moment.
    pub fn is_held(&self) -> bool {
        self.0.borrow().is_some_and(|until| Instant::now() < until)
    }

    /// Waits until leadership was won, lost or renewed; for ever when the election has ended.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until this replica may write.
    pub async fn held(&mut self) {
        while !self.is_held() {
            self.changed().await;
        }
    }
}

/// Where the replica is that leads, if it is another one and says so; see [`identity`].
pub type Leader = watch::Receiver<Option<SocketAddr>>;

/// The election as one replica takes part in it.
pub(crate) struct Election {
    api: Api<Lease>,
    settings: LeaseSettings,
    until: watch::Sender<Option<Instant>>,
    leader: watch::Sender<Option<SocketAddr>>,
    metrics: Metrics,
    /// The holder's last sign of life, and when it was seen here.
    seen: Option<(Sign, Instant)>,
}

/// What changes in a Lease when its holder is alive.
#[derive(Debug, Clone, PartialEq)]
struct Sign {
    holder: Option<String>,
    renewed: Option<MicroTime>,
}

impl Election {
    pub(crate) fn new(
        client: Client,
        settings: LeaseSettings,
        metrics: Metrics,
    ) -> (Self, Leadership, Leader) {
        let (until, receiver) = watch::channel(None);
        let (leader, leads) = watch::channel(None);
        let election = Self {
            api: Api::namespaced(client, &settings.namespace),
            settings,
            until,
            leader,
            metrics,
            seen: None,
        };
        (election, Leadership(receiver), leads)
    }

    /// Takes part until `end`; the Lease is then given up, so that another need not wait.
    pub(crate) async fn run(mut self, end: CancellationToken) {
        loop {
            let pause = self.round().await;
            if end
                .run_until_cancelled(tokio::time::sleep(pause))
                .await
                .is_none()
            {
                break;
            }
        }
        self.give_up().await;
    }

    /// One look at the Lease. Returns when to look again.
    async fn round(&mut self) -> Duration {
        let started = Instant::now();
        match self.take_or_renew().await {
            Ok(true) => {
                if self.until.borrow().is_none() {
                    tracing::info!(lease = self.settings.name, "this replica leads now");
                }
                self.metrics.leading(true);
                self.follow(None);
                self.until.send_replace(Some(started + self.patience()));
                self.settings.renew
            }
            Ok(false) => {
                self.lose("another replica holds the Lease");
                let holder = self
                    .seen
                    .as_ref()
                    .and_then(|(sign, _)| sign.holder.as_deref());
                self.follow(holder.and_then(address_of));
                self.until_free().min(self.settings.renew / 2)
            }
            Err(error) => {
                // 409: another was faster. Anything else is told once it lasts.
                if error.retry() != Retry::Conflict {
                    tracing::warn!(%error, "the Lease cannot be taken or renewed");
                }
                if self
                    .until
                    .borrow()
                    .is_some_and(|until| Instant::now() >= until)
                {
                    self.lose("the Lease could not be renewed in time");
                }
                self.settings.renew / 4
            }
        }
    }

    /// How long the holder's last sign of life still counts.
    fn until_free(&self) -> Duration {
        let passed = self.seen.as_ref().map(|(_, since)| since.elapsed());
        let passed = passed.unwrap_or_default();
        self.settings.duration.saturating_sub(passed)
    }

    /// How long the holder goes on without a renewal.
    fn patience(&self) -> Duration {
        self.settings.duration * 2 / 3
    }

    fn follow(&self, leader: Option<SocketAddr>) {
        self.leader
            .send_if_modified(|known| std::mem::replace(known, leader) != leader);
    }

    fn lose(&self, why: &str) {
        if self.until.send_replace(None).is_some() {
            tracing::warn!(why, "this replica no longer leads");
        }
        self.metrics.leading(false);
    }

    /// Whether the Lease is ours after this.
    async fn take_or_renew(&mut self) -> Result<bool, Error> {
        let limit = self.settings.renew;
        let get = self.api.get_opt(&self.settings.name);
        let Some(lease) = within("the Lease cannot be read", limit, get).await? else {
            let lease = self.lease(None);
            let parameters = PostParams::default();
            let create = self.api.create(&parameters, &lease);
            within("the Lease cannot be created", limit, create).await?;
            return Ok(true);
        };
        if !self.is_ours(&lease) && !self.is_free(&lease) {
            return Ok(false);
        }
        let next = self.lease(Some(lease));
        let parameters = PostParams::default();
        let replace = self.api.replace(&self.settings.name, &parameters, &next);
        within("the Lease cannot be renewed", limit, replace).await?;
        self.seen = None;
        Ok(true)
    }

    fn is_ours(&self, lease: &Lease) -> bool {
        let holder = lease.spec.as_ref().and_then(|s| s.holder_identity.as_ref());
        holder == Some(&self.settings.identity)
    }

    /// Whether the holder gave the Lease up, or has shown no sign of life for its whole time.
    fn is_free(&mut self, lease: &Lease) -> bool {
        let spec = lease.spec.clone().unwrap_or_default();
        if spec
            .holder_identity
            .as_deref()
            .unwrap_or_default()
            .is_empty()
        {
            return true;
        }
        let duration = spec
            .lease_duration_seconds
            .and_then(|s| u64::try_from(s).ok());
        let duration = duration.map_or(self.settings.duration, Duration::from_secs);
        let sign = Sign {
            holder: spec.holder_identity,
            renewed: spec.renew_time,
        };
        match &self.seen {
            Some((known, since)) if *known == sign => since.elapsed() >= duration,
            _ => {
                self.seen = Some((sign, Instant::now()));
                false
            }
        }
    }

    /// The Lease with this replica as its holder.
    fn lease(&self, before: Option<Lease>) -> Lease {
        let now = MicroTime(Timestamp::now());
        let (metadata, before) = match before {
            Some(lease) => (lease.metadata, lease.spec.unwrap_or_default()),
            None => (
                ObjectMeta {
                    name: Some(self.settings.name.clone()),
                    ..ObjectMeta::default()
                },
                LeaseSpec::default(),
            ),
        };
        let stays = before.holder_identity.as_ref() == Some(&self.settings.identity);
        let transitions = before.lease_transitions.unwrap_or(0);
        let spec = LeaseSpec {
            holder_identity: Some(self.settings.identity.clone()),
            lease_duration_seconds: i32::try_from(self.settings.duration.as_secs().max(1)).ok(),
            acquire_time: before
                .acquire_time
                .filter(|_| stays)
                .or_else(|| Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(if stays { transitions } else { transitions + 1 }),
            ..LeaseSpec::default()
        };
        Lease {
            metadata,
            spec: Some(spec),
        }
    }

    /// Leaves the Lease to whoever looks next.
    async fn give_up(self) {
        let led = self.until.send_replace(None).is_some();
        self.metrics.leading(false);
        if !led {
            return;
        }
        let limit = self.settings.renew;
        let name = &self.settings.name;
        let release = async {
            let get = self.api.get(name);
            let mut lease = within("the Lease cannot be read", limit, get).await?;
            if !self.is_ours(&lease) {
                return Ok(());
            }
            if let Some(spec) = &mut lease.spec {
                spec.holder_identity = None;
                spec.renew_time = None;
            }
            let parameters = PostParams::default();
            let replace = self.api.replace(name, &parameters, &lease);
            within("the Lease cannot be given up", limit, replace)
                .await
                .map(drop)
        };
        if let Err(error) = release.await {
            tracing::warn!(%error, "another replica has to wait until the Lease ends");
        }
    }
}

/// A name for this replica that no other has, and that says where the others reach it.
pub fn identity(pod: &str, address: Option<SocketAddr>) -> String {
    use std::hash::{BuildHasher, RandomState};
    let number = RandomState::new().hash_one(pod);
    let address = address.map(|address| format!("_{address}"));
    format!("{pod}{}_{number:016x}", address.unwrap_or_default())
}

/// Where the replica of this identity is reached.
fn address_of(identity: &str) -> Option<SocketAddr> {
    identity.split('_').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_says_where_its_replica_is() {
        for address in ["10.0.0.7:15010", "[fd00::7]:15010"] {
            let address = address.parse().unwrap();
            let name = identity("controller-7f-x", Some(address));
            assert_eq!(address_of(&name), Some(address), "{name}");
            assert!(name.starts_with("controller-7f-x_"), "{name}");
        }
        for nowhere in [&*identity("controller", None), "", "other", "a_b_c", "a__"] {
            assert_eq!(address_of(nowhere), None, "{nowhere}");
        }
    }
}
