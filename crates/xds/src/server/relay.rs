//! Other replicas tell of the proxies that they serve, as long as this one leads.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::Standing;
use super::authenticate::Identity;
use super::tracker::{PeerRegistration, Tracker};
use crate::limits;
use crate::proto;
use crate::proto::replica_relay_server::ReplicaRelay;
use crate::report::{Extent, Report};

/// The service.
pub(super) struct Relay {
    pub(super) tracker: Arc<Tracker>,
    pub(super) standing: watch::Receiver<Standing>,
    pub(super) shutdown: CancellationToken,
}

/// One replica's stream.
struct Session {
    tracker: Arc<Tracker>,
    /// `None` before the first message.
    registration: Option<PeerRegistration>,
    /// What came of a change that is not complete.
    pending: Report,
    extent: Extent,
}

#[tonic::async_trait]
impl ReplicaRelay for Relay {
    async fn report(
        &self,
        request: Request<Streaming<proto::ReplicaReport>>,
    ) -> Result<Response<proto::Heard>, Status> {
        match request.extensions().get::<Identity>() {
            Some(Identity::Replica) => {}
            Some(Identity::Proxy(_)) => {
                return Err(Status::permission_denied(
                    "the token is not one of a controller",
                ));
            }
            None => return Err(Status::unauthenticated("no identity")),
        }
        let session = Session {
            tracker: self.tracker.clone(),
            registration: None,
            pending: Report::default(),
            extent: Extent::Everything,
        };
        let mut standing = self.standing.clone();
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => {
                Err(Status::unavailable("the controller is shutting down"))
            }
            () = follows(&mut standing) => {
                Err(Status::failed_precondition("this replica does not lead"))
            }
            ended = session.run(request.into_inner()) => ended,
        }
    }
}

/// Waits until this replica does not lead.
async fn follows(standing: &mut watch::Receiver<Standing>) {
    // Who tells it no more has ended, and leads no more.
    let _ = standing.wait_for(|now| *now == Standing::Follows).await;
}

impl Session {
    async fn run(
        mut self,
        mut inbound: Streaming<proto::ReplicaReport>,
    ) -> Result<Response<proto::Heard>, Status> {
        loop {
            let replaced = self.registration.as_ref();
            let replaced = replaced.map(|r| r.membership.replaced.clone());
            let replaced = async {
                match replaced {
                    Some(replaced) => replaced.cancelled().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = replaced => return Err(Status::aborted("the replica is to connect again")),
                message = inbound.message() => match message? {
                    Some(message) => self.take(message)?,
                    None => {
                        if let Some(registration) = self.registration.take() {
                            registration.farewell();
                        }
                        return Ok(Response::new(proto::Heard {}));
                    }
                },
            }
        }
    }

    fn take(&mut self, message: proto::ReplicaReport) -> Result<(), Status> {
        let registration = match &self.registration {
            Some(known) => known,
            None => {
                let welcomed = self.welcome(&message.replica)?;
                self.registration.insert(welcomed)
            }
        };
        let complete = message.complete;
        let read = self.pending.read(message);
        read.map_err(|invalid| Status::invalid_argument(invalid.to_string()))?;
        let too_much = || Status::resource_exhausted("that is more than can be remembered");
        if self.pending.len() > limits::REPORTED {
            return Err(too_much());
        }
        if !complete {
            return Ok(());
        }
        let news = std::mem::take(&mut self.pending);
        let extent = std::mem::replace(&mut self.extent, Extent::Changes);
        if registration.hear(news, extent) {
            Ok(())
        } else {
            Err(too_much())
        }
    }

    fn welcome(&self, replica: &str) -> Result<PeerRegistration, Status> {
        if replica.is_empty() || replica.len() > limits::NAME {
            return Err(Status::invalid_argument("the replica has no usable name"));
        }
        let welcomed = self.tracker.welcome(replica.into());
        welcomed.ok_or_else(|| Status::resource_exhausted("there are too many replicas"))
    }
}
