//! A process that is compared, from its start to its end.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use crate::load;
use crate::process;
use crate::target::{self, Answer, Target};

const START_WITHIN: Duration = Duration::from_secs(120);
const TRY_EVERY: Duration = Duration::from_millis(50);

/// A process and all it starts. They are killed when this is dropped.
pub(crate) struct Running {
    name: &'static str,
    child: Child,
    room: Room,
}

/// A folder for what a process reads and writes. It is removed when this is dropped.
pub(crate) struct Room(TempDir);

impl Room {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self(
            tempfile::Builder::new().prefix("agw-bench-").tempdir()?,
        ))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.path().join(name);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    fn output(&self) -> PathBuf {
        self.path().join("output")
    }

    fn errors(&self) -> PathBuf {
        self.path().join("errors")
    }
}

impl Running {
    /// Starts `command`; what it prints goes to files in `room`.
    pub(crate) fn start(
        name: &'static str,
        command: &mut Command,
        room: Room,
    ) -> anyhow::Result<Self> {
        let append = |path| File::options().create(true).append(true).open(path);
        let child = command
            .stdin(Stdio::null())
            .stdout(append(room.output())?)
            .stderr(append(room.errors())?)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        Ok(Self { name, child, room })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Empties the file of standard output, which an access log fills, and tells how many bytes it
    /// had.
    pub(crate) fn take_output(&self) -> anyhow::Result<u64> {
        let file = File::options().write(true).open(self.room.output())?;
        let length = file.metadata()?.len();
        file.set_len(0)?;
        Ok(length)
    }

    /// Asks until the right answer comes.
    pub(crate) async fn wait_until_right(&mut self, target: &Target) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_WITHIN;
        let mut last = None;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status}: {}", self.name, self.complaint());
            }
            match timeout(START_WITHIN, ask(target)).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => last = Some(error),
                Err(_) => {}
            }
            sleep(TRY_EVERY).await;
        }
        let last = last.map_or_else(String::new, |error| format!("{error:#}"));
        bail!("{} does not serve: {last}: {}", self.name, self.complaint())
    }

    /// The end of what it printed.
    fn complaint(&self) -> String {
        let mut text = fs::read_to_string(self.room.errors()).unwrap_or_default();
        if text.trim().is_empty() {
            text = fs::read_to_string(self.room.output()).unwrap_or_default();
        }
        let lines: Vec<_> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

async fn ask(target: &Target) -> anyhow::Result<()> {
    let mut sender = target.dial().await?;
    load::exchange(target, &mut sender, 0, target::body(16, Answer::Whole)).await
}

impl Drop for Running {
    fn drop(&mut self) {
        for pid in process::tree(self.child.id()) {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            if let Some(pid) = pid {
                // One that has ended meanwhile is what is wanted.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        let _ = self.child.wait();
    }
}

/// A loopback address whose port is free now.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?)
}
