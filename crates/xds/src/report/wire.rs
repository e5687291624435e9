//! A report as it travels: in messages that are small enough.

use std::collections::VecDeque;
use std::sync::Arc;

use agw_core::id::{BackendKey, ObjectKey};
use prost::Message as _;

use super::{GatewayReport, Problem, Report};
use crate::convert::Invalid;
use crate::health::{BackendHealth, HealthReport};
use crate::limits;
use crate::proto;
use crate::resource::{Hash, ResourceId};

impl Report {
    /// The messages that say this, in the name of `replica`; at least one.
    pub(crate) fn messages(&self, replica: &str) -> VecDeque<proto::ReplicaReport> {
        let empty = || proto::ReplicaReport {
            replica: replica.to_owned(),
            ..proto::ReplicaReport::default()
        };
        let mut messages = VecDeque::new();
        let mut last = empty();
        let mut size = 0;
        let mut room = |last: &mut proto::ReplicaReport, more: usize| {
            if size > 0 && size + more > limits::CHUNK {
                messages.push_back(std::mem::replace(last, empty()));
                size = 0;
            }
            size += more;
        };
        for entry in &self.gateways {
            let gateway = proto::GatewayReport::from(entry);
            room(&mut last, gateway.encoded_len());
            last.gateways.push(gateway);
        }
        for entry in &self.health {
            let backend = proto::BackendReport::from(entry);
            room(&mut last, backend.encoded_len());
            last.backends.push(backend);
        }
        last.complete = true;
        messages.push_back(last);
        messages
    }

    /// Takes in a part of what is told.
    pub(crate) fn read(&mut self, message: proto::ReplicaReport) -> Result<(), Invalid> {
        let proto::ReplicaReport {
            replica: _,
            gateways,
            backends,
            complete: _,
        } = message;
        for gateway in gateways {
            let (key, report) = gateway_report(gateway).map_err(|i| i.under("gateways"))?;
            self.gateways.insert(key, report);
        }
        // A newer replica knows kinds that are not known here, and nothing asks for them here.
        let backends = backends.into_iter().filter_map(backend_health);
        self.health.extend(backends);
        Ok(())
    }
}

impl From<(&ObjectKey, &GatewayReport)> for proto::GatewayReport {
    fn from((key, report): (&ObjectKey, &GatewayReport)) -> Self {
        let GatewayReport { proxies, problems } = report;
        let proxies = proxies.iter().map(|(name, digest)| proto::ReportedProxy {
            name: name.to_string(),
            digest: digest.map(Hash::bytes).unwrap_or_default(),
        });
        let problems = problems.iter().take(limits::ERRORS);
        let problems = problems.map(|(id, problem)| proto::ReportedProblem {
            id: Some(id.into()),
            message: problem.message.to_string(),
            proxies: count(problem.proxies),
        });
        Self {
            gateway: Some(key.into()),
            proxies: proxies.collect(),
            problems: problems.collect(),
        }
    }
}

impl From<(&BackendKey, &BackendHealth)> for proto::BackendReport {
    fn from((key, health): (&BackendKey, &BackendHealth)) -> Self {
        let BackendHealth {
            healthy,
            total,
            unhealthy,
            changed,
            proxies,
        } = health;
        let report = HealthReport {
            backend: key.clone(),
            healthy: *healthy,
            total: *total,
            unhealthy: unhealthy.clone(),
            changed: *changed,
        };
        Self {
            health: Some((&report).into()),
            proxies: count(*proxies),
        }
    }
}

fn gateway_report(message: proto::GatewayReport) -> Result<(ObjectKey, GatewayReport), Invalid> {
    let proto::GatewayReport {
        gateway,
        proxies,
        problems,
    } = message;
    let gateway = gateway.ok_or_else(|| Invalid::new("is not set").under("gateway"))?;
    let proxies = proxies.into_iter().take(limits::PROXIES).map(|proxy| {
        let digest = Hash::read(&proxy.digest);
        (Arc::<str>::from(proxy.name), digest)
    });
    let problems = problems.into_iter().take(limits::ERRORS);
    let problems = problems.filter_map(|problem| {
        let proto::ReportedProblem {
            id,
            message,
            proxies,
        } = problem;
        let problem = Problem {
            message: limits::message(&message).into(),
            proxies: number(proxies),
        };
        Some((ResourceId::try_from(id?).ok()?, problem))
    });
    let report = GatewayReport {
        proxies: proxies.collect(),
        problems: problems.collect(),
    };
    Ok((ObjectKey::try_from(gateway)?, report))
}

fn backend_health(message: proto::BackendReport) -> Option<(BackendKey, BackendHealth)> {
    let proto::BackendReport { health, proxies } = message;
    let report = HealthReport::try_from(health?).ok()?;
    let health = BackendHealth {
        proxies: number(proxies),
        ..BackendHealth::of(&report)
    };
    Some((report.backend, health))
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn number(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
