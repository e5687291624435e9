//! One stream: a proxy says what it holds, and gets what is different, again and again.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use agw_core::id::ObjectKey;
use futures_util::stream::{self, Stream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::authenticate::Identity;
use super::tracker::{ProxyError, Registration, Tracker};
use crate::cache::{Baseline, Content, View};
use crate::health::HealthReport;
use crate::limits;
use crate::proto;
use crate::proto::configuration_discovery_server::ConfigurationDiscovery;
use crate::proto::proxy_message::Message;
use crate::resource::{Hash, ResourceId};

/// How long a stream may take to say hello.
const HELLO: Duration = Duration::from_secs(10);
/// How long a change waits for a proxy that has not said that the last one is in force.
const ACK: Duration = Duration::from_secs(1);

/// The service.
pub(super) struct Discovery {
    views: watch::Receiver<Arc<View>>,
    tracker: Arc<Tracker>,
    shutdown: CancellationToken,
}

struct Session {
    identity: ObjectKey,
    inbound: Streaming<proto::ProxyMessage>,
    views: watch::Receiver<Arc<View>>,
    tracker: Arc<Tracker>,
    shutdown: CancellationToken,
    /// `None` before the hello.
    registration: Option<Registration>,
    baseline: Baseline,
    stage: Stage,
    queue: VecDeque<proto::Update>,
    /// What was sent last, until it is acknowledged. A proxy that is busy with one change gets all
    /// that follow as one, and not one behind another.
    awaited: Option<Awaited>,
}

/// An acknowledgement that has not come.
struct Awaited {
    version: u64,
    until: Instant,
}

/// What the proxy waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It has said nothing yet.
    Silent,
    /// It said hello; it gets an answer even when nothing is different.
    Greeted,
    /// It has its answer, and gets what changes.
    Following,
    Ended,
}

/// Something happened, and nothing needs to be sent for it.
type Step = Result<(), Status>;

impl Discovery {
    pub(super) fn new(
        views: watch::Receiver<Arc<View>>,
        tracker: Arc<Tracker>,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            views,
            tracker,
            shutdown,
        }
    }
}

#[tonic::async_trait]
impl ConfigurationDiscovery for Discovery {
    type StreamStream = Pin<Box<dyn Stream<Item = Result<proto::Update, Status>> + Send>>;

    async fn stream(
        &self,
        request: Request<Streaming<proto::ProxyMessage>>,
    ) -> Result<Response<Self::StreamStream>, Status> {
        let identity = match request.extensions().get::<Identity>() {
            Some(Identity::Proxy(gateway)) => gateway.clone(),
            Some(Identity::Replica) => {
                return Err(Status::permission_denied("the token is not one of a proxy"));
            }
            None => return Err(Status::unauthenticated("no identity")),
        };
        let session = Session {
            identity,
            inbound: request.into_inner(),
            views: self.views.clone(),
            tracker: self.tracker.clone(),
            shutdown: self.shutdown.clone(),
            registration: None,
            baseline: Baseline::Nothing,
            stage: Stage::Silent,
            queue: VecDeque::new(),
            awaited: None,
        };
        let deadline = Instant::now() + HELLO;
        let updates = stream::unfold(session, move |mut session| async move {
            let update = session.next(deadline).await?;
            Some((update, session))
        });
        Ok(Response::new(Box::pin(updates)))
    }
}

impl Session {
    /// The next message to the proxy; `None` at the end.
    async fn next(&mut self, deadline: Instant) -> Option<Result<proto::Update, Status>> {
        loop {
            if self.stage == Stage::Ended {
                return None;
            }
            if let Some(update) = self.queue.pop_front() {
                return Some(Ok(update));
            }
            if let Err(status) = self.step(deadline).await {
                self.stage = Stage::Ended;
                // Gone at once, and not when the last byte has been read.
                self.registration = None;
                return (status.code() != tonic::Code::Ok).then_some(Err(status));
            }
        }
    }

