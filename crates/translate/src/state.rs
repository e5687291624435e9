//! The objects that translation sees, by kind and name.

use std::collections::BTreeMap;
use std::sync::Arc;

use agw_api::external::gateways::GatewayInfrastructure;
use agw_api::external::{
    BackendTlsPolicy, ConfigMap, EndpointSlice, Gateway, GatewayClass, Namespace, ReferenceGrant,
    Service,
};
use agw_api::parameters::Logging;
use agw_api::{
    AgentgatewayBackend, AgentgatewayModel, AgentgatewayParameters, AgentgatewayParametersSpec,
    AgentgatewayPolicy, EnterpriseAgentgatewayParameters, EnterpriseAgentgatewayPolicy,
};
use agw_core::id::{ObjectKey, RouteKind};

use crate::finding::{Code, ObjectRef};
use crate::manifest::{
    Kind, ListenerSetObject, Loaded, Object, RouteObject, SecretObject, Sourced, Unreadable,
};
use crate::report::{Report, Subject};
use crate::settings::{Mode, Settings};

/// Objects of one kind, by namespace and name: the order never depends on how they came in. An
/// object never changes; one that is applied again is another value.
pub type Objects<T> = BTreeMap<ObjectKey, Arc<Sourced<T>>>;

/// Routes of all kinds, by namespace, name and kind.
pub type Routes = BTreeMap<(ObjectKey, RouteKind), Arc<Sourced<RouteObject>>>;

/// Every object that matters.
#[derive(Debug, Clone, Default)]
pub struct ClusterState {
    pub classes: Objects<GatewayClass>,
    pub gateways: Objects<Gateway>,
    pub routes: Routes,
    pub listener_sets: Objects<ListenerSetObject>,
    pub tls_policies: Objects<BackendTlsPolicy>,
    pub config_maps: Objects<ConfigMap>,
    pub grants: Objects<ReferenceGrant>,
    pub secrets: Objects<SecretObject>,
    pub services: Objects<Service>,
    pub slices: Objects<EndpointSlice>,
    pub namespaces: Objects<Namespace>,
    pub backends: Objects<AgentgatewayBackend>,
    pub models: Objects<AgentgatewayModel>,
    pub policies: Objects<AgentgatewayPolicy>,
    pub enterprise_policies: Objects<EnterpriseAgentgatewayPolicy>,
    pub parameters: Objects<AgentgatewayParameters>,
    pub enterprise_parameters: Objects<EnterpriseAgentgatewayParameters>,
    /// Objects that are written and cannot be used: a reference to one is not dangling.
    pub broken: Vec<ObjectRef>,
    /// Those of them that an API server has.
    pub(crate) unreadable: BTreeMap<(Kind, ObjectKey), Unreadable>,
}

impl ClusterState {
    /// The state that files describe.
    pub fn from_loaded(loaded: Loaded) -> Self {
        let mut state = Self {
            broken: loaded.broken,
            ..Self::default()
        };
        for object in loaded.objects {
            state.apply(object);
        }
        state
    }

    /// Adds an object, or replaces the one of its name.
    pub fn apply(&mut self, object: Object) {
        let reference = object.reference();
        let key = ObjectKey::new(reference.namespace.unwrap_or_default(), reference.name);
        self.forget(object.kind(), &key);
        match object {
            Object::GatewayClass(o) => put(&mut self.classes, key, o),
            Object::Gateway(o) => put(&mut self.gateways, key, o),
            Object::Route(o) => {
                let kind = o.object.kind;
                self.routes.insert((key, kind), Arc::new(o));
            }
            Object::ListenerSet(o) => put(&mut self.listener_sets, key, o),
            Object::BackendTlsPolicy(o) => put(&mut self.tls_policies, key, o),
            Object::ReferenceGrant(o) => put(&mut self.grants, key, o),
            Object::Secret(o) => put(&mut self.secrets, key, o),
            Object::Service(o) => put(&mut self.services, key, o),
            Object::EndpointSlice(o) => put(&mut self.slices, key, o),
            Object::Namespace(o) => put(&mut self.namespaces, key, o),
            Object::Backend(o) => put(&mut self.backends, key, o),
            Object::Model(o) => put(&mut self.models, key, o),
            Object::Policy(o) => put(&mut self.policies, key, o),
            Object::EnterprisePolicy(o) => put(&mut self.enterprise_policies, key, o),
            Object::Parameters(o) => put(&mut self.parameters, key, o),
            Object::EnterpriseParameters(o) => put(&mut self.enterprise_parameters, key, o),
            Object::ConfigMap(o) => put(&mut self.config_maps, key, o),
        }
    }

