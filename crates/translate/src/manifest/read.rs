//! One document: compose, recognise, check, decode.

use std::sync::{Arc, LazyLock};

use agw_api::external::{
    BackendTlsPolicy, ConfigMap, EndpointSlice, Gateway, GatewayClass, GrpcRoute, HttpRoute,
    ListenerSet, Namespace, ReferenceGrant, Secret, Service, TcpRoute, TlsRoute, UdpRoute,
};
use agw_api::names::DEFAULT_NAMESPACE;
use agw_api::{
    AgentgatewayBackend, AgentgatewayModel, AgentgatewayParameters, AgentgatewayPolicy,
    EnterpriseAgentgatewayParameters, EnterpriseAgentgatewayPolicy,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Loaded;
use super::compose::{Composed, Remark, compose};
use super::decode::decode;
use super::document::Document;
use super::kind::{Kind, Scope};
use super::listener_set::ListenerSetObject;
use super::object::Object;
use super::origin::{Below, Origin, Places, Sourced};
use super::route::{FromGrpc, FromTcp, FromTls, FromUdp};
use super::schema::{Schema, Violation};
use crate::finding::{Code, Finding, ObjectRef};

/// A value that should be an object, and where it is written.
struct Written {
    value: Value,
    origin: Origin,
}

/// An object whose kind, name and namespace are known.
struct Named {
    kind: Kind,
    reference: ObjectRef,
    value: Value,
    origin: Origin,
}

/// Reads a document of a file into `loaded`.
pub(crate) fn document(file: &Arc<str>, document: Document<'_>, loaded: &mut Loaded) {
    match compose(document) {
        Ok(None) => {}
        Ok(Some(Composed {
            value,
            places,
            remarks,
        })) => {
            loaded.findings.extend(
                remarks
                    .into_iter()
                    .map(|remark| remark_finding(file, remark)),
            );
            for written in flatten(file, value, places) {
                object(written, loaded);
            }
        }
        Err(remark) => loaded.findings.push(remark_finding(file, remark)),
    }
}

fn remark_finding(file: &Arc<str>, remark: Remark) -> Finding {
    let mut finding = Finding::new(remark.code, remark.message).with_remedy(remark.remedy);
    finding.file = Some(file.to_string());
    finding.line = Some(remark.mark.line);
    finding.column = Some(remark.mark.column);
    finding
}

/// The objects of a document: itself, or the items of a `List` of any kind.
fn flatten(file: &Arc<str>, value: Value, places: Places) -> Vec<Written> {
    let is_list = value["kind"]
        .as_str()
        .is_some_and(|kind| kind.ends_with("List"));
    if !is_list || !value["items"].is_array() {
        return vec![Written {
            value,
            origin: Origin::written(file.clone(), places),
        }];
    }
    // The items of a typed list (`HTTPRouteList`) need not repeat what the list says of them.
    let inherited = [
        (
            "apiVersion",
            value["apiVersion"].as_str().unwrap_or_default().to_owned(),
        ),
        (
            "kind",
            value["kind"]
                .as_str()
                .and_then(|kind| kind.strip_suffix("List"))
                .unwrap_or_default()
                .to_owned(),
        ),
    ];
    let (Value::Object(mut list), Below::Members(members)) = (value, places.below) else {
        return Vec::new();
    };
    let below = members
        .into_iter()
        .find(|(name, _)| name == "items")
        .map(|(_, places)| places.below);
    let (Some(Value::Array(items)), Some(Below::Items(places))) = (list.remove("items"), below)
    else {
        return Vec::new();
    };
    items
        .into_iter()
        .zip(places)
        .map(|(mut value, places)| {
            if let Value::Object(item) = &mut value {
                for (key, text) in inherited.iter().filter(|(_, text)| !text.is_empty()) {
                    item.entry(*key).or_insert_with(|| text.clone().into());
                }
            }
            Written {
                value,
                origin: Origin::written(file.clone(), places),
            }
        })
        .collect()
}

fn object(written: Written, loaded: &mut Loaded) {
    match name(written) {
        Ok(named) => {
            let reference = named.reference.clone();
            match typed(named, &mut loaded.findings) {
                Some(object) => loaded.objects.push(object),
                None => loaded.broken.push(reference),
            }
        }
        Err(finding) => loaded.findings.push(*finding),
    }
}

/// Finds out what an object is and what it is called.
fn name(written: Written) -> Result<Named, Box<Finding>> {
    let Written { mut value, origin } = written;
    let not_an_object = |field: &str, message: &str| {
        let remedy = "a manifest needs `apiVersion`, `kind` and `metadata.name`";
        Box::new(
            Finding::new(Code::NotAnObject, message)
                .with_remedy(remedy)
                .at(&origin, field),
        )
    };
    let Value::Object(map) = &mut value else {
        return Err(not_an_object("", "the document is not a Kubernetes object"));
    };
    let text = |map: &Map<String, Value>, key: &str| {
        map.get(key).and_then(Value::as_str).map(str::to_owned)
    };
    let (Some(api_version), Some(kind)) = (text(map, "apiVersion"), text(map, "kind")) else {
        let missing = if text(map, "kind").is_none() {
            "kind"
        } else {
            "apiVersion"
        };
        return Err(not_an_object(
            missing,
            &format!("the object has no `{missing}`"),
        ));
    };
    let metadata = map.get_mut("metadata").and_then(Value::as_object_mut);
    let name = metadata
        .as_deref()
        .and_then(|metadata| text(metadata, "name"));
    let kind = match Kind::recognise(&api_version, &kind) {
        Ok(kind) => kind,
        Err(finding) => {
            let namespace = metadata
                .as_deref()
                .and_then(|metadata| text(metadata, "namespace"));
            let object = name.map(|name| ObjectRef::new(&kind, namespace.as_deref(), &name));
            let finding = Finding { object, ..finding };
            return Err(Box::new(finding.at(&origin, "kind")));
        }
    };
    let (Some(metadata), Some(name)) = (metadata, name.filter(|name| !name.is_empty())) else {
        return Err(not_an_object(
            "metadata.name",
            &format!("the {kind} has no `metadata.name`"),
        ));
    };
    let namespace = namespace(kind, metadata);
    let reference = ObjectRef::new(kind.name(), namespace.as_deref(), &name);
    if !is_dns_subdomain(&name) {
        let mut finding = Finding::new(Code::InvalidValue, "the name is not a DNS subdomain")
            .with_remedy(
                "use lower-case letters, digits, `-` and `.`, with a letter or digit at both ends",
            )
            .about(reference)
            .at(&origin, "metadata.name");
        (finding.line, finding.column) = origin.locate_value("metadata.name").unzip();
        return Err(Box::new(finding));
    }
    Ok(Named {
        kind,
        reference,
        value,
        origin,
    })
}

/// RFC 1123 subdomain, which the API server asks of the names of all kinds that are read.
fn is_dns_subdomain(name: &str) -> bool {
    let is_label = |label: &str| {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        label.bytes().all(inner)
            && !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// The namespace of an object, which is written into its metadata when it is missing.
fn namespace(kind: Kind, metadata: &mut Map<String, Value>) -> Option<String> {
    match kind.scope() {
        Scope::Cluster => {
            metadata.remove("namespace");
            None
        }
        Scope::Namespaced => match metadata.get("namespace").and_then(Value::as_str) {
            Some(namespace) if !namespace.is_empty() => Some(namespace.to_owned()),
            // A namespace of the wrong type stays for the schema to complain about.
            None if metadata
                .get("namespace")
                .is_some_and(|value| !value.is_null()) =>
            {
                None
            }
            _ => {
                metadata.insert("namespace".to_owned(), DEFAULT_NAMESPACE.into());
                Some(DEFAULT_NAMESPACE.to_owned())
            }
        },
    }
}

/// The schema of a type, made once.
macro_rules! schema_of {
    ($type:ty) => {{
        static SCHEMA: LazyLock<Schema> = LazyLock::new(Schema::of::<$type>);
        &*SCHEMA
    }};
}

/// Checks and decodes an object of any kind.
macro_rules! sourced {
    ($variant:ident, $type:ty, $named:ident, $findings:ident) => {
        sourced::<$type>(schema_of!($type), $named, $findings).map(Object::$variant)
    };
}

/// The same of one that is decoded by its own type into another.
macro_rules! converted {
    ($variant:ident, $type:ty as $from:ty, $named:ident, $findings:ident) => {{
        let Sourced { object, origin } = sourced::<$from>(schema_of!($type), $named, $findings)?;
        Some(Object::$variant(Sourced {
            object: object.into(),
            origin,
        }))
    }};
}

fn typed(named: Named, findings: &mut Vec<Finding>) -> Option<Object> {
    match named.kind {
        Kind::HttpRoute => converted!(Route, HttpRoute as HttpRoute, named, findings),
        Kind::GrpcRoute => converted!(Route, GrpcRoute as FromGrpc, named, findings),
        Kind::TlsRoute => converted!(Route, TlsRoute as FromTls, named, findings),
        Kind::TcpRoute => converted!(Route, TcpRoute as FromTcp, named, findings),
        Kind::UdpRoute => converted!(Route, UdpRoute as FromUdp, named, findings),
        Kind::ListenerSet => {
            converted!(
                ListenerSet,
                ListenerSet as ListenerSetObject,
                named,
                findings
            )
        }
        Kind::BackendTlsPolicy => {
            sourced!(BackendTlsPolicy, BackendTlsPolicy, named, findings)
        }
        Kind::Gateway => sourced!(Gateway, Gateway, named, findings),
        Kind::GatewayClass => sourced!(GatewayClass, GatewayClass, named, findings),
        Kind::ReferenceGrant => sourced!(ReferenceGrant, ReferenceGrant, named, findings),
        Kind::Service => sourced!(Service, Service, named, findings),
        Kind::EndpointSlice => sourced!(EndpointSlice, EndpointSlice, named, findings),
        Kind::Namespace => sourced!(Namespace, Namespace, named, findings),
        Kind::ConfigMap => sourced!(ConfigMap, ConfigMap, named, findings),
        Kind::Backend => sourced!(Backend, AgentgatewayBackend, named, findings),
        Kind::Model => sourced!(Model, AgentgatewayModel, named, findings),
        Kind::Policy => sourced!(Policy, AgentgatewayPolicy, named, findings),
        Kind::EnterprisePolicy => sourced!(
            EnterprisePolicy,
            EnterpriseAgentgatewayPolicy,
            named,
            findings
        ),
        Kind::Parameters => sourced!(Parameters, AgentgatewayParameters, named, findings),
        Kind::EnterpriseParameters => {
            sourced!(
                EnterpriseParameters,
                EnterpriseAgentgatewayParameters,
                named,
                findings
            )
        }
        Kind::Secret => converted!(Secret, Secret as Secret, named, findings),
    }
}

fn sourced<T: DeserializeOwned>(
    schema: &Schema,
    named: Named,
    findings: &mut Vec<Finding>,
) -> Option<Sourced<T>> {
    let Named {
        reference,
        value,
        origin,
        kind,
    } = named;
    let mut report = |violation: Violation| {
        let field = violation.path.to_string();
        let message = match (kind, violation.code) {
            // Even a decoder's own words may quote what it read.
            (Kind::Secret, Code::InvalidValue) => "the value cannot be decoded".to_owned(),
            _ => violation.message,
        };
        let mut finding = Finding::new(violation.code, message)
            .with_remedy(violation.remedy)
            .about(reference.clone())
            .at(&origin, &field);
        if matches!(violation.code, Code::WrongType | Code::InvalidValue) {
            (finding.line, finding.column) = origin.locate_value(&field).unzip();
        }
        findings.push(finding);
    };

    let violations = schema.check(&value);
    let is_usable = violations
        .iter()
        .all(|violation| violation.code == Code::UnknownField);
    let known: Vec<_> = violations
        .iter()
        .map(|violation| violation.path.clone())
        .collect();
    violations.into_iter().for_each(&mut report);
    if !is_usable {
        return None;
    }
    let (object, violations) = decode::<T>(value);
    violations
        .into_iter()
        .filter(|violation| !known.contains(&violation.path))
        .for_each(&mut report);
    object.map(|object| Sourced { object, origin })
}
