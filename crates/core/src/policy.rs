//! Policies on traffic, as attached to a Gateway, listener, route or rule.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::access::Access;
use crate::answer::{Csrf, Delay, DirectResponse, HeaderModifiers};
use crate::filter::Cors;
use crate::rate_limit::RateLimit;
use crate::retry::Retry;
use crate::shaping::Shaping;
use crate::transform::Transformations;

/// What a policy asks of the requests under its target. A field that is `None` leaves the wider
/// target's in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TrafficPolicy {
    /// Why requests cannot be served: a policy on who may pass is not valid, and nobody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Arc<str>>,
    /// What runs before the route is matched; only on Gateways and listeners. In this order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre_cors: Option<Arc<Cors>>,
    #[serde(skip_serializing_if = "Access::is_empty")]
    pub pre_access: Access,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre_routing: Option<Arc<Transformations>>,
    /// What runs after the route is matched, in this order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors: Option<Arc<Cors>>,
    #[serde(skip_serializing_if = "Access::is_empty")]
    pub access: Access,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<Arc<RateLimit>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_routing: Option<Arc<Transformations>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csrf: Option<Arc<Csrf>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<Arc<HeaderModifiers>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<Arc<Delay>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direct_response: Option<Arc<DirectResponse>>,
    /// Bound on the whole request, from match to the start of the response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_timeout: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// What requests to models become on their way to a backend.
    #[serde(skip_serializing_if = "Shaping::is_empty")]
    pub shaping: Shaping,
}

/// When a part of a policy takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Phase {
    /// Before a route is matched.
    PreRouting,
    PostRouting,
}

/// A field of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Field {
    pub phase: Phase,
    /// As manifests have it, under `spec.traffic`.
    pub name: &'static str,
}

impl TrafficPolicy {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// This policy with the gaps filled from the wider target's.
    #[must_use]
    pub fn over(&self, wider: &Self) -> Self {
        fn of<T: Clone>(own: &Option<T>, wider: &Option<T>) -> Option<T> {
            own.clone().or_else(|| wider.clone())
        }
        Self {
            refused: of(&self.refused, &wider.refused),
            pre_cors: of(&self.pre_cors, &wider.pre_cors),
            pre_access: self.pre_access.over(&wider.pre_access),
            pre_routing: of(&self.pre_routing, &wider.pre_routing),
            cors: of(&self.cors, &wider.cors),
            access: self.access.over(&wider.access),
            rate_limit: of(&self.rate_limit, &wider.rate_limit),
            post_routing: of(&self.post_routing, &wider.post_routing),
            csrf: of(&self.csrf, &wider.csrf),
            headers: of(&self.headers, &wider.headers),
            delay: of(&self.delay, &wider.delay),
            direct_response: of(&self.direct_response, &wider.direct_response),
            request_timeout: of(&self.request_timeout, &wider.request_timeout),
            retry: of(&self.retry, &wider.retry),
            shaping: self.shaping.over(&wider.shaping),
        }
    }

    /// The fields that are set, in the order in which they take effect. `shaping` is none of
    /// `traffic`.
    pub fn fields(&self) -> Vec<Field> {
        let before = [("cors", self.pre_cors.is_some())];
        let before = before
            .into_iter()
            .chain(self.pre_access.fields())
            .chain([("transformation", self.pre_routing.is_some())]);
        let after = [("cors", self.cors.is_some())];
        let after = after.into_iter().chain(self.access.fields()).chain([
            ("rateLimit", self.rate_limit.is_some()),
            ("transformation", self.post_routing.is_some()),
            ("csrf", self.csrf.is_some()),
            ("headerModifiers", self.headers.is_some()),
            ("delay", self.delay.is_some()),
            ("directResponse", self.direct_response.is_some()),
            ("timeouts.request", self.request_timeout.is_some()),
            ("retry", self.retry.is_some()),
        ]);
        let before = before.map(|field| (Phase::PreRouting, field));
        let all = before.chain(after.map(|field| (Phase::PostRouting, field)));
        let set = all.filter(|(_, (_, is_set))| *is_set);
        set.map(|(phase, (name, _))| Field { phase, name })
            .collect()
    }

    /// Names of the fields that both policies set, where one of them only can count.
    pub fn overlap(&self, other: &Self) -> Vec<&'static str> {
        let theirs = other.fields();
        let both = self.fields().into_iter();
        both.filter(|field| theirs.contains(field) && !field.adds_up())
            .map(|field| field.name)
            .collect()
    }
}

impl Field {
    /// Whether what several policies say counts, and not the nearest one's word alone.
    pub fn adds_up(self) -> bool {
        self.name == "authorization"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrower_target_wins_field_by_field() {
        let wide = TrafficPolicy {
            request_timeout: Some(Duration::from_secs(9)),
            retry: Some(Retry::default()),
            ..Default::default()
        };
        let narrow = TrafficPolicy {
            request_timeout: Some(Duration::from_secs(1)),
            ..Default::default()
        };
        let merged = narrow.over(&wide);
        assert_eq!(merged.request_timeout, Some(Duration::from_secs(1)));
        assert_eq!(merged.retry, wide.retry);
        assert_eq!(narrow.overlap(&wide), ["timeouts.request"]);
    }
}
