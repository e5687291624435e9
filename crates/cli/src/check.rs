//! `agw check`: asks running controllers and proxies whether they are ready.
//!
//! The image has no other program, so this is also what `helm test` runs.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::command;

/// A page of readiness is a line; more is not read.
const LONGEST: u64 = 4096;
const BETWEEN: Duration = Duration::from_millis(500);

/// Exits with 1 when one of them is not ready in time.
pub(crate) async fn run(arguments: command::Check) -> anyhow::Result<ExitCode> {
    let end = Instant::now() + arguments.timeout;
    let mut code = ExitCode::SUCCESS;
    for address in &arguments.addresses {
        let line = match until_ready(address, end).await {
            Ok(()) => format!("{address} is ready"),
            Err(error) => {
                code = ExitCode::FAILURE;
                format!("{address} is not ready: {error:#}")
            }
        };
        writeln!(std::io::stdout(), "{line}")?;
    }
    Ok(code)
}

/// Asks at least once, and then until the answer is good or `end` has come.
async fn until_ready(address: &str, end: Instant) -> anyhow::Result<()> {
    loop {
        // One that does not answer at all may not take longer than all of it together.
        let patience = end.max(Instant::now() + BETWEEN);
        let error = match tokio::time::timeout_at(patience, ask(address)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(_) => anyhow::anyhow!("no answer"),
        };
        if Instant::now() + BETWEEN > end {
            return Err(error);
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

async fn ask(address: &str) -> anyhow::Result<()> {
    let stream = TcpStream::connect(address).await;
    let mut stream = stream.context("cannot connect")?;
    let request =
        format!("GET /healthz/ready HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).await?;
    verdict(&String::from_utf8_lossy(&answer))
}

/// What an answer says: 200, or a line with the reason.
fn verdict(answer: &str) -> anyhow::Result<()> {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let line = head.lines().next().unwrap_or_default();
    let status = line
        .strip_prefix("HTTP/1.1 ")
        .or_else(|| line.strip_prefix("HTTP/1.0 "));
    match status.and_then(|rest| rest.get(..3)) {
        Some("200") => Ok(()),
        Some(status) => bail!("{status} {}", body.lines().next().unwrap_or_default()),
        None => bail!("the answer is not HTTP"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_200_is_ready() {
        let told = |answer| verdict(answer).err().map(|error| error.to_string());
        assert_eq!(told("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"), None);
        for (answer, expected) in [
            (
                "HTTP/1.1 503 Service Unavailable\r\n\r\nstarting\n",
                "503 starting",
            ),
            ("HTTP/1.1 404 Not Found\r\n\r\n", "404 "),
            ("HTTP/1.1 2", "the answer is not HTTP"),
            ("SSH-2.0-OpenSSH\r\n", "the answer is not HTTP"),
            ("", "the answer is not HTTP"),
        ] {
            assert_eq!(told(answer).as_deref(), Some(expected), "{answer:?}");
        }
    }

    #[tokio::test]
    async fn a_place_where_nothing_listens_is_told_so() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let error = until_ready(&address, Instant::now()).await.unwrap_err();
        assert!(
            format!("{error:#}").starts_with("cannot connect: "),
            "{error:#}"
        );
    }
}
