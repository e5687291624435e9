//! The one binary, and the only place where the parts are put together.

mod analyze;
mod check;
mod cluster;
mod command;
mod compile;
mod explain;
mod mock_provider;
mod report;
mod run;
mod sarif;
mod sources;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use command::{Cli, Command};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Raises the soft limit of open files to the hard one: a proxy has two for each request. Where
/// that is not allowed, the limit stays as it is.
fn allow_all_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, all) {
        tracing::debug!(%error, "the limit of open files stays");
    }
}

fn main() -> ExitCode {
    // A page of 2 MiB stays resident for the one buffer in it that is in use: with thousands of
    // connections that is most of the memory. Where the kernel cannot, memory is all it costs.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    // Before anything builds a TLS configuration. It only fails when a provider is already set.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Analyze(arguments) => analyze::analyze(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Version(arguments) => version(&arguments),
        Command::Run(arguments) => {
            let filter = agw_runtime::log::init(cli.log.as_deref(), cli.log_format.into());
            allow_all_files();
            on_runtime(async { Ok(run::run(arguments, filter).await) })
        }
        Command::Controller(arguments) => {
            let level = cluster::controller::log_filter(cli.log.as_deref());
            let filter = agw_runtime::log::init(Some(&level), cli.log_format.into());
            allow_all_files();
            on_runtime(cluster::controller::run(arguments, filter))
        }
        Command::Proxy(arguments) => {
            let filter = agw_runtime::log::init(cli.log.as_deref(), cli.log_format.into());
            allow_all_files();
            on_runtime(cluster::proxy::run(arguments, filter))
        }
        Command::Check(arguments) => {
            agw_runtime::log::init(cli.log.as_deref(), cli.log_format.into());
            on_runtime(check::run(arguments))
        }
        Command::MockProvider(arguments) => {
            agw_runtime::log::init(cli.log.as_deref(), cli.log_format.into());
            on_runtime(mock_provider::serve(arguments))
        }
    };
    result.unwrap_or_else(|error| {
        // There is no other place to say that standard error takes no bytes.
        let _ = writeln!(std::io::stderr(), "agw: {error:#}");
        ExitCode::FAILURE
    })
}

/// Runs to the end of `work`, then gives what is left over a moment.
fn on_runtime(work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(Duration::from_millis(500));
    result
}

fn version(arguments: &command::Version) -> anyhow::Result<ExitCode> {
    let build = agw_runtime::build_info::BUILD;
    let text = match arguments.output {
        command::Output::Json => serde_json::to_string(&build)?,
        command::Output::Text => {
            let commit = build.commit.map(|c| format!(" ({c})")).unwrap_or_default();
            format!("agw {}{commit} {}/{}", build.version, build.os, build.arch)
        }
    };
    writeln!(std::io::stdout(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}
