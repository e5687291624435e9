//! What is deployed for a Gateway, as values: the deployer turns them into objects.

mod catalog;
mod names;
mod parameters;
mod resolve;
mod shape;

use std::collections::BTreeMap;

use agw_api::parameters::{
    CountOrShare, ExternalTrafficPolicy, Image as ApiImage, LogFormat, PullPolicy, Resources,
    ServiceType, Toleration, TransportProtocol,
};
use agw_core::id::ObjectKey;
use serde::Serialize;

use crate::status::Address;

pub(crate) use parameters::{Parameters, ParametersRef, follow, read_all};
pub(crate) use resolve::all;
pub(crate) use shape::Shape;

/// Name of the proxy's container.
pub const CONTAINER: &str = "agentgateway";

/// Everything that is deployed for one Gateway, with its parameters resolved.
///
/// Every object bears [`GatewayInfra::name`] and lives in the Gateway's namespace. A Gateway of
/// ours that is not among them (its parameters are not valid, or it has no port to listen on)
/// keeps what is deployed for it; what a deleted Gateway leaves is the garbage collector's, by the
/// owner reference that `uid` makes possible.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GatewayInfra {
    pub gateway: ObjectKey,
    /// The Gateway's uid; `None` outside a cluster.
    pub uid: Option<String>,
    /// Name of every object: the Gateway's own, or one made from it that a Service may have.
    pub name: String,
    /// Labels that the Deployment and Service select the pods by. They never change.
    pub selector: BTreeMap<String, String>,
    /// Labels and annotations of what has none of its own below.
    pub metadata: Metadata,
    /// Ports that the proxy listens on, sorted. Listeners bind their own port, also below 1024:
    /// the pod needs the safe sysctl `net.ipv4.ip_unprivileged_port_start=0`.
    pub ports: Vec<Port>,
    pub service: ServiceInfra,
    pub deployment: DeploymentInfra,
    /// Labels and annotations of the ServiceAccount.
    pub service_account: Metadata,
    pub autoscaler: Option<AutoscalerInfra>,
    pub disruption_budget: Option<DisruptionBudgetInfra>,
}

/// All labels and annotations of one object: those of the Gateway, and those of its parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Metadata {
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

/// A port that the proxy listens on. A number may be a port for streams and another for datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Port {
    pub number: u16,
    pub protocol: PortProtocol,
}

/// What goes over a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum PortProtocol {
    Tcp,
    Udp,
}

impl From<TransportProtocol> for PortProtocol {
    fn from(protocol: TransportProtocol) -> Self {
        match protocol {
            TransportProtocol::Tcp => Self::Tcp,
            TransportProtocol::Udp => Self::Udp,
        }
    }
}

/// The Service in front of the proxies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceInfra {
    pub metadata: Metadata,
    pub kind: ServiceType,
    /// Sorted by port. Never empty.
    pub ports: Vec<ServicePortInfra>,
    pub external_traffic_policy: Option<ExternalTrafficPolicy>,
    pub load_balancer_class: Option<String>,
    /// Addresses that the Gateway asks for. A Service can be asked for one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
}

/// A port of the Service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServicePortInfra {
    /// Unique, and valid as a name of a port.
    pub name: String,
    pub protocol: PortProtocol,
    pub port: u16,
    /// The proxy's port.
    pub target: u16,
    pub node_port: Option<u16>,
}

/// The Deployment of the proxies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeploymentInfra {
    pub metadata: Metadata,
    /// Of the pods; holds [`GatewayInfra::selector`].
    pub pod: Metadata,
    /// `None` where an autoscaler decides: the field is then left out.
    pub replicas: Option<u32>,
    pub image: Image,
    pub resources: Resources,
    pub log: LogInfra,
    pub shutdown: Shutdown,
    pub termination_grace_period_seconds: u32,
    pub node_selector: BTreeMap<String, String>,
    pub tolerations: Vec<Toleration>,
    pub priority_class: Option<String>,
    /// Names of Secrets.
    pub image_pull_secrets: Vec<String>,
}

/// An image; what is `None` is left to the one below it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Image {
    pub registry: Option<String>,
    pub repository: Option<String>,
    pub tag: Option<String>,
    pub digest: Option<String>,
    pub pull_policy: Option<PullPolicy>,
}

/// The proxy's own log, on standard error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LogInfra {
    /// The proxy's `--log`; `None` leaves its default.
    pub level: Option<String>,
    /// The proxy's `--log-format`.
    pub format: LogFormat,
}

/// How a pod ends, in seconds after it is told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Shutdown {
    /// New connections are taken at least this long, while endpoints and load balancers take
    /// notice: the `sleep` of the pod's `preStop` hook.
    pub min: u32,
    /// Requests under way may go on until then: `--drain` is `max - min`.
    pub max: u32,
}

/// A HorizontalPodAutoscaler on the Deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AutoscalerInfra {
    pub metadata: Metadata,
    pub min_replicas: u32,
    pub max_replicas: u32,
    /// Use of the requested CPU, in percent.
    pub cpu_utilization: Option<u32>,
    /// Use of the requested memory, in percent.
    pub memory_utilization: Option<u32>,
}

/// A PodDisruptionBudget on the pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DisruptionBudgetInfra {
    pub metadata: Metadata,
    pub keeps: Keeps,
}

/// What a disruption leaves standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Keeps {
    MinAvailable(CountOrShare),
    MaxUnavailable(CountOrShare),
}

impl ServiceInfra {
    /// The address to ask for.
    pub fn address(&self) -> Option<&str> {
        self.addresses.iter().find_map(|address| match address {
            Address::Ip(ip) => Some(ip.as_str()),
            Address::Hostname(_) => None,
        })
    }
}

impl Image {
    /// This image, with what it leaves out taken from `below`. A tag or digest of its own replaces
    /// both of `below`: they name the same thing.
    #[must_use]
    pub fn over(&self, below: &Self) -> Self {
        let pinned = self.tag.is_some() || self.digest.is_some();
        let pin = if pinned { self } else { below };
        Self {
            registry: self.registry.clone().or_else(|| below.registry.clone()),
            repository: self.repository.clone().or_else(|| below.repository.clone()),
            tag: pin.tag.clone(),
            digest: pin.digest.clone(),
            pull_policy: self.pull_policy.or(below.pull_policy),
        }
    }

    /// `registry/repository:tag@digest`, with what is known. Without a repository there is none.
    pub fn reference(&self) -> Option<String> {
        let mut text = match &self.registry {
            Some(registry) => format!("{registry}/"),
            None => String::new(),
        };
        text += self.repository.as_deref()?;
        for (mark, part) in [(':', &self.tag), ('@', &self.digest)] {
            if let Some(part) = part {
                text.push(mark);
                text += part;
            }
        }
        Some(text)
    }
}

impl From<ApiImage> for Image {
    fn from(written: ApiImage) -> Self {
        Self {
            registry: written.registry,
            repository: written.repository,
            tag: written.tag,
            digest: written.digest,
            pull_policy: written.pull_policy,
        }
    }
}
