//! The corpus of `tests/crds`, which a real API server sees too: here the rules of the definitions
//! are evaluated, and the loader and translation come to the same result without them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use agw_translate::finding::{Code, Severity};
use agw_translate::manifest::{ManifestFile, Object, load};
use agw_translate::{ClusterState, Settings, translate};
use cel::{Context, Program};
use serde_json::Value;

/// A file of the corpus: its name, its text, and what its first line expects.
struct Case {
    name: String,
    text: String,
    expected: Option<String>,
}

fn corpus(folder: &str) -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/crds");
    let files = std::fs::read_dir(root.join(folder)).unwrap();
    let mut cases: Vec<_> = files
        .map(|file| {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let first = text.lines().next().unwrap_or_default();
            let expected = first.strip_prefix("# expect: ").map(str::to_owned);
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            Case {
                name,
                text,
                expected,
            }
        })
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(cases.len() >= 10, "{} cases in {folder}", cases.len());
    cases
}

/// What objects of the corpus refer to.
const BESIDE: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: agentgateway
  listeners:
    - name: http
      protocol: HTTP
      port: 80
      allowedRoutes: {kinds: [{kind: HTTPRoute}, {group: agentgateway.dev, kind: AgentgatewayModel}]}
    - name: models
      protocol: HTTP
      port: 81
      allowedRoutes: {kinds: [{group: agentgateway.dev, kind: AgentgatewayModel}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec: {parentRefs: [{name: gw}]}
---
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayBackend
metadata: {name: dialects}
spec: {static: {host: a.example, port: 80}}
---
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayModel
metadata: {name: smart}
spec: {parentRefs: [{name: gw}], provider: OpenAI}
---
apiVersion: v1
kind: Service
metadata: {name: vllm}
spec: {ports: [{port: 80}]}
---
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayModel
metadata: {name: fast}
spec: {parentRefs: [{name: gw}], provider: OpenAI}
";

/// What is wrong with an object by itself, from the loader and from translation.
fn errors(case: &Case) -> Vec<String> {
    let file = |path: &str, text: &str| ManifestFile {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let loaded = load(&[file("beside", BESIDE), file(&case.name, &case.text)]);
    let mut findings = loaded.findings.clone();
    let settings = Settings::default();
    findings.extend(translate(&ClusterState::from_loaded(loaded), &settings).findings);
    // Secrets are not beside it.
    let errors = findings.iter().filter(|f| f.severity == Severity::Error);
    errors
        .filter(|f| f.code != Code::SecretNotFound && f.file.as_deref() == Some(&case.name))
        .map(ToString::to_string)
        .collect()
}

#[test]
fn valid_objects_have_no_errors() {
    for case in corpus("valid") {
        assert_eq!(errors(&case), Vec::<String>::new(), "{}", case.name);
    }
}

#[test]
fn invalid_objects_have_errors_without_an_api_server_too() {
    for case in corpus("invalid") {
        assert!(case.expected.is_some(), "{} expects nothing", case.name);
        assert!(!errors(&case).is_empty(), "{} is taken", case.name);
    }
}

/// The schemas of all kinds as their definitions have them.
pub(super) static SCHEMAS: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let all = agw_api::definitions::all().into_iter();
    let schemas = all.map(|crd| {
        let version = serde_json::to_value(&crd.spec.versions[0].schema).unwrap();
        (crd.spec.names.kind, version["openAPIV3Schema"].clone())
    });
    schemas.collect()
});

/// Messages of the rules that an object breaks, at every depth.
fn broken(schema: &Value, value: &Value, messages: &mut Vec<String>) {
    for rule in schema["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let text = rule["rule"].as_str().unwrap();
        let mut context = Context::default();
        context.add_variable("self", value.clone()).unwrap();
        let verdict = Program::compile(text).unwrap().execute(&context);
        match verdict {
            Ok(cel::Value::Bool(true)) => {}
            Ok(cel::Value::Bool(false)) => {
                messages.push(rule["message"].as_str().unwrap().to_owned());
            }
            other => unreachable!("{text}: {other:?}"),
        }
    }
    for (name, child) in value.as_object().into_iter().flatten() {
        let schema = match schema["properties"].get(name) {
            Some(schema) => schema,
            None => &schema["additionalProperties"],
        };
        if !child.is_null() {
            broken(schema, child, messages);
        }
    }
    for item in value.as_array().into_iter().flatten() {
        broken(&schema["items"], item, messages);
    }
}

/// The object of a case as JSON, with its kind; `None` when its schema alone refuses it.
fn object(case: &Case) -> Option<(&'static str, Value)> {
    let file = ManifestFile {
        path: case.name.clone(),
        text: case.text.clone(),
    };
    let object = load(&[file]).objects.into_iter().next()?;
    let kind = object.kind().name();
    let value = match object {
        Object::Backend(o) => serde_json::to_value(o.object),
        Object::Model(o) => serde_json::to_value(o.object),
        Object::Policy(o) => serde_json::to_value(o.object),
        Object::EnterprisePolicy(o) => serde_json::to_value(o.object),
        Object::Parameters(o) => serde_json::to_value(o.object),
        Object::EnterpriseParameters(o) => serde_json::to_value(o.object),
        other => unreachable!("{other:?}"),
    };
    Some((kind, value.unwrap()))
}

#[test]
fn rules_take_what_is_valid() {
    for case in corpus("valid") {
        let (kind, value) = object(&case).unwrap();
        let mut messages = Vec::new();
        broken(&SCHEMAS[kind], &value, &mut messages);
        assert_eq!(messages, Vec::<String>::new(), "{}", case.name);
    }
}

/// Every rule is broken by some object, and every object that no other part of the schema refuses
/// breaks exactly the rule whose message it expects.
#[test]
fn rules_refuse_what_is_invalid() {
    let mut seen = Vec::new();
    for case in corpus("invalid") {
        let expected = case.expected.clone().unwrap();
        let by_schema = [
            "should ",
            "unknown field",
            "Unsupported value",
            "Duplicate value",
        ];
        if by_schema.iter().any(|words| expected.contains(words)) {
            continue;
        }
        let (kind, value) = object(&case).unwrap();
        let mut messages = Vec::new();
        broken(&SCHEMAS[kind], &value, &mut messages);
        let told = messages.iter().any(|message| message.contains(&expected));
        assert!(told, "{}: {messages:?}", case.name);
        seen.extend(messages);
    }
    for schema in SCHEMAS.values() {
        rules(schema, &mut |message| {
            let is_broken = seen.iter().any(|s| s == message);
            assert!(is_broken, "no object breaks: {message}");
        });
    }
}

fn rules(value: &Value, visit: &mut dyn FnMut(&str)) {
    for rule in value["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten()
    {
        visit(rule["message"].as_str().unwrap());
    }
    match value {
        Value::Object(map) => map.values().for_each(|child| rules(child, visit)),
        Value::Array(items) => items.iter().for_each(|child| rules(child, visit)),
        _ => {}
    }
}
