//! What is compared, and how each is started: with a worker a core where it has workers.

mod agw;
mod envoy;
mod litellm;
mod nginx;
mod portkey;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use anyhow::{Context, bail};
use clap::ValueEnum;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::running::{Room, Running, free_address};
use crate::target::{Class, Target};

pub(crate) use agw::{PASSED, Routes, Translated};

/// Where chat completions are asked for.
const PATH: &str = "/v1/chat/completions";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    /// The provider itself, with nothing between
    Direct,
    /// A bare proxy of the HTTP library that the gateway uses
    Floor,
    Nginx,
    Envoy,
    /// The gateway: `HTTPRoute` to a static backend
    Plain,
    /// The gateway: `HTTPRoute` to an AI backend
    Ai,
    Portkey,
    Litellm,
}

/// What all peers share.
pub(crate) struct Lab {
    pub(crate) provider: SocketAddr,
    pub(crate) provider_pid: u32,
    pub(crate) agw: PathBuf,
    /// Where peers are installed.
    pub(crate) home: PathBuf,
    pub(crate) cores: usize,
}

/// A peer that serves, or why there is none.
pub(crate) enum Start {
    Serving(Serving),
    Missing(String),
}

pub(crate) struct Serving {
    peer: Peer,
    pub(crate) target: Rc<Target>,
    /// `None` for the provider, which serves all along.
    process: Option<Running>,
}

impl Peer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Floor => "hyper floor",
            Self::Nginx => "nginx",
            Self::Envoy => "Envoy",
            Self::Plain => "agw plain",
            Self::Ai => "agw AI",
            Self::Portkey => "Portkey",
            Self::Litellm => "LiteLLM",
        }
    }

    /// Starts it and waits until it answers.
    pub(crate) async fn start(self, lab: &Lab) -> anyhow::Result<Start> {
        let listen = free_address()?;
        let found = match self {
            Self::Direct => return Ok(Start::Serving(lab.direct()?)),
            Self::Floor => Ok(lab.floor(listen)?),
            Self::Nginx => nginx::start(lab, listen)?,
            Self::Envoy => envoy::start(lab, listen)?,
            Self::Plain => Ok(agw::start(lab, listen, agw::Path::Plain)?),
            Self::Ai => Ok(agw::start(lab, listen, agw::Path::Ai)?),
            Self::Portkey => portkey::start(lab, listen)?,
            Self::Litellm => litellm::start(lab, listen)?,
        };
        let (mut process, target) = match found {
            Ok(started) => started,
            Err(missing) => return Ok(Start::Missing(missing)),
        };
        process.wait_until_right(&target).await?;
        Ok(Start::Serving(Serving {
            peer: self,
            target: Rc::new(target),
            process: Some(process),
        }))
    }

    /// What it says about its version.
    pub(crate) fn version(self, lab: &Lab) -> Option<String> {
        match self {
            Self::Direct | Self::Floor | Self::Ai => None,
            Self::Nginx => nginx::version(),
            Self::Envoy => envoy::version(lab),
            Self::Plain => printed_version(Command::new(&lab.agw).arg("version")),
            Self::Portkey => portkey::version(lab),
            Self::Litellm => litellm::version(lab),
        }
    }
}

impl Serving {
    /// Frees what a load has written to the access log. A gateway that wrote none was not what is
    /// to be measured.
    pub(crate) fn tidy(&self) -> anyhow::Result<()> {
        let Some(process) = &self.process else {
            return Ok(());
        };
        let written = process.take_output()?;
        if matches!(self.peer, Peer::Plain | Peer::Ai) && written == 0 {
            bail!("{} wrote no access log", self.peer.name());
        }
        Ok(())
    }
}

/// A process and how it is asked; or what is missing.
type Found = Result<(Running, Target), String>;

impl Lab {
    fn direct(&self) -> anyhow::Result<Serving> {
        let target = target(Peer::Direct, self.provider_pid, self.provider, &[])?;
        Ok(Serving {
            peer: Peer::Direct,
            target: Rc::new(target),
            process: None,
        })
    }