    /// Takes an object away, also one that could not be read.
    pub fn remove(&mut self, kind: Kind, key: &ObjectKey) {
        self.forget(kind, key);
        match kind {
            Kind::GatewayClass => drop(self.classes.remove(key)),
            Kind::Gateway => drop(self.gateways.remove(key)),
            Kind::HttpRoute => self.remove_route(RouteKind::Http, key),
            Kind::GrpcRoute => self.remove_route(RouteKind::Grpc, key),
            Kind::TlsRoute => self.remove_route(RouteKind::Tls, key),
            Kind::TcpRoute => self.remove_route(RouteKind::Tcp, key),
            Kind::UdpRoute => self.remove_route(RouteKind::Udp, key),
            Kind::ListenerSet => drop(self.listener_sets.remove(key)),
            Kind::BackendTlsPolicy => drop(self.tls_policies.remove(key)),
            Kind::ReferenceGrant => drop(self.grants.remove(key)),
            Kind::Secret => drop(self.secrets.remove(key)),
            Kind::Service => drop(self.services.remove(key)),
            Kind::EndpointSlice => drop(self.slices.remove(key)),
            Kind::Namespace => drop(self.namespaces.remove(key)),
            Kind::Backend => drop(self.backends.remove(key)),
            Kind::Model => drop(self.models.remove(key)),
            Kind::Policy => drop(self.policies.remove(key)),
            Kind::EnterprisePolicy => drop(self.enterprise_policies.remove(key)),
            Kind::Parameters => drop(self.parameters.remove(key)),
            Kind::EnterpriseParameters => drop(self.enterprise_parameters.remove(key)),
            Kind::ConfigMap => drop(self.config_maps.remove(key)),
        }
    }

    fn remove_route(&mut self, kind: RouteKind, key: &ObjectKey) {
        self.routes.remove(&(key.clone(), kind));
    }

    /// Puts an object that cannot be read in the place of the one of its name: references to it
    /// are not dangling, and its status and a finding say what is wrong.
    pub fn apply_unreadable(&mut self, unreadable: Unreadable) {
        let object = unreadable.object.clone();
        let key = ObjectKey::new(
            object.namespace.clone().unwrap_or_default(),
            object.name.as_str(),
        );
        self.remove(unreadable.kind, &key);
        self.broken.push(object);
        self.unreadable.insert((unreadable.kind, key), unreadable);
    }

    /// Whether all but the routes and models are the very same objects.
    pub(crate) fn has_surroundings_of(&self, other: &Self) -> bool {
        let Self {
            classes,
            gateways,
            routes: _,
            listener_sets,
            tls_policies,
            config_maps,
            grants,
            secrets,
            services,
            slices,
            namespaces,
            backends,
            models: _,
            policies,
            enterprise_policies,
            parameters,
            enterprise_parameters,
            broken,
            unreadable,
        } = self;
        same(classes, &other.classes)
            && same(gateways, &other.gateways)
            && same(listener_sets, &other.listener_sets)
            && same(tls_policies, &other.tls_policies)
            && same(config_maps, &other.config_maps)
            && same(grants, &other.grants)
            && same(secrets, &other.secrets)
            && same(services, &other.services)
            && same(slices, &other.slices)
            && same(namespaces, &other.namespaces)
            && same(backends, &other.backends)
            && same(policies, &other.policies)
            && same(enterprise_policies, &other.enterprise_policies)
            && same(parameters, &other.parameters)
            && same(enterprise_parameters, &other.enterprise_parameters)
            && *broken == other.broken
            && *unreadable == other.unreadable
    }

