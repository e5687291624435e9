//! What parameters ask for, in one spelling.

use std::collections::BTreeMap;
use std::sync::Arc;

use agw_api::AgentgatewayParametersSpec;
use agw_api::parameters::{
    Autoscaler, DisruptionBudget, ExternalTrafficPolicy, LogFormat, Metadata as ApiMetadata,
    MetricResourceName, Resources, ServiceOverlayPort, ServiceType, Toleration,
};
use agw_core::header::FieldName;
use agw_core::price::Prices;

use super::{Image, Keeps, Metadata};

/// What is asked of a proxy's deployment. What is empty or `None` is not asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Shape {
    pub(super) replicas: Option<u32>,
    pub(super) image: Image,
    pub(super) resources: Resources,
    pub(super) log_level: Option<String>,
    pub(super) log_format: Option<LogFormat>,
    pub(super) service: Metadata,
    pub(super) service_type: Option<ServiceType>,
    pub(super) ports: Vec<ServiceOverlayPort>,
    pub(super) external_traffic_policy: Option<ExternalTrafficPolicy>,
    pub(super) load_balancer_class: Option<String>,
    pub(super) deployment: Metadata,
    pub(super) pod: Metadata,
    pub(super) node_selector: BTreeMap<String, String>,
    pub(super) tolerations: Vec<Toleration>,
    pub(super) termination_grace_period_seconds: Option<u32>,
    pub(super) priority_class: Option<String>,
    pub(super) image_pull_secrets: Vec<String>,
    pub(super) service_account: Metadata,
    pub(super) autoscaler: Option<AutoscalerShape>,
    pub(super) disruption_budget: Option<(Metadata, Keeps)>,
    pub(super) shutdown_min: Option<u32>,
    pub(super) shutdown_max: Option<u32>,
    /// Set by whoever has checked them.
    pub(crate) logged_headers: Vec<FieldName>,
    /// The same.
    pub(crate) prices: Arc<Prices>,
}

/// What is asked of an autoscaler.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct AutoscalerShape {
    pub(super) metadata: Metadata,
    pub(super) min_replicas: Option<u32>,
    pub(super) max_replicas: u32,
    pub(super) cpu_utilization: Option<u32>,
    pub(super) memory_utilization: Option<u32>,
}

impl Shape {
    /// What one object asks for, the headers of the access log apart. The Deployment's overlay
    /// wins over the short form of the same.
    pub(crate) fn of(spec: &AgentgatewayParametersSpec) -> Self {
        let deployment = spec.deployment.clone().unwrap_or_default();
        let workload = deployment.spec.unwrap_or_default();
        let template = workload.template.unwrap_or_default();
        let pod = template.spec.unwrap_or_default();
        let container = pod.containers.into_iter().next();
        let container = container.and_then(|c| c.resources).unwrap_or_default();
        let service = spec.service.clone().unwrap_or_default();
        let ports = service.spec.unwrap_or_default();
        let logging = spec.logging.clone().unwrap_or_default();
        let shutdown = spec.shutdown.unwrap_or_default();
        let account = spec.service_account.clone().unwrap_or_default();
        Self {
            replicas: workload.replicas.or(spec.replicas),
            image: spec.image.clone().map(Image::from).unwrap_or_default(),
            resources: merge(container, spec.resources.clone().unwrap_or_default()),
            log_level: logging.level,
            log_format: logging.format,
            service: service.metadata.into(),
            service_type: ports.type_,
            ports: ports.ports,
            external_traffic_policy: ports.external_traffic_policy,
            load_balancer_class: ports.load_balancer_class,
            deployment: deployment.metadata.into(),
            pod: template.metadata.into(),
            node_selector: pod.node_selector,
            tolerations: pod.tolerations,
            termination_grace_period_seconds: pod.termination_grace_period_seconds,
            priority_class: pod.priority_class_name,
            image_pull_secrets: pod.image_pull_secrets.into_iter().map(|s| s.name).collect(),
            service_account: account.metadata.into(),
            autoscaler: spec.horizontal_pod_autoscaler.clone().map(Into::into),
            disruption_budget: spec.pod_disruption_budget.clone().and_then(budget),
            shutdown_min: shutdown.min,
            shutdown_max: shutdown.max,
            logged_headers: Vec::new(),
            prices: Arc::default(),
        }
    }

