//! `agw controller`: the control plane in a cluster.

use std::process::ExitCode;
use std::sync::Arc;

use agw_controller::{
    CaSettings, Controller, ControllerSettings, LeaseSettings, ProxySettings, Publication,
};
use agw_runtime::admin::{AdminServer, Page};
use agw_runtime::build_info::BUILD;
use agw_runtime::drain::{Readiness, Shutdown};
use agw_runtime::log::Filter;
use agw_translate::{Mode, Settings};
use anyhow::{Context, bail};
use rustls::ServerConfig;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::serving::{Serving, WireDeliveries, serve};
use super::{Pages, deliveries, relaying};
use crate::command;
use crate::run::pages::{logging, ready_pages};
use crate::run::providers::Providers;

/// What proxies' tokens are made for.
const AUDIENCE: &str = "agentgateway-xds";
/// The Kubernetes client prints answers that it cannot read, and a Secret may be in one.
const NEVER_LOGGED: &str = "kube_client::client=error";

/// The log filter of a controller, whatever is asked for.
pub(crate) fn log_filter(asked: Option<&str>) -> String {
    let variable = |name| std::env::var(name).ok();
    let asked = asked.map(str::to_owned);
    let asked = asked
        .or_else(|| variable("AGW_LOG"))
        .or_else(|| variable("RUST_LOG"));
    let asked = asked.filter(|text| !text.trim().is_empty());
    format!("{},{NEVER_LOGGED}", asked.as_deref().unwrap_or("info"))
}

