//! What proxies tell of the backends' health.

use std::sync::Arc;

use agw_core::id::BackendKey;

use crate::convert::Invalid;
use crate::proto;

/// Names of entries in one report: enough for a message that a person reads.
const NAMES: usize = 16;

/// How one backend looks from one proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthReport {
    pub backend: BackendKey,
    /// Places that requests can be sent to, of `total`.
    pub healthy: u32,
    pub total: u32,
    /// Names of the provider entries that are out, if they have names.
    pub unhealthy: Vec<Arc<str>>,
    /// When that changed last, in milliseconds since the epoch.
    pub changed: u64,
}

/// How one backend looks from all connected proxies that report on it: as the least favourable of
/// them sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendHealth {
    pub healthy: u32,
    pub total: u32,
    /// Names of the provider entries that are out for any of them.
    pub unhealthy: Vec<Arc<str>>,
    /// When that changed last for any of them, in milliseconds since the epoch.
    pub changed: u64,
    /// How many report on it.
    pub proxies: usize,
}

impl BackendHealth {
    /// What is known when no proxy reports on it.
    pub(crate) fn nobodys() -> Self {
        Self {
            healthy: 0,
            total: 0,
            unhealthy: Vec::new(),
            changed: 0,
            proxies: 0,
        }
    }

    pub(crate) fn of(report: &HealthReport) -> Self {
        Self {
            healthy: report.healthy,
            total: report.total,
            unhealthy: report.unhealthy.clone(),
            changed: report.changed,
            proxies: 1,
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.healthy = self.healthy.min(other.healthy);
        self.total = self.total.max(other.total);
        self.unhealthy.extend(other.unhealthy.iter().cloned());
        self.unhealthy.sort_unstable();
        self.unhealthy.dedup();
        self.unhealthy.truncate(NAMES);
        self.changed = self.changed.max(other.changed);
        self.proxies += other.proxies;
    }
}

impl From<&HealthReport> for proto::BackendHealth {
    fn from(report: &HealthReport) -> Self {
        let HealthReport {
            backend,
            healthy,
            total,
            unhealthy,
            changed,
        } = report;
        Self {
            backend: Some(backend.into()),
            healthy: *healthy,
            total: *total,
            unhealthy: unhealthy
                .iter()
                .take(NAMES)
                .map(ToString::to_string)
                .collect(),
            changed: *changed,
        }
    }
}

impl TryFrom<proto::BackendHealth> for HealthReport {
    type Error = Invalid;

    fn try_from(report: proto::BackendHealth) -> Result<Self, Invalid> {
        let proto::BackendHealth {
            backend,
            healthy,
            total,
            unhealthy,
            changed,
        } = report;
        let backend = backend.ok_or_else(|| Invalid::new("is not set").under("backend"))?;
        Ok(Self {
            backend: backend.try_into()?,
            healthy: healthy.min(total),
            total,
            unhealthy: unhealthy.into_iter().take(NAMES).map(Into::into).collect(),
            changed,
        })
    }
}

#[cfg(test)]
mod tests {
    use agw_core::id::ObjectKey;

    use super::*;

    #[test]
    fn the_least_favourable_proxy_is_believed() {
        let report = |healthy, unhealthy: &[&str], changed| HealthReport {
            backend: BackendKey::agentgateway(ObjectKey::new("ns", "b")),
            healthy,
            total: 2,
            unhealthy: unhealthy.iter().map(|&name| name.into()).collect(),
            changed,
        };
        let mut health = BackendHealth::of(&report(2, &[], 7));
        health.merge(&BackendHealth::of(&report(1, &["b"], 9)));
        health.merge(&BackendHealth::of(&report(1, &["a"], 3)));
        let want = BackendHealth {
            healthy: 1,
            total: 2,
            unhealthy: vec!["a".into(), "b".into()],
            changed: 9,
            proxies: 3,
        };
        assert_eq!(health, want);
    }
}
