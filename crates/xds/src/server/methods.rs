//! Which service a request is for, by its path.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;

use super::relay::Relay;
use super::session::Discovery;
use crate::proto::configuration_discovery_server::ConfigurationDiscoveryServer;
use crate::proto::replica_relay_server::ReplicaRelayServer;

/// All that is served. The check of tokens is before it.
#[derive(Clone)]
pub(super) struct Methods {
    pub(super) discovery: ConfigurationDiscoveryServer<Discovery>,
    pub(super) relay: ReplicaRelayServer<Relay>,
}

impl Service<Request<Body>> for Methods {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Both always are.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let service = request.uri().path().trim_start_matches('/');
        let service = service.split('/').next().unwrap_or_default();
        if service == ReplicaRelayServer::<Relay>::NAME {
            self.relay.call(request)
        } else {
            // It also refuses what nobody serves.
            self.discovery.call(request)
        }
    }
}
