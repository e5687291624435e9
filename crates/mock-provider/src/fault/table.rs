//! Which model is armed with which fault.

use std::{collections::BTreeMap, fmt, num::NonZeroU32};

use parking_lot::Mutex;
use serde_json::{Map, Value};
use thiserror::Error;

use super::Fault;

/// Rules kept at most; models can be named by anyone who reaches the control API.
const CAPACITY: usize = 1024;

/// A fault armed for a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultRule {
    /// What goes wrong.
    pub fault: Fault,
    /// For how many requests; `None` is until deleted.
    pub times: Option<NonZeroU32>,
}

/// Which requests a rule hits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ModelSelector {
    /// `*`: every API request, unless a rule for its own model exists.
    All,
    /// `_models`: `GET /v1/models` and `/v1/models/{id}`.
    ModelList,
    /// Requests for this model.
    Model(Box<str>),
}

/// The table holds as many rules as it may.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{CAPACITY} models are armed with faults already; delete one first")]
pub struct TableFull;

/// Where a request's fault came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Header,
    Table,
}

/// The armed rules.
#[derive(Debug, Default)]
pub(crate) struct FaultTable {
    rules: Mutex<BTreeMap<ModelSelector, FaultRule>>,
}

// === impl ModelSelector ===

impl From<&str> for ModelSelector {
    fn from(name: &str) -> Self {
        match name {
            "*" => Self::All,
            "_models" => Self::ModelList,
            model => Self::Model(model.into()),
        }
    }
}

impl fmt::Display for ModelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "*",
            Self::ModelList => "_models",
            Self::Model(name) => name,
        })
    }
}

// === impl Source ===

impl Source {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Table => "table",
        }
    }
}

// === impl FaultTable ===

impl FaultTable {
    /// Arms a model, replacing what it was armed with.
    pub(crate) fn set(&self, model: ModelSelector, rule: FaultRule) -> Result<(), TableFull> {
        let mut rules = self.rules.lock();
        if rules.len() >= CAPACITY && !rules.contains_key(&model) {
            return Err(TableFull);
        }
        rules.insert(model, rule);
        Ok(())
    }

    /// Disarms a model; says whether it was armed.
    pub(crate) fn remove(&self, model: &ModelSelector) -> Option<FaultRule> {
        self.rules.lock().remove(model)
    }

    pub(crate) fn clear(&self) {
        self.rules.lock().clear();
    }

    /// The fault for a request, by its own rule, else by the rule for all; counts it down.
    pub(crate) fn take(&self, model: Option<&ModelSelector>) -> Option<Fault> {
        let mut rules = self.rules.lock();
        if rules.is_empty() {
            return None;
        }
        let key = model
            .filter(|model| rules.contains_key(*model))
            .unwrap_or(&ModelSelector::All);
        let rule = rules.get_mut(key)?;
        let fault = rule.fault.clone();
        if let Some(times) = rule.times {
            match NonZeroU32::new(times.get() - 1) {
                Some(left) => rule.times = Some(left),
                None => {
                    rules.remove(key);
                }
            }
        }
        Some(fault)
    }

    /// Model to rule; `times` is what is left.
    pub(crate) fn to_json(&self) -> Value {
        let rules = self.rules.lock();
        let object: Map<String, Value> = rules
            .iter()
            .map(|(model, rule)| (model.to_string(), rule.to_json()))
            .collect();
        Value::Object(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(list: &str, times: u32) -> FaultRule {
        FaultRule {
            fault: list.parse().unwrap(),
            times: NonZeroU32::new(times),
        }
    }

    #[test]
    fn counts_down_then_falls_back_to_the_rule_for_all() {
        let table = FaultTable::default();
        let model = ModelSelector::from("gpt-4o");
        table.set(model.clone(), rule("garbage", 2)).unwrap();
        table.set(ModelSelector::All, rule("reset", 0)).unwrap();
        let taken: Vec<_> = (0..3)
            .map(|_| table.take(Some(&model)).unwrap().to_string())
            .collect();
        assert_eq!(taken, ["garbage", "garbage", "reset"]);
        assert_eq!(table.take(None).unwrap().to_string(), "reset");
        assert_eq!(table.to_json().to_string(), r#"{"*":{"reset":true}}"#);
    }

    #[test]
    fn another_model_is_left_alone() {
        let table = FaultTable::default();
        table.set("gpt-4o".into(), rule("garbage", 0)).unwrap();
        assert_eq!(table.take(Some(&"gpt-4".into())), None);
        assert_eq!(table.take(Some(&ModelSelector::ModelList)), None);
    }

    #[test]
    fn refuses_rules_past_its_bound_but_replaces_known_ones() {
        let table = FaultTable::default();
        for index in 0..CAPACITY {
            table
                .set(format!("m{index}").as_str().into(), rule("garbage", 0))
                .unwrap();
        }
        assert_eq!(table.set("new".into(), rule("garbage", 0)), Err(TableFull));
        assert_eq!(table.set("m3".into(), rule("reset", 0)), Ok(()));
    }
}