    async fn step(&mut self, deadline: Instant) -> Step {
        let silent = self.stage == Stage::Silent;
        let replaced = self.registration.as_ref().map(|r| r.replaced.clone());
        let waits = self.awaited.as_ref().map(|awaited| awaited.until);
        let replaced = async {
            match replaced {
                Some(replaced) => replaced.cancelled().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => {
                Err(Status::unavailable("the controller is shutting down"))
            }
            () = replaced => Err(Status::aborted("the proxy has connected again")),
            changed = self.views.changed(), if !silent && waits.is_none() => match changed {
                Ok(()) => self.offer(),
                Err(_) => Err(Status::unavailable("the controller is shutting down")),
            },
            message = self.inbound.message() => match message? {
                Some(message) => self.take(message),
                None => Err(Status::ok("the proxy has ended the stream")),
            },
            () = sleep_until(waits.unwrap_or(deadline)), if waits.is_some() => {
                self.awaited = None;
                Ok(())
            }
            () = sleep_until(deadline), if silent => {
                Err(Status::deadline_exceeded("no hello came"))
            }
        }
    }

    /// Queues what the proxy needs to hold what is published.
    fn offer(&mut self) -> Step {
        let view = self.views.borrow_and_update().clone();
        let Some(content) = view.gateways.get(&self.identity) else {
            if view.revision == 0 {
                return Ok(());
            }
            let gateway = &self.identity;
            return Err(Status::not_found(format!("there is no Gateway {gateway}")));
        };
        let known = matches!(&self.baseline, Baseline::Sent(c) if c.version == content.version);
        if self.stage == Stage::Greeted || !known {
            self.queue.extend(self.baseline.updates(content));
            self.stage = Stage::Following;
            self.awaited = Some(Awaited {
                version: content.version,
                until: Instant::now() + ACK,
            });
        }
        self.baseline = Baseline::Sent(content.clone());
        Ok(())
    }

    fn take(&mut self, message: proto::ProxyMessage) -> Step {
        match message.message {
            Some(Message::Hello(hello)) => self.hello(hello),
            Some(Message::Ack(ack)) => self.ack(ack),
            Some(Message::Health(health)) => self.health(health),
            None => Err(Status::invalid_argument("a message of an unknown kind")),
        }
    }

    fn hello(&mut self, hello: proto::Hello) -> Step {
        let proto::Hello {
            proxy,
            gateway,
            version,
            holdings,
        } = hello;
        let gateway = gateway.map(ObjectKey::try_from).transpose();
        let gateway = gateway.map_err(|invalid| Status::invalid_argument(invalid.to_string()))?;
        if gateway.as_ref() != Some(&self.identity) {
            return Err(Status::permission_denied("the token is another Gateway's"));
        }
        if proxy.is_empty() || proxy.len() > limits::NAME {
            return Err(Status::invalid_argument("the proxy has no usable name"));
        }
        if self.registration.as_ref().is_none_or(|r| *r.name != *proxy) {
            let registration = self.tracker.register(self.identity.clone(), proxy.into());
            self.registration = Some(registration);
        }
        self.queue.clear();
        self.baseline = match holdings.map(|holdings| held(&holdings)) {
            Some(Some(held)) if version != 0 => Baseline::Stated { version, held },
            None if version != 0 => self
                .published(version)
                .map_or(Baseline::Nothing, Baseline::Sent),
            _ => Baseline::Nothing,
        };
        self.stage = Stage::Greeted;
        self.offer()
    }

    /// The content that is published, if it is of this version.
    fn published(&self, version: u64) -> Option<Arc<Content>> {
        let view = self.views.borrow();
        let content = view.gateways.get(&self.identity)?;
        (content.version == version).then(|| content.clone())
    }

    fn ack(&mut self, ack: proto::Ack) -> Step {
        let proto::Ack { version, errors } = ack;
        let Some(registration) = &self.registration else {
            return Err(Status::failed_precondition("the first message is hello"));
        };
        let Baseline::Sent(content) = &self.baseline else {
            return Err(Status::failed_precondition("nothing has been sent yet"));
        };
        if version > content.version {
            return Err(Status::invalid_argument("the version has not been sent"));
        }
        // What is not known here is not reported on: a proxy speaks of its Gateway alone.
        let errors = errors.into_iter().take(limits::ERRORS).filter_map(|error| {
            let proto::ResourceError { id, message } = error;
            let id = ResourceId::try_from(id?).ok()?;
            let entry = content.entry(&id)?;
            Some(ProxyError {
                id,
                key: entry.key.clone(),
                message: limits::message(&message).into(),
            })
        });
        registration.acked(version, errors.collect());
        self.awaited = self
            .awaited
            .take()
            .filter(|awaited| awaited.version > version);
        Ok(())
    }

    fn health(&mut self, health: proto::Health) -> Step {
        let proto::Health { reports } = health;
        let Some(registration) = &self.registration else {
            return Err(Status::failed_precondition("the first message is hello"));
        };
        let Baseline::Sent(content) = &self.baseline else {
            return Ok(());
        };
        let reports = reports.into_iter().take(limits::REPORTS);
        let reports = reports.filter_map(|report| HealthReport::try_from(report).ok());
        let own = reports.filter(|report| content.has_backend(&report.backend));
        registration.reports(own.collect());
        Ok(())
    }
}

/// `None` when a part of it cannot be read: nothing is known then.
fn held(holdings: &proto::Holdings) -> Option<crate::cache::Held> {
    let resources = holdings.resources.iter();
    let read = |resource: &proto::HeldResource| {
        let id = ResourceId::try_from(resource.id.clone()?).ok()?;
        Some((id, Hash::read(&resource.hash)?))
    };
    resources.map(read).collect()
}
