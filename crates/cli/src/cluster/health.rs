//! What a proxy tells the controller of its backends' health.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use agw_core::id::BackendKey;
use agw_proxy::{Pages, TargetHealth};
use agw_xds::HealthReport;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Between two looks; the controller writes far less often.
const LOOK: Duration = Duration::from_secs(1);

/// Looks at the proxy's health until `end`, and tells what changed.
pub(super) async fn follow(
    pages: Pages,
    reports: watch::Sender<Arc<Vec<HealthReport>>>,
    end: CancellationToken,
) {
    let mut known = BTreeMap::new();
    loop {
        if end
            .run_until_cancelled(tokio::time::sleep(LOOK))
            .await
            .is_none()
        {
            return;
        }
        let next = collect(pages.health(), &known, now());
        if next != known {
            known = next;
            reports.send_replace(Arc::new(known.values().cloned().collect()));
        }
    }
}

/// One report for each backend. Its time is that of the last change.
fn collect(
    targets: Vec<TargetHealth>,
    known: &BTreeMap<BackendKey, HealthReport>,
    now: u64,
) -> BTreeMap<BackendKey, HealthReport> {
    let mut reports: BTreeMap<BackendKey, HealthReport> = BTreeMap::new();
    for target in targets {
        let report = reports
            .entry(target.backend.clone())
            .or_insert_with(|| HealthReport {
                backend: target.backend,
                healthy: 0,
                total: 0,
                unhealthy: Vec::new(),
                changed: now,
            });
        report.total += 1;
        if target.is_out {
            report.unhealthy.push(target.entry);
        } else {
            report.healthy += 1;
        }
    }
    for (key, report) in &mut reports {
        let same = |before: &&HealthReport| {
            (before.healthy, before.total) == (report.healthy, report.total)
                && before.unhealthy == report.unhealthy
        };
        if let Some(before) = known.get(key).filter(same) {
            report.changed = before.changed;
        }
    }
    reports
}

/// Milliseconds since the epoch.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use agw_core::id::ObjectKey;

    use super::*;

    #[test]
    fn a_report_counts_targets_and_keeps_its_time() {
        let target = |entry: &str, is_out| TargetHealth {
            backend: BackendKey::agentgateway(ObjectKey::new("ns", "b")),
            entry: entry.into(),
            is_out,
        };
        let first = collect(
            vec![target("a", false), target("b", true)],
            &BTreeMap::new(),
            5,
        );
        let report = first.values().next().unwrap();
        assert_eq!((report.healthy, report.total, report.changed), (1, 2, 5));
        assert_eq!(report.unhealthy, [Arc::from("b")]);
        let same = collect(vec![target("a", false), target("b", true)], &first, 9);
        assert_eq!(same, first);
        let other = collect(vec![target("a", false), target("b", false)], &first, 9);
        assert_eq!(other.values().next().unwrap().changed, 9);
    }
}
