//! From a Gateway and what its parameters ask for to what is deployed.

use std::collections::BTreeMap;

use agw_api::external::Gateway;
use agw_api::names::{
    APP_NAME, APP_NAME_LABEL, GATEWAY_CLASS_NAME_LABEL, GATEWAY_NAME_LABEL, INSTANCE_LABEL,
    MANAGED_BY_LABEL,
};
use agw_api::parameters::{ServiceOverlayPort, ServiceType};
use agw_core::id::ObjectKey;

use super::names::{label_value, resource_name};
use super::shape::{AutoscalerShape, Shape};
use super::{
    AutoscalerInfra, DeploymentInfra, DisruptionBudgetInfra, GatewayInfra, LogInfra, Metadata,
    Port, PortProtocol, ServiceInfra, ServicePortInfra, Shutdown,
};
use crate::finding::Code;
use crate::gateway::GatewayPlan;
use crate::report::{Report, Subject};
use crate::state::ClusterState;

const SHUTDOWN_MIN: u32 = 5;
const SHUTDOWN_MAX: u32 = 60;
/// Left to the pod after the last request is cut.
const GRACE: u32 = 10;
const CPU_UTILIZATION: u32 = 80;

/// What is deployed for each Gateway whose parameters are valid.
pub(crate) fn all(
    state: &ClusterState,
    plans: &[GatewayPlan],
    report: &mut Report,
) -> Vec<GatewayInfra> {
    let deployed = plans.iter().filter_map(|plan| {
        let sourced = state.gateways.get(&plan.key)?;
        let shape = plan.shape.as_ref().ok()?;
        let ports = plan.ports();
        let is_served = |number| ports.iter().any(|port: &Port| port.number == number);
        for port in shape.ports.iter().filter(|p| !is_served(target(p))) {
            let subject = Subject {
                kind: "Gateway",
                key: &plan.key,
                origin: &sourced.origin,
            };
            let message = format!(
                "its parameters name the Service port {}, and no listener has port {}",
                port.port,
                target(port)
            );
            let remedy = "set the port's `targetPort` to a listener's port";
            let field = "spec.infrastructure.parametersRef";
            report.add(subject, Code::NoEffect, field, message, remedy);
        }
        let mut infra = resolve(&plan.key, &sourced.object, ports, shape)?;
        infra.service.addresses = plan.addresses.clone().unwrap_or_default();
        Some(infra)
    });
    deployed.collect()
}

/// What is deployed for a Gateway whose listeners have `ports`; `None` when they have none: there
/// is no Service without a port.
fn resolve(
    key: &ObjectKey,
    gateway: &Gateway,
    ports: Vec<Port>,
    shape: &Shape,
) -> Option<GatewayInfra> {
    if ports.is_empty() {
        return None;
    }
    let name = resource_name(&key.name);
    let selector = BTreeMap::from([
        (GATEWAY_NAME_LABEL.to_owned(), label_value(&key.name)),
        (APP_NAME_LABEL.to_owned(), APP_NAME.to_owned()),
    ]);
    let metadata = own(gateway, &name, &selector);
    let with = |asked: &Metadata| own_wins(&metadata, asked);
    Some(GatewayInfra {
        gateway: key.clone(),
        uid: gateway.metadata.uid.clone(),
        service: service(with(&shape.service), &ports, shape),
        deployment: deployment(with, shape),
        service_account: with(&shape.service_account),
        autoscaler: shape.autoscaler.as_ref().map(|a| autoscaler(with, a)),
        disruption_budget: shape.disruption_budget.as_ref().map(|(asked, keeps)| {
            DisruptionBudgetInfra {
                metadata: with(asked),
                keeps: *keeps,
            }
        }),
        name,
        selector,
        metadata,
        ports,
    })
}

/// Labels and annotations of everything: those of `spec.infrastructure`, and the deployer's own.
fn own(gateway: &Gateway, name: &str, selector: &BTreeMap<String, String>) -> Metadata {
    let infrastructure = gateway.spec.infrastructure.clone().unwrap_or_default();
    let mut labels = infrastructure.labels.unwrap_or_default();
    labels.extend(selector.clone());
    let class = &gateway.spec.gateway_class_name;
    labels.extend([
        (GATEWAY_CLASS_NAME_LABEL.to_owned(), label_value(class)),
        (MANAGED_BY_LABEL.to_owned(), APP_NAME.to_owned()),
        (INSTANCE_LABEL.to_owned(), name.to_owned()),
    ]);
    Metadata {
        labels,
        annotations: infrastructure.annotations.unwrap_or_default(),
    }
}

