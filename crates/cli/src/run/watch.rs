//! Noticing that files may have changed.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

/// Editors write a file in several steps: the files are read after this much quiet.
const QUIET: Duration = Duration::from_millis(100);
/// Files that change without pause are read after this long all the same.
const AT_MOST: Duration = Duration::from_secs(1);
/// Files are looked at this often even if nothing is heard: network file systems send no events,
/// and a folder that was replaced takes its watch with it.
const ANYWAY: Duration = Duration::from_secs(5);

/// Watches folders, for a file that is replaced by renaming keeps no watch of its own.
pub(crate) struct Watch {
    heard: Arc<Notify>,
    _watcher: RecommendedWatcher,
}

impl Watch {
    pub(crate) fn start(folders: &BTreeSet<PathBuf>) -> anyhow::Result<Self> {
        let heard = Arc::new(Notify::new());
        let ear = heard.clone();
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                // An error may stand for events that were lost.
                if event.map_or(true, |event| may_change(event.kind)) {
                    ear.notify_one();
                }
            })
            .context("edits cannot be watched (try --no-watch)")?;
        for folder in folders {
            watcher
                .watch(folder, RecursiveMode::NonRecursive)
                .with_context(|| {
                    format!("{} cannot be watched (try --no-watch)", folder.display())
                })?;
        }
        Ok(Self {
            heard,
            _watcher: watcher,
        })
    }

    /// Waits until files may have changed.
    pub(crate) async fn changed(&self) {
        tokio::select! {
            () = self.heard.notified() => {}
            () = sleep(ANYWAY) => return,
        }
        let deadline = Instant::now() + AT_MOST;
        while Instant::now() < deadline && timeout(QUIET, self.heard.notified()).await.is_ok() {}
    }
}

/// Reading files must not look like a change: they are read after each.
fn may_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}
