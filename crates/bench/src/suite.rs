//! The whole comparison.

mod memory_rounds;
mod rounds;
mod route_rounds;
mod slow_rounds;
mod translation_rounds;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::{Args, ValueEnum};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

use crate::output::{say, tell};
use crate::peers::{self, Lab, Peer};
use crate::report::Report;
use crate::samples::Samples;
use crate::setting::Setting;

#[derive(Args)]
pub(crate) struct Options {
    /// How often each is measured
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,

    /// How long each time
    #[arg(long, default_value_t = 3.0, value_parser = positive)]
    seconds: f64,

    /// What is measured [default: everything]
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,

    /// Who is measured [default: all that are installed]
    #[arg(long, value_enum, value_delimiter = ',')]
    targets: Vec<Peer>,

    /// Open streams for the memory of one
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u16).range(1..))]
    streams: u16,

    /// Slow streams that run at the same time
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u16).range(1..=20_000))]
    slow_streams: u16,

    /// The gateway's binary
    #[arg(long, default_value = "target/release/agw")]
    agw: PathBuf,

    /// Where the report goes, besides standard output
    #[arg(long, default_value = "target/bench/report.md")]
    report: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// 1 KB and 100 KB as fast as it goes: CPU a request
    Busy,
    /// 1 KB and 100 KB at a fixed rate: latency
    Paced,
    /// Streams at a fixed rate: first token
    Streams,
    /// Idle process and idle streams
    Memory,
    /// 10 to 10,000 routes
    Routes,
    /// Thousands of slow streams: memory of one, CPU an event
    Slow,
    /// Clients of one format, providers of others: CPU a request and an event
    Translation,
}

/// What is gathered on the way.
struct Suite<'a> {
    options: &'a Options,
    lab: Lab,
    setting: Setting,
    samples: Samples,
    skipped: Vec<(&'static str, String)>,
    remarks: Vec<String>,
}

/// Runs it, prints the report and writes it to a file.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if !options.agw.is_file() {
        bail!("no {}: `make release` builds it", options.agw.display());
    }
    raise_file_limit()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let text = LocalSet::new().block_on(&runtime, async {
        // What was started is ended either way: it goes with the future that holds it.
        tokio::select! {
            text = measure(options) => text,
            interrupted = interrupted() => Err(interrupted),
        }
    })?;
    if let Some(folder) = options.report.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&options.report, &text)
        .with_context(|| format!("writing {}", options.report.display()))?;
    say(&text)
}

/// Waits for a signal to end.
async fn interrupted() -> anyhow::Error {
    let signals = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    );
    let (Ok(mut interrupt), Ok(mut terminate)) = signals else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => anyhow!("interrupted"),
        _ = terminate.recv() => anyhow!("terminated"),
    }
}

async fn measure(options: &Options) -> anyhow::Result<String> {
    let cores = std::thread::available_parallelism()?.get();
    let setting = Setting::look(cores);
    // Serves until the end of this function.
    let (provider, address) = peers::provider().await?;
    let mut suite = Suite {
        options,
        lab: Lab {
            provider: address,
            provider_pid: provider.pid(),
            agw: options.agw.clone(),
            home: crate::peers_home(),
            cores,
        },
        setting,
        samples: Samples::default(),
        skipped: Vec::new(),
        remarks: Vec::new(),
    };
    suite.loads().await?;
    if suite.wants(Part::Memory) {
        suite.memory().await?;
    }
    if suite.wants(Part::Routes) {
        suite.routes().await?;
    }
    if suite.wants(Part::Slow) {
        suite.slow().await?;
    }
    if suite.wants(Part::Translation) {
        suite.translation().await?;
    }
    Ok(suite.report())
}

impl Suite<'_> {
    fn wants(&self, part: Part) -> bool {
        self.options.only.is_empty() || self.options.only.contains(&part)
    }

    fn peers(&self) -> Vec<Peer> {
        let wanted =
            |peer: &&Peer| self.options.targets.is_empty() || self.options.targets.contains(peer);
        Peer::value_variants()
            .iter()
            .filter(wanted)
            .copied()
            .collect()
    }

    fn length(&self) -> Duration {
        Duration::from_secs_f64(self.options.seconds)
    }

    fn skip(&mut self, peer: Peer, why: String) {
        tell(&format!("{} is skipped: {why}", peer.name()));
        if self.skipped.iter().all(|(name, _)| *name != peer.name()) {
            self.skipped.push((peer.name(), why));
        }
    }

    fn report(self) -> String {
        let Options {
            rounds,
            seconds,
            streams,
            slow_streams,
            ..
        } = self.options;
        let version = |peer: Peer| Some((peer.name(), peer.version(&self.lab)?));
        let missing = |name| self.skipped.iter().any(|(skipped, _)| *skipped == name);
        let versions = self
            .peers()
            .into_iter()
            .filter_map(version)
            .filter(|(name, _)| !missing(*name));
        let report = Report {
            setting: &self.setting,
            samples: &self.samples,
            protocol: format!(
                "{rounds} interleaved rounds in rotated order, windows of {seconds} s; {streams} streams for memory, {slow_streams} slow ones"
            ),
            versions: versions.collect(),
            skipped: self.skipped.clone(),
            remarks: self.remarks,
        };
        report.render()
    }
}

/// Open streams take descriptors here, in the provider and in the peers, which inherit the limit.
fn raise_file_limit() -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).context("raising the limit of open files")
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 3600.0 => Ok(seconds),
        _ => Err("expected seconds, more than 0 and at most 3600".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lengths_that_can_be_waited_for() {
        assert_eq!(positive("0.5"), Ok(0.5));
        for wrong in ["0", "-1", "NaN", "inf", "3601", "x"] {
            assert!(positive(wrong).is_err(), "{wrong}");
        }
    }
}
