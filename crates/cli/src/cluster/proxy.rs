//! `agw proxy`: one Gateway's data plane in a cluster.

use std::hash::{BuildHasher, RandomState};
use std::process::ExitCode;
use std::sync::Arc;

use agw_proxy::{Pages as ProxyPages, Proxy, Serving, Settings};
use agw_runtime::admin::{AdminServer, Page};
use agw_runtime::build_info::BUILD;
use agw_runtime::drain::{Readiness, Shutdown};
use agw_runtime::lines::LineWriter;
use agw_runtime::log::Filter;
use agw_xds::client::{ClientPorts, ClientSettings, Link};
use anyhow::Context;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Pages, health};
use crate::command;
use crate::run::gateways::environment;
use crate::run::pages::{logging, ready_pages};

/// Serves until a signal.
pub(crate) async fn run(arguments: command::Proxy, filter: Filter) -> anyhow::Result<ExitCode> {
    let (shutdown, _signals) = Shutdown::on_signals()?;
    let readiness = Readiness::not_ready("there is no configuration yet");
    let access_log = LineWriter::stdout()?;
    let mut settings = Settings::new(arguments.bind, access_log.clone());
    settings.environment = environment();
    if let Some(workers) = arguments.workers {
        settings.workers = workers.get();
    }
    let (snapshots, receiver) = watch::channel(None);
    let proxy = Proxy::start(settings, receiver)
        .with_context(|| format!("Gateway {} cannot be served", arguments.gateway))?;
    let (in_force, in_force_receiver) = watch::channel(0);
    let (reports, report_receiver) = watch::channel(Arc::default());
    let (link, linked) = watch::channel(Link::default());
    tracing::info!(
        target: "agw", version = BUILD.version, gateway = %arguments.gateway,
        controller = arguments.controller, "proxy"
    );
    let mut pages = Pages::default();
    pages
        .add("metrics", arguments.metrics, metrics_pages(proxy.pages()))
        .await?;
    pages
        .add("readiness", arguments.ready, ready_pages(readiness.clone()))
        .await?;
    let admin = admin(proxy.pages(), linked.clone(), proxy.serving(), filter);
    pages.add("admin", arguments.admin, admin).await?;

    let end = CancellationToken::new();
    let ports = ClientPorts {
        snapshots,
        in_force: in_force_receiver,
        health: report_receiver,
        link,
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(agw_xds::client::run(
        client_settings(&arguments),
        ports,
        end.clone(),
    ));
    tasks.spawn(health::follow(proxy.pages(), reports, end.clone()));
    tasks.spawn(follow(
        proxy.serving(),
        in_force,
        readiness.clone(),
        end.clone(),
    ));
    tasks.spawn(tell_link(linked, end.clone()));
    let result = tokio::select! {
        () = shutdown.drain.cancelled() => Ok(ExitCode::SUCCESS),
        Some(ended) = tasks.join_next() => {
            let why = ended.err().map(|error| format!(": {error}")).unwrap_or_default();
            Err(anyhow::anyhow!("a part of the proxy ended by itself{why}"))
        }
    };
    // What is served stays as it is while requests under way go on.
    end.cancel();
    while tasks.join_next().await.is_some() {}
    // After the task that tells when it is ready.
    readiness.set_not_ready("draining");
    let drained = async {
        let report = proxy.drain(arguments.drain).await;
        tracing::info!(target: "agw", seconds = report.took.as_secs_f64(), "drained");
    };
    tokio::select! {
        () = drained => {}
        () = shutdown.now.cancelled() => {
            tracing::warn!("a second signal: requests under way are not waited for");
        }
    }
    pages.stop().await;
    let closed = tokio::task::spawn_blocking(move || access_log.close());
    let _ = closed.await;
    result
}

fn client_settings(arguments: &command::Proxy) -> ClientSettings {
    ClientSettings {
        address: arguments.controller.clone(),
        server_name: arguments.server_name(),
        ca_file: arguments.ca_file.clone(),
        token_file: arguments.token_file.clone(),
        gateway: arguments.gateway.clone(),
        proxy: arguments.name.as_str().into(),
        state_file: arguments.state_file.clone(),
        seed: RandomState::new().hash_one(&arguments.name),
    }
}

/// Passes on which version requests are served from. Requests are welcome from the first one on
/// that some listener is bound for.
async fn follow(
    mut serving: watch::Receiver<Serving>,
    in_force: watch::Sender<u64>,
    readiness: Readiness,
    end: CancellationToken,
) {
    let follow = async {
        serving.mark_changed();
        while serving.changed().await.is_ok() {
            let now = serving.borrow_and_update().clone();
            in_force
                .send_if_modified(|version| std::mem::replace(version, now.version) != now.version);
            if now.version == 0 {
                continue;
            }
            if now.addresses.is_empty() && !now.errors.is_empty() {
                readiness.set_not_ready(now.errors.join("; "));
            } else {
                readiness.set_ready();
            }
        }
    };
    end.run_until_cancelled(follow).await;
}

/// Says when the controller comes and goes.
async fn tell_link(mut link: watch::Receiver<Link>, end: CancellationToken) {
    let tell = async {
        while link.changed().await.is_ok() {
            match &*link.borrow_and_update() {
                Link::Idle => {}
                Link::Connected => tracing::info!(target: "agw", "connected to the controller"),
                Link::Away(why) => tracing::warn!(
                    target: "agw", %why, "the controller is away; the last configuration is served"
                ),
            }
        }
        std::future::pending::<()>().await;
    };
    end.run_until_cancelled(tell).await;
}

fn metrics_pages(pages: ProxyPages) -> AdminServer {
    let second = pages.clone();
    AdminServer::new()
        .page("/metrics", "metrics in OpenMetrics text", move || {
            Page::metrics(pages.metrics_text())
        })
        .page(
            "/stats/prometheus",
            "the same, where Envoy has it",
            move || Page::metrics(second.metrics_text()),
        )
}

fn admin(
    pages: ProxyPages,
    link: watch::Receiver<Link>,
    serving: watch::Receiver<Serving>,
    filter: Filter,
) -> AdminServer {
    AdminServer::new()
        .page(
            "/config_dump",
            "what is served, and how its backends are; secrets redacted",
            move || {
                let controller = match &*link.borrow() {
                    Link::Idle => "not connected yet".to_owned(),
                    Link::Connected => "connected".to_owned(),
                    Link::Away(why) => format!("away: {why}"),
                };
                let errors = serving.borrow().errors.clone();
                Page::json(&json!({
                    "build": BUILD,
                    "controller": controller,
                    "listeners": { "errors": errors },
                    "serving": pages.dump(),
                }))
            },
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
