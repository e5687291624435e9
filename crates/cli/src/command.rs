//! What can be said on the command line.

mod cluster;
mod explain;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use cluster::{Controller, Proxy};
pub(crate) use explain::{Data, Explain};

/// AgentGateway: route requests to AI models, in a cluster or on a laptop.
#[derive(Debug, Parser)]
#[command(name = "agw", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// What to log, such as `debug` or `info,agw_proxy=trace` [default: $AGW_LOG, $RUST_LOG, info]
    #[arg(long, global = true, value_name = "FILTER")]
    pub(crate) log: Option<String>,

    /// How to log: one JSON object a line, or lines for people. The access log is always JSON
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Json)]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Run),
    Analyze(Analyze),
    Explain(Explain),
    Controller(Controller),
    Proxy(Proxy),
    Check(Check),
    MockProvider(MockProvider),
    Version(Version),
}

/// Serve manifests from files, without a cluster.
///
/// Each Gateway in the files listens on its own listeners' ports. Edits are picked up at once; an
/// edit that adds an error is reported and the last good configuration stays in force. Standard
/// output carries the access log, one JSON object a line; everything else goes to standard error.
#[derive(Debug, Args)]
#[command(after_long_help = RUN_EXAMPLES)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) files: Files,

    /// Send every provider that names no host to a mock: one started in this process, or the
    /// server at URL (http://host:port). No key is needed
    #[arg(long, value_name = "URL", num_args = 0..=1, require_equals = true)]
    pub(crate) mock: Option<Option<MockUrl>>,

    /// Address to listen on; the ports are the listeners' own
    #[arg(long, value_name = "ADDR", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub(crate) bind: IpAddr,

    /// Where configuration and health are shown [default: 127.0.0.1:15000, or a free port]
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin: Option<SocketAddr>,

    /// Where metrics are scraped [default: 127.0.0.1:15020, or a free port]
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics: Option<SocketAddr>,

    /// Where readiness is asked for [default: 127.0.0.1:15021, or a free port]
    #[arg(long, value_name = "ADDR")]
    pub(crate) ready: Option<SocketAddr>,

    /// Threads that serve requests [default: one a core]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<NonZeroUsize>,

    /// How long requests under way may go on after the first SIGTERM or SIGINT; a second one
    /// ends at once
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) drain: Duration,

    /// Read the files once and ignore edits
    #[arg(long)]
    pub(crate) no_watch: bool,

    /// Whether messages on standard error are for people: `auto` means when it is a terminal
    #[arg(long, value_enum, default_value_t = Plain::Auto, num_args = 0..=1, require_equals = true, default_missing_value = "always")]
    pub(crate) banner: Plain,
}

/// Check manifests: what is wrong, where, and what to do about it.
///
/// Prints findings with stable codes and the status conditions that a controller would write.
/// Exits with 1 when there is an error; warnings and hints do not count.
#[derive(Debug, Args)]
#[command(after_long_help = ANALYZE_EXAMPLES)]
pub(crate) struct Analyze {
    #[command(flatten)]
    pub(crate) files: Files,

    /// How to print: for people, for programs, or for code scanning
    #[arg(short, long, value_enum, default_value_t = Findings::Text)]
    pub(crate) output: Findings,
}

/// Ask running controllers and proxies whether they are ready.
///
/// Exits with 1 when one of them is not ready in time.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Where each shows its readiness: the address of `--ready`
    #[arg(required = true, value_name = "HOST:PORT")]
    pub(crate) addresses: Vec<String>,

    /// How long all of them together may take
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) timeout: Duration,
}

/// Serve a fake OpenAI provider that needs no key and breaks on demand.
#[derive(Debug, Args)]
#[command(after_long_help = MOCK_EXAMPLES)]
pub(crate) struct MockProvider {
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
    pub(crate) listen: SocketAddr,

    /// Answer requests without a credential with 401
    #[arg(long)]
    pub(crate) require_key: bool,

    /// Wait before each answer starts, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub(crate) answer_delay: u64,

    /// Wait between two chunks of a stream, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub(crate) token_delay: u64,

    /// Pad text answers to at least this many tokens
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) min_answer_tokens: usize,
}

/// Print the version.
#[derive(Debug, Args)]
pub(crate) struct Version {
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Files {
    /// Manifests: files, folders (their *.yaml, *.yml and *.json, not those of folders below), or
    /// - for standard input. May be repeated
    #[arg(short, long = "filename", value_name = "PATH", required = true, num_args = 1..)]
    pub(crate) filename: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Text,
    Json,
}

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Findings {
    Text,
    Json,
    /// SARIF 2.1.0.
    Sarif,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Plain {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Json,
    Text,
}

impl From<LogFormat> for agw_runtime::log::Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Json => Self::Json,
            LogFormat::Text => Self::Text,
        }
    }
}

/// `http://host:port`: where another mock listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MockUrl {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl FromStr for MockUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not of the form http://host:port");
        let authority = text.strip_prefix("http://").ok_or_else(wrong)?;
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| wrong())?)
            }
            _ => (authority, 80),
        };
        let host = host
            .strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'))
            .unwrap_or(host);
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        if host.is_empty() || !host.chars().all(allowed) || port == 0 {
            return Err(wrong());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "expected a number of seconds, such as 30 or 0.5".to_owned())
}

const RUN_EXAMPLES: &str = "\
Examples:
  agw run -f examples/routing-patterns --mock        try it: no cluster, no key
  agw run -f manifests/ -f secrets.yaml              OPENAI_API_KEY stands in for a missing Secret
  agw run -f gateway.yaml --mock=http://127.0.0.1:8090 --bind 0.0.0.0
  agw run -f manifests/ > access.log                 the access log alone, as JSON lines";

const ANALYZE_EXAMPLES: &str = "\
Examples:
  agw analyze -f examples/routing-patterns
  agw analyze -f manifests/ -o json | jq '.findings[] | select(.severity == \"error\")'
  kubectl get gateway,httproute,agentgatewaybackend -A -o yaml | agw analyze -f -";

const MOCK_EXAMPLES: &str = "\
Examples:
  agw mock-provider --listen 127.0.0.1:8090
  curl 127.0.0.1:8090/v1/models
  curl -X PUT 127.0.0.1:8090/_mock/faults/gpt-4o -d '{\"status\":503,\"times\":2}'";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn takes_several_files_and_a_bare_mock() {
        let cli = Cli::try_parse_from(["agw", "run", "-f", "a", "b", "-f", "c", "--mock"]).unwrap();
        let Command::Run(run) = cli.command else {
            panic!("run")
        };
        assert_eq!(run.files.filename, ["a", "b", "c"].map(PathBuf::from));
        assert_eq!(run.mock, Some(None));
        assert_eq!(run.banner, Plain::Auto);
    }

    #[test]
    fn reads_where_another_mock_is() {
        let url = |host: &str, port| {
            Some(MockUrl {
                host: host.to_owned(),
                port,
            })
        };
        for (text, expected) in [
            ("http://127.0.0.1:8090", url("127.0.0.1", 8090)),
            ("http://mock.test:1/", url("mock.test", 1)),
            ("http://[::1]:9", url("::1", 9)),
            ("http://mock", url("mock", 80)),
            ("https://mock:1", None),
            ("http://mock:0", None),
            ("http://mock:99999", None),
            ("http://mock:1/v1", None),
            ("http://user@mock:1", None),
            ("mock:1", None),
            ("http://", None),
        ] {
            assert_eq!(text.parse::<MockUrl>().ok(), expected, "{text}");
        }
    }
}
