//! Label selectors, as Kubernetes defines them.

use std::collections::BTreeMap;

use agw_api::external::gateways::GatewayListenersAllowedRoutesNamespacesSelector as Spec;
use serde::Serialize;

/// Labels that a namespace must have; without any requirement every namespace fits.
#[derive(Debug, Default)]
pub(crate) struct Selector {
    labels: BTreeMap<String, String>,
    expressions: Vec<Requirement>,
}

#[derive(Debug)]
struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
    /// Nothing fits what cannot be understood.
    Unknown,
}

impl Selector {
    /// From a generated type that is alike. One that is not fits nothing.
    pub(super) fn like<T: Serialize>(spec: &T) -> Self {
        let spec = serde_json::to_value(spec).and_then(serde_json::from_value::<Spec>);
        spec.map_or_else(
            |_| Self {
                labels: BTreeMap::new(),
                expressions: vec![Requirement {
                    key: String::new(),
                    operator: Operator::Unknown,
                    values: Vec::new(),
                }],
            },
            |spec| Self::new(&spec),
        )
    }

    pub(super) fn new(spec: &Spec) -> Self {
        let expressions = spec
            .match_expressions
            .iter()
            .flatten()
            .map(|e| Requirement {
                key: e.key.clone(),
                operator: match e.operator.as_str() {
                    "In" => Operator::In,
                    "NotIn" => Operator::NotIn,
                    "Exists" => Operator::Exists,
                    "DoesNotExist" => Operator::DoesNotExist,
                    _ => Operator::Unknown,
                },
                values: e.values.clone().unwrap_or_default(),
            });
        Self {
            labels: spec.match_labels.clone().unwrap_or_default(),
            expressions: expressions.collect(),
        }
    }

    pub(super) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.labels
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value))
            && self
                .expressions
                .iter()
                .all(|requirement| requirement.holds(labels))
    }
}

impl Requirement {
    fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        let listed = value.is_some_and(|v| self.values.contains(v));
        match self.operator {
            Operator::In => listed,
            Operator::NotIn => !listed,
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::Unknown => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_rules_of_label_selectors() {
        let labels = BTreeMap::from([("env".to_owned(), "dev".to_owned())]);
        let requirement = |operator, key: &str, values: &[&str]| Selector {
            labels: BTreeMap::new(),
            expressions: vec![Requirement {
                key: key.to_owned(),
                operator,
                values: values.iter().map(|v| (*v).to_owned()).collect(),
            }],
        };
        for (selector, want) in [
            (Selector::default(), true),
            (requirement(Operator::In, "env", &["dev", "prod"]), true),
            (requirement(Operator::In, "env", &["prod"]), false),
            (requirement(Operator::NotIn, "env", &["prod"]), true),
            (requirement(Operator::NotIn, "tier", &["x"]), true),
            (requirement(Operator::Exists, "env", &[]), true),
            (requirement(Operator::Exists, "tier", &[]), false),
            (requirement(Operator::DoesNotExist, "tier", &[]), true),
            (requirement(Operator::Unknown, "env", &["dev"]), false),
        ] {
            assert_eq!(selector.matches(&labels), want, "{selector:?}");
        }
    }
}