    fn floor(&self, listen: SocketAddr) -> anyhow::Result<(Running, Target)> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["floor", "--listen", &listen.to_string()]);
        command.args(["--upstream", &self.provider.to_string()]);
        command.args(["--workers", &self.cores.to_string()]);
        let process = Running::start(Peer::Floor.name(), &mut command, Room::new()?)?;
        let target = target(Peer::Floor, process.pid(), listen, &[])?;
        Ok((process, target))
    }

    fn at_home(&self, path: &str) -> Result<PathBuf, String> {
        let path = self.home.join(path);
        if path.exists() {
            return Ok(path);
        }
        Err(format!(
            "no {}: `make bench-peers` installs it",
            path.display()
        ))
    }
}

/// Starts the provider; it serves until `Running` is dropped.
pub(crate) async fn provider() -> anyhow::Result<(Running, SocketAddr)> {
    let listen = free_address()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["mock", "--listen", &listen.to_string()]);
    let mut process = Running::start("the provider", &mut command, Room::new()?)?;
    let target = target(Peer::Direct, process.pid(), listen, &[])?;
    process.wait_until_right(&target).await?;
    Ok((process, listen))
}

fn target(
    peer: Peer,
    pid: u32,
    addr: SocketAddr,
    headers: &[(&'static str, &str)],
) -> anyhow::Result<Target> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(
            HeaderName::from_static(name),
            HeaderValue::try_from(*value)?,
        );
    }
    Ok(Target {
        name: peer.name(),
        class: match peer {
            Peer::Portkey | Peer::Litellm => Class::Slow,
            _ => Class::Fast,
        },
        pid,
        addr,
        paths: Rc::new([Uri::from_static(PATH)]),
        headers: map,
    })
}

/// `$variable`, or `name` in one of the folders where programs are.
fn program(variable: &str, name: &str) -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os(variable) {
        return Ok(path.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            format!("no {name}: `make bench-peers` installs it, ${variable} names another")
        })
}

/// What it prints first, from where its version begins: some print where they are before.
fn printed_version(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    // nginx prints to standard error.
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    Some(version_of(text.trim().lines().next()?).to_owned())
}

fn version_of(line: &str) -> &str {
    line.rsplit_once("version:")
        .map_or(line, |(_, version)| version)
        .trim()
}

/// The version that a JSON or METADATA file names.
fn version_in(path: &Path, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let rest = text
        .lines()
        .find_map(|line| line.trim().strip_prefix(key))?;
    Some(
        rest.trim_matches(|c: char| !c.is_ascii_alphanumeric())
            .to_owned(),
    )
}

/// Commands that a folder of a Python environment holds.
fn in_venv(lab: &Lab, variable: &str, name: &str) -> Result<PathBuf, String> {
    match std::env::var_os(variable) {
        Some(path) => Ok(path.into()),
        None => lab.at_home(&format!("venv-{name}/bin/{name}")),
    }
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_without_where_the_program_is() {
        assert_eq!(version_of("nginx version: nginx/1.22.1"), "nginx/1.22.1");
        assert_eq!(
            version_of("/opt/envoy  version: 9e5/1.40.0/Clean"),
            "9e5/1.40.0/Clean"
        );
        assert_eq!(
            version_of("agw 0.1.0 linux/x86_64"),
            "agw 0.1.0 linux/x86_64"
        );
    }

    #[test]
    fn versions_in_the_files_of_packages() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            "{\n  \"name\": \"x\",\n  \"version\": \"1.15.2\",\n}",
        )
        .unwrap();
        assert_eq!(
            version_in(file.path(), "\"version\":").as_deref(),
            Some("1.15.2")
        );
        std::fs::write(file.path(), "Name: litellm\nVersion: 1.108.7\n").unwrap();
        assert_eq!(
            version_in(file.path(), "Version:").as_deref(),
            Some("1.108.7")
        );
        assert_eq!(version_in(file.path(), "Licence:"), None);
    }
}