/// What one object bears. Its parameters may overrule what the Gateway's `infrastructure` says,
/// not what the deployer itself needs.
fn own_wins(own: &Metadata, asked: &Metadata) -> Metadata {
    let mut metadata = asked.clone().over(own.clone());
    let fixed = [
        GATEWAY_NAME_LABEL,
        GATEWAY_CLASS_NAME_LABEL,
        APP_NAME_LABEL,
        MANAGED_BY_LABEL,
        INSTANCE_LABEL,
    ];
    for label in fixed {
        if let Some(value) = own.labels.get(label) {
            metadata.labels.insert(label.to_owned(), value.clone());
        }
    }
    metadata
}

/// The Service. Settings that its type cannot have, since the type and they come from different
/// parameters, are left out: the API server would refuse the whole.
fn service(metadata: Metadata, ports: &[Port], shape: &Shape) -> ServiceInfra {
    let kind = shape.service_type.unwrap_or_default();
    let mut ports = service_ports(ports, &shape.ports);
    if kind == ServiceType::ClusterIp {
        ports.iter_mut().for_each(|port| port.node_port = None);
    }
    let policy = shape.external_traffic_policy;
    let class = shape.load_balancer_class.clone();
    ServiceInfra {
        metadata,
        kind,
        ports,
        external_traffic_policy: policy.filter(|_| kind != ServiceType::ClusterIp),
        load_balancer_class: class.filter(|_| kind == ServiceType::LoadBalancer),
        addresses: Vec::new(),
    }
}

fn deployment(with: impl Fn(&Metadata) -> Metadata, shape: &Shape) -> DeploymentInfra {
    let max = shape.shutdown_max.unwrap_or(SHUTDOWN_MAX);
    let max = max.max(shape.shutdown_min.unwrap_or(0));
    let shutdown = Shutdown {
        min: shape.shutdown_min.unwrap_or(SHUTDOWN_MIN).min(max),
        max,
    };
    DeploymentInfra {
        metadata: with(&shape.deployment),
        pod: with(&shape.pod),
        replicas: match shape.autoscaler {
            Some(_) => None,
            None => Some(shape.replicas.unwrap_or(1)),
        },
        image: shape.image.clone(),
        resources: shape.resources.clone(),
        log: LogInfra {
            level: shape.log_level.clone(),
            format: shape.log_format.unwrap_or_default(),
        },
        shutdown,
        termination_grace_period_seconds: shape
            .termination_grace_period_seconds
            .unwrap_or(shutdown.max + GRACE),
        node_selector: shape.node_selector.clone(),
        tolerations: shape.tolerations.clone(),
        priority_class: shape.priority_class.clone(),
        image_pull_secrets: shape.image_pull_secrets.clone(),
    }
}

fn autoscaler(with: impl Fn(&Metadata) -> Metadata, asked: &AutoscalerShape) -> AutoscalerInfra {
    let by_default = asked
        .memory_utilization
        .is_none()
        .then_some(CPU_UTILIZATION);
    let min_replicas = asked.min_replicas.unwrap_or(1);
    AutoscalerInfra {
        metadata: with(&asked.metadata),
        min_replicas: min_replicas.min(asked.max_replicas),
        max_replicas: asked.max_replicas,
        cpu_utilization: asked.cpu_utilization.or(by_default),
        memory_utilization: asked.memory_utilization,
    }
}

/// One port for each of the listeners', on its own number unless the parameters give it others. A
/// port that the parameters name and no listener has is left out: there is nothing behind it.
fn service_ports(ports: &[Port], asked: &[ServiceOverlayPort]) -> Vec<ServicePortInfra> {
    let mut all: Vec<ServicePortInfra> = Vec::new();
    for port in asked {
        let is_own = |own: &&Port| {
            let protocol = port.protocol.map(PortProtocol::from);
            own.number == target(port) && protocol.is_none_or(|protocol| protocol == own.protocol)
        };
        let Some(own) = ports.iter().find(is_own) else {
            continue;
        };
        let own_name = Port {
            number: port.port,
            ..*own
        };
        all.push(ServicePortInfra {
            name: port.name.clone().unwrap_or_else(|| own_name.name()),
            protocol: own.protocol,
            port: port.port,
            target: target(port),
            node_port: port.node_port,
        });
    }
    for port in ports {
        let is_served = |p: &ServicePortInfra| {
            p.protocol == port.protocol && [p.target, p.port].contains(&port.number)
        };
        if !all.iter().any(is_served) {
            all.push(ServicePortInfra {
                name: port.name(),
                protocol: port.protocol,
                port: port.number,
                target: port.number,
                node_port: None,
            });
        }
    }
    all.sort_by_key(|port| (port.port, port.protocol));
    all
}

/// The listener's port behind a port of the Service.
fn target(port: &ServiceOverlayPort) -> u16 {
    port.target_port.unwrap_or(port.port)
}

impl Port {
    /// Its name in the Service and in the pod.
    pub fn name(self) -> String {
        match self.protocol {
            PortProtocol::Tcp => format!("port-{}", self.number),
            PortProtocol::Udp => format!("udp-{}", self.number),
        }
    }
}
