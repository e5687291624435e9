//! Services as backends: their ready endpoints, from EndpointSlices.

use std::collections::BTreeMap;
use std::sync::Arc;

use agw_api::external::{EndpointSlice, Service, ServicePort};
use agw_api::names::SERVICE_NAME_LABEL;
use agw_core::backend::{
    AppProtocol, Backend, BackendPolicy, BackendTarget, Endpoint, EndpointBackend, UpstreamTls,
};
use agw_core::id::{BackendKey, ObjectKey};

use crate::state::ClusterState;

/// What a port of a Service takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Streams,
    Datagrams,
}

impl Transport {
    fn is_of(self, protocol: Option<&str>) -> bool {
        (protocol == Some("UDP")) == (self == Self::Datagrams)
    }
}

/// EndpointSlices by the Service that each belongs to.
#[derive(Debug, Default)]
pub(crate) struct Endpoints<'a>(BTreeMap<ObjectKey, Vec<&'a EndpointSlice>>);

impl<'a> Endpoints<'a> {
    pub(crate) fn of(state: &'a ClusterState) -> Self {
        let mut slices: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (key, sourced) in &state.slices {
            let labels = sourced.object.metadata.labels.as_ref();
            if let Some(service) = labels.and_then(|l| l.get(SERVICE_NAME_LABEL)) {
                let of = ObjectKey::new(key.namespace.clone(), service.as_str());
                slices.entry(of).or_default().push(&sourced.object);
            }
        }
        Self(slices)
    }

    fn slices(&self, service: &ObjectKey) -> &[&'a EndpointSlice] {
        let slices = self.0.get(service);
        slices.map_or(&[], Vec::as_slice)
    }
}

/// The port of a Service that has this number.
pub(crate) fn port(service: &Service, number: u16, transport: Transport) -> Option<&ServicePort> {
    let mut ports = service.spec.as_ref()?.ports.as_ref()?.iter();
    ports.find(|port| {
        u16::try_from(port.port) == Ok(number) && transport.is_of(port.protocol.as_deref())
    })
}

/// The backend of one port of a Service.
pub(crate) fn backend(
    endpoints: &Endpoints<'_>,
    key: &ObjectKey,
    port: &ServicePort,
    transport: Transport,
    tls: Option<&UpstreamTls>,
) -> Backend {
    let protocol = match port.app_protocol.as_deref() {
        Some("kubernetes.io/h2c") => AppProtocol::H2c,
        _ => AppProtocol::Http1,
    };
    let slices = endpoints.slices(key).iter();
    let mut endpoints: Vec<Endpoint> = slices
        .flat_map(|slice| ready(slice, port.name.as_deref(), tls))
        .collect();
    endpoints.sort_by(|a, b| (&a.host, a.port).cmp(&(&b.host, b.port)));
    endpoints.dedup();
    let target = EndpointBackend {
        endpoints,
        protocol,
        policy: BackendPolicy::default(),
    };
    let number = u16::try_from(port.port).unwrap_or_default();
    let key = match transport {
        Transport::Streams => BackendKey::service(key.clone(), number),
        Transport::Datagrams => BackendKey::udp_service(key.clone(), number),
    };
    Backend {
        key,
        target: BackendTarget::Endpoints(Box::new(target)),
    }
}

/// Addresses that take requests: ready, and not ending unless nothing says so. A slice's port
/// belongs to the Service's by name.
fn ready<'a>(
    slice: &'a EndpointSlice,
    port: Option<&'a str>,
    tls: Option<&'a UpstreamTls>,
) -> impl Iterator<Item = Endpoint> + 'a {
    let ports = slice.ports.iter().flatten();
    let number = ports
        .filter(move |p| p.name.as_deref().unwrap_or_default() == port.unwrap_or_default())
        .find_map(|p| p.port.and_then(|n| u16::try_from(n).ok()));
    let endpoints = slice.endpoints.iter();
    let usable = endpoints.filter(|e| e.conditions.as_ref().and_then(|c| c.ready).unwrap_or(true));
    usable
        .flat_map(|e| &e.addresses)
        .filter_map(move |address| {
            Some(Endpoint {
                host: Arc::from(address.as_str()),
                port: number?,
                tls: tls.cloned(),
            })
        })
}
