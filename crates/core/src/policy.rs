//! Policies on traffic, as attached to a Gateway, listener, route or rule.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::retry::Retry;
use crate::shaping::Shaping;
use crate::transform::Transformation;

/// What a policy asks of the requests under its target. A field that is `None` leaves the wider
/// target's in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TrafficPolicy {
    /// Runs before the route is matched; only on Gateways and listeners.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre_routing: Option<Arc<Transformation>>,
    /// Runs after the route is matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_routing: Option<Arc<Transformation>>,
    /// Bound on the whole request, from match to the start of the response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_timeout: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// What requests to models become on their way to a backend.
    #[serde(skip_serializing_if = "Shaping::is_empty")]
    pub shaping: Shaping,
}

impl TrafficPolicy {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// This policy with the gaps filled from the wider target's.
    #[must_use]
    pub fn over(&self, wider: &Self) -> Self {
        Self {
            pre_routing: self
                .pre_routing
                .clone()
                .or_else(|| wider.pre_routing.clone()),
            post_routing: self
                .post_routing
                .clone()
                .or_else(|| wider.post_routing.clone()),
            request_timeout: self.request_timeout.or(wider.request_timeout),
            retry: self.retry.clone().or_else(|| wider.retry.clone()),
            shaping: self.shaping.over(&wider.shaping),
        }
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
    }
}