/// Runs until a signal, or until a part of it breaks.
pub(crate) async fn run(
    arguments: command::Controller,
    filter: Filter,
) -> anyhow::Result<ExitCode> {
    if arguments.lease_renew * 2 >= arguments.lease_duration {
        bail!("--lease-renew must be less than half of --lease-duration");
    }
    let (shutdown, _signals) = Shutdown::on_signals()?;
    let client = agw_controller::connect()
        .await
        .context("there is no cluster to work in")?;
    let settings = settings(&arguments).await?;
    let readiness = Readiness::not_ready("starting");
    tracing::info!(target: "agw", version = BUILD.version, "controller");
    let mut controller = Controller::start(&client, settings);
    let mut pages = Pages::default();
    let metrics = controller.metrics();
    let metrics = AdminServer::new().page("/metrics", "metrics in OpenMetrics text", move || {
        Page::metrics(metrics.text())
    });
    pages.add("metrics", arguments.metrics, metrics).await?;
    pages
        .add("readiness", arguments.ready, ready_pages(readiness.clone()))
        .await?;
    let listener = TcpListener::bind(arguments.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", arguments.listen))?;
    let (wire, deliveries) = watch::channel(Arc::default());
    let admin = admin(controller.published(), deliveries, filter);
    pages.add("admin", arguments.admin, admin).await?;

    let end = CancellationToken::new();
    let mut tasks = JoinSet::new();
    let (report, reported) = watch::channel(Arc::default());
    let serving = Serving::of(&controller, wire, report);
    tasks.spawn(serve(listener, serving, end.clone()));
    tasks.spawn(relaying::relay(
        relaying::settings(&arguments),
        relaying::ports(&controller, reported),
        end.clone(),
    ));
    tasks.spawn(tell_readiness(
        Sides::of(&controller),
        readiness.clone(),
        end.clone(),
    ));
    let result = tokio::select! {
        () = shutdown.drain.cancelled() => Ok(ExitCode::SUCCESS),
        broken = controller.broken() => Err(broken.into()),
        Some(ended) = tasks.join_next() => match ended {
            Ok(Ok(())) => Err(anyhow::anyhow!("proxies are no longer served")),
            Ok(Err(error)) => Err(error),
            Err(error) => Err(error.into()),
        },
    };
    readiness.set_not_ready("ending");
    let stop = async {
        // Leadership first: the next leader need not wait for our streams to end.
        controller.stop(arguments.drain).await;
        end.cancel();
        while tasks.join_next().await.is_some() {}
        pages.stop().await;
    };
    tokio::select! {
        () = stop => {}
        () = shutdown.now.cancelled() => tracing::warn!("a second signal: nothing is waited for"),
    }
    result
}

async fn settings(arguments: &command::Controller) -> anyhow::Result<ControllerSettings> {
    let translate = match &arguments.mock_provider {
        Some(url) => Providers::start(Some(Some(url.clone())))
            .await?
            .settings()
            .clone(),
        None => Settings::default(),
    };
    Ok(ControllerSettings {
        translate: Settings {
            mode: Mode::Cluster,
            ..translate
        },
        lease: LeaseSettings {
            namespace: arguments.namespace.clone(),
            name: arguments.lease_name.clone(),
            identity: agw_controller::identity(&arguments.name, arguments.own_address()),
            duration: arguments.lease_duration,
            renew: arguments.lease_renew,
        },
        ca: CaSettings {
            namespace: arguments.namespace.clone(),
            secret: arguments.ca_secret.clone(),
            server_names: arguments.server_names(),
        },
        proxy: ProxySettings {
            image: arguments.proxy_image(),
            controller: arguments.address(),
            audience: AUDIENCE.to_owned(),
        },
        account: arguments.account(),
    })
}

/// What readiness depends on.
struct Sides {
    published: Publication,
    tls: watch::Receiver<Option<Arc<ServerConfig>>>,
    unlisted: watch::Receiver<Vec<&'static str>>,
}

impl Sides {
    fn of(controller: &Controller) -> Self {
        Self {
            published: controller.published(),
            tls: controller.tls(),
            unlisted: controller.unlisted(),
        }
    }
}

/// Keeps readiness true to what is there.
async fn tell_readiness(
    mut sides: Sides,
    readiness: Readiness,
    end: CancellationToken,
) -> anyhow::Result<()> {
    let tell = async {
        loop {
            let unlisted = sides.unlisted.borrow_and_update().clone();
            let is_published = sides.published.borrow_and_update().is_some();
            let is_certified = sides.tls.borrow_and_update().is_some();
            if is_published && is_certified {
                readiness.set_ready();
                return;
            }
            readiness.set_not_ready(if !unlisted.is_empty() {
                format!("the API server has not listed {}", unlisted.join(", "))
            } else if is_published {
                "there is no certificate authority yet".to_owned()
            } else {
                "nothing is translated yet".to_owned()
            });
            tokio::select! {
                Ok(()) = sides.unlisted.changed() => {}
                Ok(()) = sides.published.changed() => {}
                Ok(()) = sides.tls.changed() => {}
                else => return,
            }
        }
    };
    end.run_until_cancelled(tell).await;
    end.cancelled().await;
    Ok(())
}

fn admin(
    published: Publication,
    delivered: watch::Receiver<WireDeliveries>,
    filter: Filter,
) -> AdminServer {
    AdminServer::new()
        .page(
            "/config_dump",
            "what is published, and what is said about it; secrets redacted",
            move || {
                let published = published.borrow().clone();
                let translation = published.as_ref().map(|p| &p.translation);
                Page::json(&json!({
                    "build": BUILD,
                    "revision": published.as_ref().map(|p| p.revision),
                    "gateways": translation.map(|t| &t.gateways),
                    "infra": translation.map(|t| &t.infra),
                    "statuses": translation.map(|t| &t.statuses),
                    "findings": translation.map(|t| &t.findings),
                }))
            },
        )
        .page(
            "/proxies",
            "which proxies are connected to this replica, or to one that tells it, and what they have",
            move || Page::json(&deliveries::page(&delivered.borrow())),
        )
        .page("/version", "which build this is", || {
            Page::json(&json!(BUILD))
        })
        .control(
            "/logging",
            "the log filter; POST /logging?level=debug changes it",
            move |ask| logging(&filter, ask, NEVER_LOGGED),
        )
}
