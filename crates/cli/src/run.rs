//! `agw run`: controller and proxy in one process, from files.

mod banner;
mod curl;
pub(crate) mod gateways;
mod metrics;
pub(crate) mod pages;
pub(crate) mod providers;
mod voice;
mod watch;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use agw_core::id::ObjectKey;
use agw_runtime::drain::{Readiness, Shutdown};
use agw_runtime::lines::LineWriter;
use agw_runtime::log::Filter;
use agw_translate::finding::Severity;
use agw_translate::manifest::ManifestFile;
use anyhow::{Context, bail};

use crate::command;
use crate::compile::Compiled;
use crate::sources::Sources;
use gateways::Gateways;
use pages::{PageServers, Shown};
use providers::Providers;
use voice::Voice;
use watch::Watch;

/// How long a configuration may take to come into force before that is a failure.
const IN_FORCE_WITHIN: Duration = Duration::from_secs(10);

/// Serves until a signal. The exit code tells a start that failed from an orderly end.
pub(crate) async fn run(arguments: command::Run, filter: Filter) -> ExitCode {
    let voice = Voice::choose(arguments.banner);
    match serve(arguments, filter, voice).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            voice.fatal(&error);
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: command::Run, filter: Filter, voice: Voice) -> anyhow::Result<()> {
    let (shutdown, _signals) = Shutdown::on_signals()?;
    let sources = Sources::open(&arguments.files.filename)?;
    let files = sources.read()?;
    let providers = Providers::start(arguments.mock.clone()).await?;
    let compiled = Compiled::from(files, providers.settings());
    voice.findings(&compiled.findings, &compiled.files);
    check_start(&compiled)?;

    let readiness = Readiness::not_ready("starting");
    let shown = Shown::default();
    let servers = PageServers::start(&arguments, &shown, &readiness, filter, voice).await?;
    let access_log = LineWriter::stdout()?;
    let proxy_settings = gateways::settings(&arguments, access_log.clone());
    let mut session = Session {
        voice,
        gateways: Gateways::new(proxy_settings),
        shown,
        readiness,
        seen: compiled.files.clone(),
        complaint: None,
        applied: compiled,
        version: 0,
        drain: arguments.drain,
    };
    session.start().await?;
    session.welcome(&servers, &providers);

    if arguments.no_watch {
        shutdown.drain.cancelled().await;
    } else {
        session.follow(&sources, &providers, &shutdown).await?;
    }
    tokio::select! {
        () = session.end() => {}
        () = shutdown.now.cancelled() => {
            tracing::warn!("a second signal: requests under way are not waited for");
        }
    }
    servers.stop().await;
    providers.stop().await;
    let closed = tokio::task::spawn_blocking(move || access_log.close());
    let _ = closed.await;
    Ok(())
}

/// Whether there is a start with these files at all.
fn check_start(compiled: &Compiled) -> anyhow::Result<()> {
    if compiled.is_malformed() {
        bail!("nothing is served: the files have errors, see above");
    }
    if compiled.gateways.is_empty() {
        bail!(
            "nothing is served: the files hold no Gateway with a listener of class `agentgateway` \
             or `enterprise-agentgateway`"
        );
    }
    Ok(())
}

/// What goes on between start and end.
struct Session {
    voice: Voice,
    gateways: Gateways,
    shown: Shown,
    readiness: Readiness,
    /// The files as last read, applied or not.
    seen: Vec<ManifestFile>,
    /// The last remark that files cannot be read, to make it once.
    complaint: Option<String>,
    applied: Compiled,
    version: u64,
    drain: Duration,
}

impl Session {
    async fn start(&mut self) -> anyhow::Result<()> {
        self.put_in_force().await?;
        let listening = self.gateways.listening();
        if listening.addresses.is_empty() {
            bail!(
                "{}; stop what listens there, or change the listener's port",
                listening.errors.join("; ")
            );
        }
        self.announce();
        self.readiness.set_ready();
        Ok(())
    }

