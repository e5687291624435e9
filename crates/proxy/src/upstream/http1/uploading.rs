//! A request that is still on its way when its response has begun. It goes on in a task of its
//! own: whether the client takes the response must not hold up what it sends.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;

use tokio::io::AsyncWrite as _;
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;

use super::upload::{Stopped, Upload};
use super::{Connection, Io};

/// The response's end of it. Dropped, it ends the upload.
pub(super) struct Uploading {
    state: Rc<State>,
    task: Option<AbortHandle>,
}

#[derive(Default)]
struct State {
    ended: Cell<Option<Ended>>,
    /// The connection, once the response is complete and the request is not.
    waiting: Cell<Option<Box<Connection>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Well,
    Stopped,
}

impl Uploading {
    pub(super) fn spawn(tasks: &TaskTracker, io: Rc<RefCell<Io>>, upload: Upload) -> Self {
        let state = Rc::new(State::default());
        let task = tasks.spawn_local(go_on(io, upload, state.clone()));
        Self {
            state,
            task: Some(task.abort_handle()),
        }
    }

    /// The response is complete. The connection goes back to its pool when the request is out too.
    pub(super) fn outlive(mut self, connection: Box<Connection>) {
        // From here on the client alone ends it.
        self.task = None;
        match self.state.ended.get() {
            Some(Ended::Well) => connection.go_home(),
            Some(Ended::Stopped) => {}
            None => self.state.waiting.set(Some(connection)),
        }
    }
}

impl Drop for Uploading {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn go_on(io: Rc<RefCell<Io>>, mut upload: Upload, state: Rc<State>) {
    let sent = std::future::poll_fn(|cx| upload.poll(cx, &mut io.borrow_mut())).await;
    let ended = match sent {
        Ok(()) => Ended::Well,
        Err(stopped) => {
            if let Stopped::Body(error) = stopped {
                tracing::debug!(error, "a request body broke off under its response");
                // The upstream must not wait for the rest.
                let closed =
                    std::future::poll_fn(|cx| Pin::new(&mut *io.borrow_mut()).poll_shutdown(cx));
                let _ = closed.await;
            }
            Ended::Stopped
        }
    };
    state.ended.set(Some(ended));
    if let Some(connection) = state.waiting.take()
        && ended == Ended::Well
    {
        connection.go_home();
    }
}
