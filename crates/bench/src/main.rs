//! Compares the gateway with its peers on one machine: CPU per request over the process tree,
//! latency from the scheduled instant, memory per idle stream, cost per number of routes.
//!
//! The method is in `docs/benchmarks.md`. All load stays on loopback.

mod claim;
mod clock;
mod events;
mod floor;
mod goals;
mod load;
mod memory;
mod mock;
mod output;
mod peers;
mod process;
mod report;
mod running;
mod samples;
mod setting;
mod slow;
mod stats;
mod streams;
mod suite;
mod target;
mod window;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about = "Compare the gateway with its peers, side by side on loopback")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the whole comparison and write the report
    Suite(suite::Options),
    /// The provider behind all of them: chat completions, streamed or whole
    Mock {
        #[arg(long)]
        listen: SocketAddr,
    },
    /// A bare proxy of the same HTTP library: what is left when all features are taken away
    Floor {
        #[arg(long)]
        listen: SocketAddr,
        #[arg(long)]
        upstream: SocketAddr,
        #[arg(long, default_value_t = 2)]
        workers: usize,
    },
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Suite(options) => suite::run(&options),
        Command::Mock { listen } => mock::run(listen),
        Command::Floor {
            listen,
            upstream,
            workers,
        } => floor::run(listen, upstream, workers),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::tell(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Where peers are installed: `$AGW_BENCH_PEERS`, or a folder of the user's cache.
fn peers_home() -> PathBuf {
    if let Some(path) = std::env::var_os("AGW_BENCH_PEERS") {
        return path.into();
    }
    let home = std::env::var_os("HOME").map_or_else(|| PathBuf::from("."), PathBuf::from);
    home.join(".cache/agw-bench")
}