    fn welcome(&self, servers: &PageServers, providers: &Providers) {
        let listening = self.gateways.listening();
        let banner = banner::Banner {
            gateways: self.urls(listening.addresses),
            servers: servers.addresses(),
            mock: providers.mock_address(),
            try_it: curl::example(&self.applied.gateways, self.gateways.bind()),
        };
        self.voice.banner(&banner);
    }

    fn urls(&self, addresses: Vec<(ObjectKey, SocketAddr)>) -> Vec<(ObjectKey, String)> {
        let mut urls = Vec::new();
        for (key, address) in addresses {
            let gateways = self.applied.gateways.iter().filter(|g| g.gateway == key);
            let listeners = gateways.flat_map(|g| &g.listeners);
            // A number may be a port for streams and another for datagrams.
            for listener in listeners.filter(|l| l.port == address.port()) {
                let scheme = listener.protocol.scheme();
                let scheme = scheme.map_or(listener.protocol.transport().as_str(), |s| s.as_str());
                let url = (key.clone(), format!("{scheme}://{address}"));
                if !urls.contains(&url) {
                    urls.push(url);
                }
            }
        }
        urls
    }

    /// Applies edits until the end is asked for.
    async fn follow(
        &mut self,
        sources: &Sources,
        providers: &Providers,
        shutdown: &Shutdown,
    ) -> anyhow::Result<()> {
        let watch = Watch::start(&sources.folders())?;
        loop {
            tokio::select! {
                () = shutdown.drain.cancelled() => return Ok(()),
                () = watch.changed() => {}
            }
            // Not raced with the signal: half an edit must not be left behind.
            self.reload(sources, providers).await;
        }
    }

    async fn reload(&mut self, sources: &Sources, providers: &Providers) {
        let files = match sources.read() {
            Ok(files) => files,
            Err(error) => {
                self.complain(format!("{error:#}"));
                return;
            }
        };
        self.complaint = None;
        if files == self.seen {
            return;
        }
        self.seen.clone_from(&files);
        let next = Compiled::from(files, providers.settings());
        let new = next.new_findings(&self.applied);
        self.voice.findings(new.iter().copied(), &next.files);
        let version = self.version;
        if next.is_malformed() || new.iter().any(|f| f.severity == Severity::Error) {
            self.voice.warn(&format!(
                "the edit is not applied, for it has errors; configuration {version} stays in force"
            ));
        } else if next.gateways.is_empty() {
            self.voice.warn(&format!(
                "the edit is not applied, for it leaves no Gateway; configuration {version} stays \
                 in force"
            ));
        } else {
            self.applied = next;
            match self.put_in_force().await {
                Ok(()) => self.announce(),
                Err(error) => self.voice.warn(&format!("{error:#}")),
            }
        }
    }

    fn complain(&mut self, complaint: String) {
        if self.complaint.as_ref() != Some(&complaint) {
            let version = self.version;
            self.voice.warn(&format!(
                "{complaint}; configuration {version} stays in force"
            ));
            self.complaint = Some(complaint);
        }
    }

    /// Hands the applied configuration to the proxies and waits until they serve it.
    async fn put_in_force(&mut self) -> anyhow::Result<()> {
        self.version += 1;
        let version = self.version;
        self.gateways
            .apply(version, &self.applied.gateways, self.drain)?;
        self.shown
            .show(version, &self.applied, self.gateways.pages());
        let in_force = self.gateways.in_force(version);
        let done = tokio::time::timeout(IN_FORCE_WITHIN, in_force).await;
        done.with_context(|| format!("configuration {version} is not yet in force"))
    }

    fn announce(&self) {
        let counts = self.applied.counts();
        self.voice
            .note(&format!("configuration {} applied: {counts}", self.version));
    }

    /// Stops taking requests and lets those under way finish.
    async fn end(self) {
        self.readiness.set_not_ready("draining");
        self.gateways.drain(self.drain).await;
    }
}
