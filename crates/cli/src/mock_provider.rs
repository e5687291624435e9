//! `agw mock-provider`, and the mock that `agw run --mock` starts.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use agw_mock_provider::{KeyCheck, MockProvider, Settings};
use agw_runtime::drain::Shutdown;
use anyhow::Context;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::command;

/// A mock that serves in this process.
pub(crate) struct RunningMock {
    pub(crate) address: SocketAddr,
    end: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

impl RunningMock {
    pub(crate) async fn start(address: SocketAddr, settings: Settings) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("the mock provider cannot listen on {address}"))?;
        let address = listener.local_addr()?;
        let end = CancellationToken::new();
        let provider = Arc::new(MockProvider::new(settings));
        let task = tokio::spawn(agw_mock_provider::serve(listener, provider, end.clone()));
        Ok(Self { address, end, task })
    }

    /// Lets open connections finish within the provider's grace.
    pub(crate) async fn stop(self) {
        self.end.cancel();
        match self.task.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the mock provider failed"),
            Err(error) => tracing::error!(%error, "the mock provider ended badly"),
        }
    }
}

/// Serves until a signal.
pub(crate) async fn serve(arguments: command::MockProvider) -> anyhow::Result<ExitCode> {
    let (shutdown, _signals) = Shutdown::on_signals()?;
    let require_key = if arguments.require_key {
        KeyCheck::Required
    } else {
        KeyCheck::Ignored
    };
    let settings = Settings {
        require_key,
        answer_delay: Duration::from_millis(arguments.answer_delay),
        token_delay: Duration::from_millis(arguments.token_delay),
        min_answer_tokens: arguments.min_answer_tokens,
        ..Settings::default()
    };
    let mock = RunningMock::start(arguments.listen, settings).await?;
    tracing::info!(address = %mock.address, "the mock provider listens");
    shutdown.drain.cancelled().await;
    tokio::select! {
        () = mock.stop() => {}
        () = shutdown.now.cancelled() => {}
    }
    Ok(ExitCode::SUCCESS)
}
