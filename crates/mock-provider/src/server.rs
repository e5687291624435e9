//! The listener, its connections, and their end.

use std::{
    convert::Infallible,
    future::Future,
    io::{self, IoSlice},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use hyper::{rt::Executor, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::provider::MockProvider;

/// How long a connection may take to send a request head, idle time between requests included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(120);
/// Wait after an accept error, which is mostly a lack of file descriptors.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// Serves HTTP/1.1 and h2c until `shutdown` resolves, then stops accepting and lets open connections
/// finish within [`Settings::shutdown_grace`](crate::Settings::shutdown_grace).
///
/// Returns once every connection is closed. Dropping the future closes them at once. The current
/// implementation meets no error that ends it: failing accepts are logged and tried again.
///
/// # Errors
/// Reserved for a listener that cannot be used.
pub async fn serve(
    listener: TcpListener,
    provider: Arc<MockProvider>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let tasks = TaskTracker::new();
    let abort = CancellationToken::new();
    let _abort_on_drop = abort.clone().drop_guard();
    let slots = Arc::new(Semaphore::new(provider.settings().max_connections));
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        match accepted {
            Ok((stream, slot)) => {
                let connection = Connection {
                    provider: Arc::clone(&provider),
                    shutdown: shutdown.clone(),
                    abort: abort.clone(),
                    tasks: tasks.clone(),
                };
                tasks.spawn(async move {
                    connection.serve(stream).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed");
                sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
    drop(listener);
    tasks.close();
    if timeout(provider.settings().shutdown_grace, tasks.wait())
        .await
        .is_err()
    {
        abort.cancel();
        tasks.wait().await;
    }
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, slot))
}

/// What one connection's task needs.
struct Connection {
    provider: Arc<MockProvider>,
    shutdown: CancellationToken,
    abort: CancellationToken,
    tasks: TaskTracker,
}

/// Lets a request reset the connection that it came on.
#[derive(Clone, Debug)]
pub(crate) struct ResetSwitch {
    armed: Arc<AtomicBool>,
    close: CancellationToken,
}

/// Runs the streams of an h2 connection; they end with the server.
#[derive(Clone)]
struct TrackedExecutor {
    tasks: TaskTracker,
    abort: CancellationToken,
}

/// A TCP stream that is reset, not closed, when its switch was pulled.
struct Socket {
    stream: TcpStream,
    switch: ResetSwitch,
}

// === impl Connection ===

impl Connection {
    async fn serve(self, stream: TcpStream) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was not set");
        }
        let switch = ResetSwitch {
            armed: Arc::default(),
            close: self.abort.child_token(),
        };
        let io = TokioIo::new(Socket {
            stream,
            switch: switch.clone(),
        });
        let close = switch.close.clone();
        let provider = self.provider;
        let service = service_fn(move |request| {
            let (provider, switch) = (Arc::clone(&provider), switch.clone());
            async move { Ok::<_, Infallible>(provider.handle(request, switch).await) }
        });
        let executor = TrackedExecutor {
            tasks: self.tasks,
            abort: self.abort,
        };
        let mut builder = auto::Builder::new(executor);
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(1024);
        let mut connection = pin!(builder.serve_connection(io, service));
        let mut draining = false;
        loop {
            tokio::select! {
                biased;
                () = close.cancelled() => return,
                () = self.shutdown.cancelled(), if !draining => {
                    draining = true;
                    connection.as_mut().graceful_shutdown();
                }
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(error = %error, "a connection ended early");
                    }
                    return;
                }
            }
        }
    }
}

// === impl ResetSwitch ===

impl ResetSwitch {
    /// Resets the connection; the caller's own future is dropped with it.
    pub(crate) fn pull(&self) {
        self.armed.store(true, Ordering::Release);
        self.close.cancel();
    }
}

// === impl TrackedExecutor ===

impl<F> Executor<F> for TrackedExecutor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let abort = self.abort.clone();
        self.tasks.spawn(async move {
            abort.run_until_cancelled(stream).await;
        });
    }
}

// === impl Socket ===

impl Drop for Socket {
    fn drop(&mut self) {
        if self.switch.armed.load(Ordering::Acquire)
            && let Err(error) = self.stream.set_zero_linger()
        {
            tracing::debug!(%error, "a connection is closed instead of reset");
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
