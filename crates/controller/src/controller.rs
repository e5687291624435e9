//! The controller as its owner sees it.

use std::sync::Arc;
use std::time::Duration;

use agw_core::id::ObjectKey;
use agw_translate::Settings as TranslateSettings;
use kube::Client;
use rustls::ServerConfig;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::ca::{Bundle, CaSettings, Keeper};
use crate::deployer::objects::ProxySettings;
use crate::deployer::{self, Deployer};
use crate::error::Error;
use crate::events::Reporter;
use crate::facts::Deliveries;
use crate::lease::{Election, Leader, Leadership, LeaseSettings};
use crate::live::LiveObjects;
use crate::metrics::Metrics;
use crate::reconcile::{Publication, Reconciler};
use crate::status::{self, Writer};
use crate::token::TokenReviewer;
use crate::watch as watches;

/// How the controller works.
#[derive(Debug, Clone)]
pub struct ControllerSettings {
    pub translate: TranslateSettings,
    pub lease: LeaseSettings,
    pub ca: CaSettings,
    pub proxy: ProxySettings,
    /// The ServiceAccount that all replicas run as; without it no other replica is known by its
    /// token.
    pub account: Option<ObjectKey>,
}

/// A client of the cluster that this process runs in, or that the kubeconfig names.
///
/// # Errors
/// When there is neither.
pub async fn connect() -> Result<Client, Error> {
    Client::try_default()
        .await
        .map_err(Error::api("the cluster's address and credentials"))
}

/// A running controller. Every replica watches, translates and has a certificate; the one that
/// leads writes.
pub struct Controller {
    published: Publication,
    tls: watch::Receiver<Option<Arc<ServerConfig>>>,
    trust: watch::Receiver<Option<Bundle>>,
    deliveries: watch::Sender<Deliveries>,
    unlisted: watch::Receiver<Vec<&'static str>>,
    tokens: TokenReviewer,
    leadership: Leadership,
    leader: Leader,
    metrics: Metrics,
    /// Ends everything but the election.
    end: CancellationToken,
    tasks: JoinSet<()>,
    end_election: CancellationToken,
    election: JoinSet<()>,
}

/// A task ended that never should: a bug. The process is best started anew.
#[derive(Debug, thiserror::Error)]
#[error("a part of the controller ended by itself{0}")]
pub struct Broken(String);

impl Controller {
    /// Starts everything. Nothing that goes wrong in the cluster ends it.
    pub fn start(client: &Client, settings: ControllerSettings) -> Self {
        let metrics = Metrics::default();
        let live = LiveObjects::default();
        let (end, end_election) = (CancellationToken::new(), CancellationToken::new());
        let instance = settings.lease.identity.clone();
        let (election, leadership, leader) =
            Election::new(client.clone(), settings.lease, metrics.clone());
        let (keeper, ca) = Keeper::new(
            client.clone(),
            settings.ca,
            leadership.clone(),
            metrics.clone(),
        );
        let (publish, published) = watch::channel(None);
        let (unlisted_sender, unlisted) = watch::channel(Vec::new());
        let (changes, watching) = watches::start(client, &live, &metrics, &end);
        let reconciler = Reconciler {
            settings: Arc::new(settings.translate),
            published: publish,
            unlisted: unlisted_sender,
            metrics: metrics.clone(),
        };
        let audience = settings.proxy.audience.clone();
        let inputs = deployer::Inputs {
            published: published.clone(),
            bundle: ca.bundle.clone(),
            leadership: leadership.clone(),
        };
        let (deployer, deployments) = Deployer::new(
            client.clone(),
            live.clone(),
            settings.proxy,
            metrics.clone(),
            inputs,
        );
        let (deliveries, delivered) = watch::channel(Deliveries::default());
        let inputs = status::Inputs {
            published: published.clone(),
            deliveries: delivered,
            deployments,
            leadership: leadership.clone(),
        };
        let writer = Writer::new(client.clone(), live.clone(), metrics.clone(), inputs);
        let follows = (published.clone(), leadership.clone());
        let reporter = Reporter::new(client.clone(), live, metrics.clone(), instance, follows);

        let mut tasks = JoinSet::new();
        tasks.spawn(reconciler.run(changes, end.clone()));
        tasks.spawn(keeper.run(end.clone()));
        tasks.spawn(deployer.run(end.clone()));
        tasks.spawn(writer.run(end.clone()));
        tasks.spawn(reporter.run(end.clone()));
        tasks.spawn(all(watching));
        let mut elections = JoinSet::new();
        elections.spawn(election.run(end_election.clone()));
        Self {
            tokens: TokenReviewer::new(
                client.clone(),
                audience,
                settings.account,
                published.clone(),
                metrics.clone(),
            ),
            published,
            tls: ca.tls,
            trust: ca.bundle,
            deliveries,
            unlisted,
            leadership,
            leader,
            metrics,
            end,
            tasks,
            end_election,
            election: elections,
        }
    }

    /// What is published, from the first translation on.
    pub fn published(&self) -> Publication {
        self.published.clone()
    }

    /// What to serve proxies with, once there is a certificate authority.
    pub fn tls(&self) -> watch::Receiver<Option<Arc<ServerConfig>>> {
        self.tls.clone()
    }

    /// The certificates to trust other replicas by, in PEM.
    pub fn trust(&self) -> watch::Receiver<Option<Arc<str>>> {
        self.trust.clone()
    }

    /// Where to tell what proxies have taken and report.
    pub fn deliveries(&self) -> &watch::Sender<Deliveries> {
        &self.deliveries
    }

    /// Kinds that the API server has not listed yet.
    pub fn unlisted(&self) -> watch::Receiver<Vec<&'static str>> {
        self.unlisted.clone()
    }

    pub fn tokens(&self) -> TokenReviewer {
        self.tokens.clone()
    }

    pub fn leadership(&self) -> Leadership {
        self.leadership.clone()
    }

    /// Which other replica leads.
    pub fn leader(&self) -> Leader {
        self.leader.clone()
    }

    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Waits, for ever if all is well, until a part of the controller ends.
    pub async fn broken(&mut self) -> Broken {
        let ended = tokio::select! {
            Some(ended) = self.tasks.join_next() => ended,
            Some(ended) = self.election.join_next() => ended,
            else => Ok(()),
        };
        Broken(
            ended
                .err()
                .map(|error| format!(": {error}"))
                .unwrap_or_default(),
        )
    }

    /// Ends everything within `grace`: first the writers, whose writes under way are finished, then
    /// leadership, which another replica can take at once.
    pub async fn stop(mut self, grace: Duration) {
        self.end.cancel();
        let writers = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, writers).await.is_err() {
            tracing::warn!("writes under way are not waited for any longer");
            self.tasks.shutdown().await;
        }
        self.end_election.cancel();
        let election = async { while self.election.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, election).await.is_err() {
            self.election.shutdown().await;
        }
    }
}

/// Waits for all; one that breaks ends the others.
async fn all(mut tasks: JoinSet<()>) {
    while let Some(Ok(())) = tasks.join_next().await {}
}
