//! The real binary, started and ended.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::http1::{Answer, Request};
use crate::loopback;
use crate::output::Lines;

const START_WITHIN: Duration = Duration::from_secs(30);
const ADMIN: u16 = 15000;
const METRICS: u16 = 15020;
const READY: u16 = 15021;
const MOCK: u16 = 8090;

/// A running `agw run` on a loopback address of its own. It is killed when this is dropped.
pub struct Agw {
    process: Process,
    address: IpAddr,
    folder: TempDir,
}

/// A running `agw mock-provider`. It is killed when this is dropped.
pub struct Mock {
    _process: Process,
    address: SocketAddr,
}

/// How to start `agw run`.
pub struct Builder {
    binary: PathBuf,
    folder: TempDir,
    paths: Vec<PathBuf>,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
}

/// A process that ended by itself.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
}

struct Process {
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

impl Process {
    fn start(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {command:?}"))?;
        let stdout = Lines::of(child.stdout.take().context("stdout is piped")?);
        let stderr = Lines::of(child.stderr.take().context("stderr is piped")?);
        Ok(Self {
            child,
            stdout,
            stderr,
        })
    }

    /// Asks until the process answers 200.
    fn wait_until_ok(&mut self, address: SocketAddr, path: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_WITHIN;
        loop {
            if Request::get(path)
                .send(address)
                .is_ok_and(|answer| answer.status == 200)
            {
                return Ok(());
            }
            let ended = self.child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                bail!(
                    "it does not serve ({ended:?}):\n{}",
                    self.stderr.all().join("\n")
                );
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn signal(&self, name: &str) -> anyhow::Result<()> {
        let pid = self.child.id();
        let status = Command::new("sh")
            .arg("-c")
            .arg(format!("kill -{name} {pid}"))
            .status()?;
        if !status.success() {
            bail!("no SIG{name} to {pid}");
        }
        Ok(())
    }

    fn wait(&mut self) -> anyhow::Result<Ended> {
        let deadline = Instant::now() + START_WITHIN;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if Instant::now() > deadline {
                bail!("it does not end:\n{}", self.stderr.all().join("\n"));
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        // Waiting for a line that never comes waits for the end of the output.
        self.stdout.wait_for(usize::MAX, |_| false);
        self.stderr.wait_for(usize::MAX, |_| false);
        Ok(Ended {
            status,
            stdout: self.stdout.all(),
            stderr: self.stderr.all(),
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Agw {
    /// `binary` is what `env!("CARGO_BIN_EXE_agw")` names.
    ///
    /// # Errors
    /// When there is no room for temporary files.
    pub fn builder(binary: impl AsRef<Path>) -> anyhow::Result<Builder> {
        Ok(Builder {
            binary: binary.as_ref().to_owned(),
            folder: TempDir::new()?,
            paths: Vec::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
        })
    }

    /// Where a listener on `port` is.
    pub fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.address, port)
    }

    /// Sends a request to the listener on port 8080.
    ///
    /// # Errors
    /// As [`Request::send`].
    pub fn send(&self, request: &Request) -> anyhow::Result<Answer> {
        request.send(self.at(8080))
    }

    /// # Errors
    /// When the page is not there.
    pub fn metrics(&self) -> anyhow::Result<String> {
        page(self.at(METRICS), "/metrics")
    }

    /// A page of the admin server.
    ///
    /// # Errors
    /// When it is not there.
    pub fn admin(&self, path: &str) -> anyhow::Result<String> {
        page(self.at(ADMIN), path)
    }

    /// The answer of the readiness page.
    ///
    /// # Errors
    /// When it is not there.
    pub fn readiness(&self) -> anyhow::Result<Answer> {
        Request::get("/healthz/ready").send(self.at(READY))
    }

    /// Writes a manifest next to those it was started with, in one step as editors do.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn edit(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let draft = self.folder.path().join(format!(".{name}.draft"));
        std::fs::write(&draft, text)?;
        Ok(std::fs::rename(draft, self.folder.path().join(name))?)
    }

    pub fn stdout(&self) -> &Lines {
        &self.process.stdout
    }

    pub fn stderr(&self) -> &Lines {
        &self.process.stderr
    }

    /// The access log's line of the request with this id, waiting for it.
    ///
    /// # Errors
    /// When there is none, or it is not JSON.
    pub fn log_of(&self, request_id: &str) -> anyhow::Result<Value> {
        let line = self.stdout().wait_for(0, |line| line.contains(request_id));
        let line = line.with_context(|| format!("no log line of {request_id}"))?;
        serde_json::from_str(&line).with_context(|| line.clone())
    }

    /// Sends a signal by its name without SIG.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn signal(&self, name: &str) -> anyhow::Result<()> {
        self.process.signal(name)
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// When it does not come.
    pub fn wait(mut self) -> anyhow::Result<Ended> {
        self.process.wait()
    }
}

impl Builder {
    /// A manifest, as a file in a folder of its own.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn manifest(self, name: &str, text: &str) -> anyhow::Result<Self> {
        std::fs::write(self.folder.path().join(name), text)?;
        Ok(self)
    }

    /// Manifests where they are, instead of the folder's.
    #[must_use]
    pub fn path(mut self, path: impl Into<PathBuf>) -> Self {
        self.paths.push(path.into());
        self
    }

    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sends providers to `mock`.
    #[must_use]
    pub fn mock(self, mock: &Mock) -> Self {
        let argument = format!("--mock={}", mock.url());
        self.argument(argument)
    }

    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// When it ends instead, or is not ready in half a minute; the error has its standard error.
    pub fn start(self) -> anyhow::Result<Agw> {
        let (mut process, address, folder) = self.spawn()?;
        process.wait_until_ok(SocketAddr::new(address, READY), "/healthz/ready")?;
        Ok(Agw {
            process,
            address,
            folder,
        })
    }

    /// Starts it and waits until it ends by itself.
    ///
    /// # Errors
    /// When it does not.
    pub fn run_to_end(self) -> anyhow::Result<Ended> {
        let (mut process, _, _folder) = self.spawn()?;
        process.wait()
    }

    fn spawn(self) -> anyhow::Result<(Process, IpAddr, TempDir)> {
        let address = loopback::own();
        let mut command = Command::new(&self.binary);
        command.arg("run");
        if self.paths.is_empty() {
            command.arg("-f").arg(self.folder.path());
        }
        for path in &self.paths {
            command.arg("-f").arg(path);
        }
        let given = |option: &str| {
            self.arguments
                .iter()
                .any(|argument| argument.to_string_lossy().starts_with(option))
        };
        let page = |port| SocketAddr::new(address, port).to_string();
        for (option, value) in [
            ("--bind", address.to_string()),
            ("--admin", page(ADMIN)),
            ("--metrics", page(METRICS)),
            ("--ready", page(READY)),
        ] {
            if !given(option) {
                command.args([option, &value]);
            }
        }
        command
            .args(&self.arguments)
            .env_remove("OPENAI_API_KEY")
            .env_remove("AGW_LOG");
        command
            .env_remove("RUST_LOG")
            .envs(self.environment.iter().cloned());
        Ok((Process::start(&mut command)?, address, self.folder))
    }
}

impl Mock {
    /// # Errors
    /// When it does not serve.
    pub fn start(binary: impl AsRef<Path>) -> anyhow::Result<Self> {
        Self::start_with(binary, &[])
    }

    /// With further arguments.
    ///
    /// # Errors
    /// When it does not serve.
    pub fn start_with(binary: impl AsRef<Path>, arguments: &[&str]) -> anyhow::Result<Self> {
        let address = SocketAddr::new(loopback::own(), MOCK);
        let mut command = Command::new(binary.as_ref());
        command
            .args(["mock-provider", "--listen", &address.to_string()])
            .args(arguments);
        let mut process = Process::start(&mut command)?;
        process.wait_until_ok(address, "/_mock/healthz")?;
        Ok(Self {
            _process: process,
            address,
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Arms a model with a fault, such as `{"status": 503, "times": 1}`.
    ///
    /// # Errors
    /// When the mock does not take it.
    pub fn fault(&self, model: &str, fault: &Value) -> anyhow::Result<()> {
        let request =
            Request::new("PUT", &format!("/_mock/faults/{model}")).body(fault.to_string());
        let answer = request.send(self.address)?;
        if answer.status != 200 {
            bail!("the mock refuses the fault: {}", answer.text());
        }
        Ok(())
    }

    /// Disarms every model and forgets every request.
    ///
    /// # Errors
    /// When the mock is gone.
    pub fn reset(&self) -> anyhow::Result<()> {
        for path in ["/_mock/faults", "/_mock/requests"] {
            Request::new("DELETE", path).send(self.address)?;
        }
        Ok(())
    }

    /// Requests as they arrived, oldest first.
    ///
    /// # Errors
    /// When the mock is gone.
    pub fn requests(&self) -> anyhow::Result<Vec<Value>> {
        let journal = Request::get("/_mock/requests").send(self.address)?.json()?;
        let list = journal
            .as_array()
            .or_else(|| journal["requests"].as_array());
        list.cloned()
            .with_context(|| format!("no list of requests: {journal}"))
    }
}

fn page(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let answer = Request::get(path).send(address)?;
    if answer.status != 200 {
        bail!("{path} answers {}: {}", answer.status, answer.text());
    }
    Ok(answer.text())
}