    /// This, and what `below` asks for beside it: single values and lists as a whole, maps and
    /// their like entry by entry.
    pub(crate) fn over(self, below: Self) -> Self {
        Self {
            replicas: self.replicas.or(below.replicas),
            image: self.image.over(&below.image),
            resources: merge(self.resources, below.resources),
            log_level: self.log_level.or(below.log_level),
            log_format: self.log_format.or(below.log_format),
            service: self.service.over(below.service),
            service_type: self.service_type.or(below.service_type),
            ports: either(self.ports, below.ports),
            external_traffic_policy: self
                .external_traffic_policy
                .or(below.external_traffic_policy),
            load_balancer_class: self.load_balancer_class.or(below.load_balancer_class),
            deployment: self.deployment.over(below.deployment),
            pod: self.pod.over(below.pod),
            node_selector: union(self.node_selector, below.node_selector),
            tolerations: either(self.tolerations, below.tolerations),
            termination_grace_period_seconds: self
                .termination_grace_period_seconds
                .or(below.termination_grace_period_seconds),
            priority_class: self.priority_class.or(below.priority_class),
            image_pull_secrets: either(self.image_pull_secrets, below.image_pull_secrets),
            service_account: self.service_account.over(below.service_account),
            autoscaler: match (self.autoscaler, below.autoscaler) {
                (Some(own), Some(below)) => Some(own.over(below)),
                (own, below) => own.or(below),
            },
            disruption_budget: match (self.disruption_budget, below.disruption_budget) {
                (Some((own, keeps)), Some((below, _))) => Some((own.over(below), keeps)),
                (own, below) => own.or(below),
            },
            shutdown_min: self.shutdown_min.or(below.shutdown_min),
            shutdown_max: self.shutdown_max.or(below.shutdown_max),
            logged_headers: either(self.logged_headers, below.logged_headers),
            prices: merged(self.prices, below.prices),
        }
    }
}

/// Both; of a model that both know, the first's price.
fn merged(own: Arc<Prices>, below: Arc<Prices>) -> Arc<Prices> {
    if own.is_empty() || below.is_empty() {
        return if own.is_empty() { below } else { own };
    }
    let mut all = Prices::clone(&below);
    all.extend(own.iter().map(|(model, price)| (model.clone(), *price)));
    Arc::new(all)
}

impl AutoscalerShape {
    fn over(self, below: Self) -> Self {
        Self {
            metadata: self.metadata.over(below.metadata),
            min_replicas: self.min_replicas.or(below.min_replicas),
            max_replicas: self.max_replicas,
            cpu_utilization: self.cpu_utilization.or(below.cpu_utilization),
            memory_utilization: self.memory_utilization.or(below.memory_utilization),
        }
    }
}

impl From<Autoscaler> for AutoscalerShape {
    fn from(written: Autoscaler) -> Self {
        let spec = written.spec;
        let metric = |name| {
            let mut metrics = spec.metrics.iter().map(|m| &m.resource);
            let found = metrics.find(|resource| resource.name == name);
            found.map(|resource| resource.target.average_utilization)
        };
        Self {
            metadata: written.metadata.into(),
            min_replicas: spec.min_replicas,
            max_replicas: spec.max_replicas,
            cpu_utilization: metric(MetricResourceName::Cpu)
                .or(spec.target_cpu_utilization_percentage),
            memory_utilization: metric(MetricResourceName::Memory),
        }
    }
}

/// What a budget keeps; one that says nothing keeps nothing.
fn budget(written: DisruptionBudget) -> Option<(Metadata, Keeps)> {
    let spec = written.spec;
    let keeps = match (spec.min_available, spec.max_unavailable) {
        (Some(count), _) => Keeps::MinAvailable(count),
        (None, Some(count)) => Keeps::MaxUnavailable(count),
        (None, None) => return None,
    };
    Some((written.metadata.into(), keeps))
}

impl Metadata {
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            labels: union(self.labels, below.labels),
            annotations: union(self.annotations, below.annotations),
        }
    }
}

impl From<Option<ApiMetadata>> for Metadata {
    fn from(written: Option<ApiMetadata>) -> Self {
        let written = written.unwrap_or_default();
        Self {
            labels: written.labels,
            annotations: written.annotations,
        }
    }
}

fn merge(own: Resources, below: Resources) -> Resources {
    Resources {
        requests: union(own.requests, below.requests),
        limits: union(own.limits, below.limits),
    }
}

fn union<T>(own: BTreeMap<String, T>, mut below: BTreeMap<String, T>) -> BTreeMap<String, T> {
    below.extend(own);
    below
}

fn either<T>(own: Vec<T>, below: Vec<T>) -> Vec<T> {
    if own.is_empty() { below } else { own }
}

#[cfg(test)]
mod tests;
