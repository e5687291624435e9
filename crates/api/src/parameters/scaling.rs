//! How many proxies there are, and how many must stay.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Metadata;
use crate::rules;

/// Scales the proxies by their load.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Autoscaler {
    /// Labels and annotations of the HorizontalPodAutoscaler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// Between how many, and by what.
    pub spec: AutoscalerSpec,
}

/// Between how many proxies, and by what they are scaled.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::AUTOSCALER))]
pub struct AutoscalerSpec {
    /// Fewest proxies; 1 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 1, max = 10000))]
    pub min_replicas: Option<u32>,
    /// Most proxies.
    #[schemars(with = "i32", range(min = 1, max = 10000))]
    pub max_replicas: u32,
    /// The same as a metric for `cpu`: use of the requested CPU, in percent. 80 by default when
    /// there is no metric.
    #[serde(
        default,
        rename = "targetCPUUtilizationPercentage",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<i32>", range(min = 1, max = 10000))]
    pub target_cpu_utilization_percentage: Option<u32>,
    /// What the load is measured by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2), extend("x-kubernetes-list-type" = "atomic"))]
    pub metrics: Vec<Metric>,
}

/// What the load is measured by.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    /// Kind of metric; there is one.
    #[serde(rename = "type")]
    pub type_: MetricType,
    /// The resource.
    pub resource: MetricResource,
}

/// Kind of a metric.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum MetricType {
    Resource,
}

/// Use of a resource that the proxies request.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricResource {
    /// Which resource.
    pub name: MetricResourceName,
    /// How much of it is to be used.
    pub target: MetricTarget,
}

/// A resource that is measured.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MetricResourceName {
    Cpu,
    Memory,
}

/// How much of a resource is to be used.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricTarget {
    /// How it is counted; there is one way.
    #[serde(rename = "type")]
    pub type_: MetricTargetType,
    /// Percent of what is requested, on average.
    #[schemars(with = "i32", range(min = 1, max = 10000))]
    pub average_utilization: u32,
}

/// How use is counted.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum MetricTargetType {
    Utilization,
}

/// Keeps proxies running while nodes are drained.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DisruptionBudget {
    /// Labels and annotations of the PodDisruptionBudget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// How many.
    pub spec: DisruptionBudgetSpec,
}

/// How many proxies a disruption leaves; exactly one of the fields.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::DISRUPTION_BUDGET))]
pub struct DisruptionBudgetSpec {
    /// Proxies that must stay, a number or a share such as `50%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_available: Option<CountOrShare>,
    /// Proxies that may be away, a number or a share such as `50%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<CountOrShare>,
}

/// A number, or a share of all in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountOrShare {
    Count(u32),
    Percent(u32),
}

impl Serialize for CountOrShare {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(count) => serializer.serialize_u32(*count),
            Self::Percent(percent) => serializer.collect_str(&format_args!("{percent}%")),
        }
    }
}

impl<'de> Deserialize<'de> for CountOrShare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = CountOrShare;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a share such as `50%`")
            }

            fn visit_u64<E: Error>(self, count: u64) -> Result<CountOrShare, E> {
                let count =
                    i32::try_from(count).map_err(|_| E::custom("the number is too large"))?;
                Ok(CountOrShare::Count(count.unsigned_abs()))
            }

            fn visit_i64<E: Error>(self, count: i64) -> Result<CountOrShare, E> {
                let count =
                    u64::try_from(count).map_err(|_| E::custom("the number is negative"))?;
                self.visit_u64(count)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<CountOrShare, E> {
                let digits = text.strip_suffix('%').unwrap_or_default();
                let percent = digits.parse().ok().filter(|percent| *percent <= 100);
                let is_plain = digits.bytes().all(|b| b.is_ascii_digit());
                percent
                    .filter(|_| is_plain)
                    .map(CountOrShare::Percent)
                    .ok_or_else(|| E::custom("expected a number or a share such as `50%`"))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for CountOrShare {
    fn schema_name() -> Cow<'static, str> {
        "CountOrShare".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "minimum": 0,
            "pattern": "^(100|[0-9]{1,2})%$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_shares_read_back_as_they_are_written() {
        for text in ["1", "0", "\"50%\"", "\"100%\""] {
            let read: CountOrShare = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), text);
        }
        for text in [
            "-1",
            "\"1\"",
            "\"%\"",
            "\"101%\"",
            "\"+5%\"",
            "99999999999",
            "null",
        ] {
            assert!(
                serde_json::from_str::<CountOrShare>(text).is_err(),
                "{text}"
            );
        }
    }
}
