//! The servers around the proxies: configuration, metrics, readiness.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use agw_core::id::ObjectKey;
use agw_proxy::Pages;
use agw_runtime::admin::{AdminServer, Ask, Page};
use agw_runtime::build_info::BUILD;
use agw_runtime::drain::Readiness;
use agw_runtime::log::Filter;
use agw_translate::finding::Finding;
use anyhow::Context;
use http::StatusCode;
use parking_lot::Mutex;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::metrics;
use super::voice::Voice;
use crate::command;
use crate::compile::Compiled;

const ADMIN: u16 = 15000;
const METRICS: u16 = 15020;
const READY: u16 = 15021;

/// What the pages show, changed with each configuration. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Shown(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    version: u64,
    files: Vec<String>,
    findings: Vec<Finding>,
    gateways: Vec<(ObjectKey, Pages)>,
}

/// Three servers, each on its own port.
pub(crate) struct PageServers {
    end: CancellationToken,
    voice: Voice,
    running: Vec<(&'static str, SocketAddr, &'static str, JoinHandle<()>)>,
}

impl Shown {
    pub(crate) fn show(
        &self,
        version: u64,
        compiled: &Compiled,
        gateways: Vec<(ObjectKey, Pages)>,
    ) {
        let files = compiled
            .files
            .iter()
            .map(|file| file.path.clone())
            .collect();
        let findings = compiled.findings.clone();
        *self.0.lock() = State {
            version,
            files,
            findings,
            gateways,
        };
    }

    fn config_dump(&self) -> Page {
        let state = self.0.lock();
        let gateways: Vec<_> = state
            .gateways
            .iter()
            .map(|(key, pages)| json!({ "gateway": key, "serving": pages.dump() }))
            .collect();
        Page::json(&json!({
            "build": BUILD,
            "version": state.version,
            "files": state.files,
            "gateways": gateways,
            "findings": state.findings,
        }))
    }

    fn metrics(&self) -> Page {
        let gateways = self.0.lock().gateways.clone();
        let texts = gateways
            .iter()
            .map(|(key, pages)| (key.to_string(), pages.metrics_text()));
        Page::metrics(metrics::joined(texts.collect()))
    }
}

impl PageServers {
    /// Binds the addresses that were asked for, or fails; where none was, the usual one, or any
    /// free port of this machine when that is taken.
    pub(crate) async fn start(
        arguments: &command::Run,
        shown: &Shown,
        readiness: &Readiness,
        filter: Filter,
        voice: Voice,
    ) -> anyhow::Result<Self> {
        let mut servers = Self {
            end: CancellationToken::new(),
            running: Vec::new(),
            voice,
        };
        let admin = admin(shown.clone(), filter);
        servers
            .add("admin", "/config_dump", admin, arguments.admin, ADMIN)
            .await?;
        let metrics = metrics_pages(shown.clone());
        servers
            .add("metrics", "/metrics", metrics, arguments.metrics, METRICS)
            .await?;
        let ready = ready_pages(readiness.clone());
        servers
            .add("readiness", "/healthz/ready", ready, arguments.ready, READY)
            .await?;
        Ok(servers)
    }

    async fn add(
        &mut self,
        name: &'static str,
        main: &'static str,
        server: AdminServer,
        asked: Option<SocketAddr>,
        usual: u16,
    ) -> anyhow::Result<()> {
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let wanted = asked.unwrap_or_else(|| local(usual));
        let served = match server.clone().serve(wanted, self.end.clone()).await {
            Err(error) if asked.is_none() && error.kind() == io::ErrorKind::AddrInUse => {
                let option = if name == "readiness" { "ready" } else { name };
                self.voice.warn(&format!(
                    "{wanted} is taken; {name} is on a free port instead (--{option} chooses one)"
                ));
                server.serve(local(0), self.end.clone()).await
            }
            served => served,
        };
        let (address, task) =
            served.with_context(|| format!("{name} cannot be served on {wanted}"))?;
        self.running.push((name, address, main, task));
        Ok(())
    }

    /// What each server is called, and the address of its main page.
    pub(crate) fn addresses(&self) -> Vec<(&'static str, String)> {
        let row = |(name, address, main, _): &(&'static str, SocketAddr, &'static str, _)| {
            (*name, format!("http://{address}{main}"))
        };
        self.running.iter().map(row).collect()
    }

    pub(crate) async fn stop(self) {
        self.end.cancel();
        for (name, _, _, task) in self.running {
            if let Err(error) = task.await {
                tracing::error!(%error, "the {name} server ended badly");
            }
        }
    }
}

fn admin(shown: Shown, filter: Filter) -> AdminServer {
    AdminServer::new()
        .page(
            "/config_dump",
            "what is served, and how its backends are; secrets redacted",
            move || shown.config_dump(),
        )
        .page("/version", "which build this is", || {
            Page::json(&json!(BUILD))
        })
        .control(
            "/logging",
            "the log filter; POST /logging?level=debug changes it",
            move |ask| logging(&filter, ask, ""),
        )
}

/// Shows the log filter, or changes it. `always` is added to whatever is asked for.
pub(crate) fn logging(filter: &Filter, ask: Ask<'_>, always: &str) -> Page {
    match ask.parameter("level").filter(|_| ask.changes()) {
        Some(level) => match filter.set(format!("{level},{always}").trim_end_matches(',')) {
            Ok(()) => Page::text(format!("{}\n", filter.current())),
            Err(error) => Page::text(format!("{error}\n")).with_status(StatusCode::BAD_REQUEST),
        },
        None => Page::text(format!("{}\n", filter.current())),
    }
}

fn metrics_pages(shown: Shown) -> AdminServer {
    let second = shown.clone();
    AdminServer::new()
        .page("/metrics", "metrics in OpenMetrics text", move || {
            shown.metrics()
        })
        .page(
            "/stats/prometheus",
            "the same, where Envoy has it",
            move || second.metrics(),
        )
}

/// Readiness and liveness, where Kubernetes asks for them.
pub(crate) fn ready_pages(readiness: Readiness) -> AdminServer {
    AdminServer::new()
        .page(
            "/healthz/ready",
            "200 when requests are welcome, else 503 and why",
            move || match readiness.check() {
                Ok(()) => Page::text("ready\n"),
                Err(reason) => Page::text(format!("not ready: {reason}\n"))
                    .with_status(StatusCode::SERVICE_UNAVAILABLE),
            },
        )
        .page("/healthz/live", "200 while the process runs", || {
            Page::text("alive\n")
        })
}
