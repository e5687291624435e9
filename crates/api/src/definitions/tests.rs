use std::collections::BTreeMap;

use super::*;

/// Calls `visit` with the path and value of every schema node of a definition.
fn schemas(crd: &CustomResourceDefinition, visit: &mut dyn FnMut(&str, &Value)) {
    fn walk(path: &str, node: &Value, visit: &mut dyn FnMut(&str, &Value)) {
        visit(path, node);
        for (name, child) in node["properties"].as_object().into_iter().flatten() {
            walk(&format!("{path}.{name}"), child, visit);
        }
        for key in ["items", "additionalProperties"] {
            if node[key].is_object() {
                walk(&format!("{path}[]"), &node[key], visit);
            }
        }
    }
    let schema = serde_json::to_value(&crd.spec.versions[0].schema).unwrap();
    walk("", &schema["openAPIV3Schema"], visit);
}

#[test]
fn schemas_are_structural() {
    for crd in all() {
        schemas(&crd, &mut |path, node| {
            let free = node["x-kubernetes-preserve-unknown-fields"] == true
                || node["x-kubernetes-int-or-string"] == true;
            assert!(
                node["type"].is_string() || free,
                "{path} has no type: {node}"
            );
            for junctor in ["anyOf", "oneOf", "allOf", "not", "$ref"] {
                assert!(node.get(junctor).is_none(), "{path} has {junctor}: {node}");
            }
        });
    }
}

/// The API server bounds the cost of a rule by the sizes that the schema allows.
#[test]
fn what_rules_walk_is_bounded() {
    fn walk(node: &Value, path: &str, below_list: bool) {
        let bounded = |n: &Value| n["maxItems"].is_u64();
        for rule in node["x-kubernetes-validations"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let text = rule["rule"].as_str().unwrap();
            for (name, child) in node["properties"].as_object().into_iter().flatten() {
                let walked = text.contains(&format!("self.{name}.all("));
                assert!(
                    !walked || bounded(child),
                    "{path}.{name} is walked by {text}"
                );
            }
            assert!(!below_list, "{path} is in a list without a bound: {text}");
        }
        for (name, child) in node["properties"].as_object().into_iter().flatten() {
            walk(child, &format!("{path}.{name}"), below_list);
        }
        if node["items"].is_object() {
            walk(&node["items"], path, below_list || !bounded(node));
        }
    }
    for crd in all() {
        let schema = serde_json::to_value(&crd.spec.versions[0].schema).unwrap();
        walk(&schema["openAPIV3Schema"], &crd.spec.names.kind, false);
    }
}

#[test]
fn every_field_is_described() {
    for crd in all() {
        schemas(&crd, &mut |path, node| {
            if path.ends_with("[]") || path == ".spec" || path == ".status" || path == ".metadata" {
                return;
            }
            assert!(
                node["description"].is_string(),
                "{} {path}",
                crd.spec.names.kind
            );
        });
    }
}

#[test]
fn definitions_fit_a_plain_apply() {
    for crd in all() {
        let size = serde_json::to_vec(&crd).unwrap().len();
        assert!(
            size < 256 * 1024,
            "{} has {size} bytes",
            crd.spec.names.kind
        );
    }
}

#[test]
fn kinds_have_their_short_names() {
    let found: BTreeMap<_, _> = all()
        .into_iter()
        .map(|crd| {
            (
                crd.spec.names.kind,
                crd.spec.names.short_names.unwrap()[0].clone(),
            )
        })
        .collect();
    let want = [
        ("AgentgatewayBackend", "agbe"),
        ("AgentgatewayModel", "agmodel"),
        ("AgentgatewayParameters", "agpar"),
        ("AgentgatewayPolicy", "agpol"),
        ("EnterpriseAgentgatewayParameters", "eagpar"),
        ("EnterpriseAgentgatewayPolicy", "eagpol"),
    ];
    assert_eq!(
        found,
        want.map(|(k, s)| (k.to_owned(), s.to_owned())).into()
    );
}

#[test]
fn definitions_carry_their_group_category_and_status() {
    for crd in all() {
        let enterprise = crd.spec.names.kind.starts_with("Enterprise");
        let group = if enterprise {
            names::ENTERPRISE_GROUP
        } else {
            names::GROUP
        };
        assert_eq!(crd.spec.group, group);
        assert_eq!(
            crd.spec.names.categories,
            Some(vec![names::CATEGORY.to_owned()])
        );
        assert_eq!(crd.spec.scope, "Namespaced");
        let version = &crd.spec.versions[0];
        assert_eq!(version.name, names::VERSION);
        assert!(version.subresources.as_ref().unwrap().status.is_some());
        let columns = version.additional_printer_columns.as_ref().unwrap();
        assert_eq!(columns.last().unwrap().name, "Age");
    }
}