    /// All but the routes and models.
    pub(crate) fn surroundings(&self) -> Self {
        Self {
            routes: Routes::new(),
            listener_sets: self.listener_sets.clone(),
            tls_policies: self.tls_policies.clone(),
            config_maps: self.config_maps.clone(),
            classes: self.classes.clone(),
            gateways: self.gateways.clone(),
            grants: self.grants.clone(),
            secrets: self.secrets.clone(),
            services: self.services.clone(),
            slices: self.slices.clone(),
            namespaces: self.namespaces.clone(),
            backends: self.backends.clone(),
            models: Objects::new(),
            policies: self.policies.clone(),
            enterprise_policies: self.enterprise_policies.clone(),
            parameters: self.parameters.clone(),
            enterprise_parameters: self.enterprise_parameters.clone(),
            broken: self.broken.clone(),
            unreadable: self.unreadable.clone(),
        }
    }

    fn forget(&mut self, kind: Kind, key: &ObjectKey) {
        if let Some(unreadable) = self.unreadable.remove(&(kind, key.clone())) {
            self.broken.retain(|broken| *broken != unreadable.object);
        }
    }

    /// Whether an object of that kind and name is written but cannot be used.
    pub(crate) fn is_broken(&self, kind: &str, key: &ObjectKey) -> bool {
        self.broken.iter().any(|b| {
            b.kind == kind && b.name == *key.name && b.namespace.as_deref() == Some(&*key.namespace)
        })
    }

    /// Labels of a namespace. One without an object still has its name as a label, as the API
    /// server would give it.
    pub(crate) fn namespace_labels(&self, name: &str) -> BTreeMap<String, String> {
        let object = self.namespaces.get(&ObjectKey::new("", name));
        let labels = object.and_then(|n| n.object.metadata.labels.clone());
        let mut labels = labels.unwrap_or_default();
        labels
            .entry("kubernetes.io/metadata.name".to_owned())
            .or_insert_with(|| name.to_owned());
        labels
    }
}

fn put<T>(objects: &mut Objects<T>, key: ObjectKey, object: Sourced<T>) {
    objects.insert(key, Arc::new(object));
}

/// Whether two maps hold the very same objects. Each knows its own name.
fn same<T>(a: &Objects<T>, b: &Objects<T>) -> bool {
    a.len() == b.len() && std::iter::zip(a.values(), b.values()).all(|(a, b)| Arc::ptr_eq(a, b))
}

/// What shapes a proxy's deployment has nothing to shape where files are served in this process.
pub(crate) fn report_without_effect(
    state: &ClusterState,
    settings: &Settings,
    report: &mut Report,
) {
    if settings.mode == Mode::Cluster {
        return;
    }
    let parameters = state.parameters.iter();
    let parameters = parameters.filter(|(_, o)| shapes_a_deployment(&o.object.spec));
    let parameters = parameters.map(|(k, o)| ("AgentgatewayParameters", k, &o.origin, "spec"));
    let enterprise = state.enterprise_parameters.iter();
    let enterprise = enterprise.filter(|(_, o)| shapes_a_deployment(&o.object.spec.standard()));
    let enterprise =
        enterprise.map(|(k, o)| ("EnterpriseAgentgatewayParameters", k, &o.origin, "spec"));
    let gateways = state.gateways.iter();
    let marks = |i: &GatewayInfrastructure| i.labels.is_some() || i.annotations.is_some();
    let gateways =
        gateways.filter(|(_, o)| o.object.spec.infrastructure.as_ref().is_some_and(marks));
    let gateways = gateways.map(|(k, o)| ("Gateway", k, &o.origin, "spec.infrastructure"));
    for (kind, key, origin, field) in parameters.chain(enterprise).chain(gateways) {
        let subject = Subject { kind, key, origin };
        let message = "it shapes the proxy that the controller deploys, and has no effect when files are served without a cluster";
        let remedy = "keep it for the cluster; `agw run --help` lists the settings of this process";
        report.add(subject, Code::NoEffect, field, message, remedy);
    }
}

/// Whether anything but the access log and prices is asked of.
fn shapes_a_deployment(spec: &AgentgatewayParametersSpec) -> bool {
    let mut rest = spec.clone();
    if let Some(logging) = &mut rest.logging {
        logging.request_headers.clear();
    }
    rest.logging = rest
        .logging
        .filter(|logging| *logging != Logging::default());
    rest.model_catalog = None;
    rest != AgentgatewayParametersSpec::default()
}
