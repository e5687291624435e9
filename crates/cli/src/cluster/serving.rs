//! Serving proxies, and hearing other replicas, from when there is a certificate to do so with.

use std::sync::Arc;

use agw_controller::{Bearer, Controller, Leadership, Publication, TokenError, TokenReviewer};
use agw_xds::Report;
use agw_xds::server::{Authenticate, Identity, Refusal, Server, Standing};
use anyhow::Context;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::deliveries;

pub(super) type WireDeliveries = Arc<agw_xds::server::Deliveries>;

/// What the server follows of the controller, and whom it tells.
pub(super) struct Serving {
    published: Publication,
    tls: watch::Receiver<Option<Arc<ServerConfig>>>,
    tokens: TokenReviewer,
    leadership: Leadership,
    deliveries: watch::Sender<agw_controller::Deliveries>,
    shown: watch::Sender<WireDeliveries>,
    report: watch::Sender<Arc<Report>>,
}

impl Serving {
    /// `shown` is for people, `report` for the replica that leads.
    pub(super) fn of(
        controller: &Controller,
        shown: watch::Sender<WireDeliveries>,
        report: watch::Sender<Arc<Report>>,
    ) -> Self {
        Self {
            published: controller.published(),
            tls: controller.tls(),
            tokens: controller.tokens(),
            leadership: controller.leadership(),
            deliveries: controller.deliveries().clone(),
            shown,
            report,
        }
    }
}

struct Tokens(TokenReviewer);

impl Authenticate for Tokens {
    async fn authenticate(&self, token: &str) -> Result<Identity, Refusal> {
        match self.0.bearer_of(token).await {
            Ok(Bearer::Proxy(gateway)) => Ok(Identity::Proxy(gateway)),
            Ok(Bearer::Controller) => Ok(Identity::Replica),
            Err(TokenError::Invalid) => Err(Refusal::Invalid),
            Err(TokenError::Stranger) => Err(Refusal::Forbidden),
            Err(TokenError::Unavailable) => Err(Refusal::Unavailable),
        }
    }
}

/// Serves until `end`.
pub(super) async fn serve(
    listener: TcpListener,
    mut serving: Serving,
    end: CancellationToken,
) -> anyhow::Result<()> {
    let certified = serving.tls.wait_for(Option::is_some);
    let Some(Ok(first)) = end
        .run_until_cancelled(certified)
        .await
        .map(|r| r.map(|c| c.clone()))
    else {
        return Ok(());
    };
    let first = first.context("the certificate authority is gone")?;
    let (tls, tls_receiver) = watch::channel(first);
    let (publications, receiver) = watch::channel(Arc::default());
    let (standing, stands) = watch::channel(Standing::default());
    let tokens = Tokens(serving.tokens.clone());
    let server = Server::new(receiver, tokens, tls_receiver).with_standing(stands);
    let (mut delivered, mut reported) = (server.deliveries(), server.report());
    let served = server.serve(listener, end.clone());
    serving.published.mark_changed();
    let following = async {
        loop {
            standing.send_if_modified(|known| {
                let now = serving.standing();
                std::mem::replace(known, now) != now
            });
            tokio::select! {
                Ok(()) = serving.published.changed() => {
                    if let Some(publication) = serving.publication() {
                        publications.send_replace(publication);
                    }
                }
                Ok(()) = serving.tls.changed() => {
                    let config = serving.tls.borrow_and_update().clone();
                    if let Some(config) = config {
                        tls.send_replace(config);
                    }
                }
                Ok(()) = delivered.changed() => serving.tell(&delivered.borrow_and_update()),
                Ok(()) = reported.changed() => {
                    serving.report.send_replace(reported.borrow_and_update().clone());
                }
                () = serving.leadership.changed() => {}
            }
        }
    };
    tokio::select! {
        served = served => Ok(served?),
        () = following => Ok(()),
    }
}

impl Serving {
    fn standing(&self) -> Standing {
        if self.leadership.is_held() {
            Standing::Leads
        } else {
            Standing::Follows
        }
    }

    fn publication(&mut self) -> Option<Arc<agw_xds::Publication>> {
        let published = self.published.borrow_and_update().clone()?;
        Some(Arc::new(agw_xds::Publication {
            revision: published.revision,
            gateways: published.translation.gateways.clone(),
        }))
    }

    fn tell(&self, wire: &WireDeliveries) {
        self.deliveries.send_replace(deliveries::of_wire(wire));
        self.shown.send_replace(wire.clone());
    }
}
