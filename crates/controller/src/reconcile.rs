//! From changes to what is published, off the path of the watches.

mod state;

use std::sync::Arc;
use std::time::{Duration, Instant};

use agw_translate::{Settings, Translation};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;

use crate::metrics::{Metrics, Translated};
use crate::watch::Change;
use state::State;

/// A change is waited on this long for others that belong to it.
const QUIET: Duration = Duration::from_millis(5);
/// While changes go on, what came so far is translated after this.
const AT_MOST: Duration = Duration::from_millis(100);

/// A translation and its place in the order of translations.
#[derive(Debug)]
pub struct Published {
    /// From 1, by one with every translation that says something new.
    pub revision: u64,
    pub translation: Arc<Translation>,
}

/// What is published; `None` until every kind has been listed and translated.
pub type Publication = watch::Receiver<Option<Arc<Published>>>;

pub(crate) struct Reconciler {
    pub(crate) settings: Arc<Settings>,
    pub(crate) published: watch::Sender<Option<Arc<Published>>>,
    pub(crate) unlisted: watch::Sender<Vec<&'static str>>,
    pub(crate) metrics: Metrics,
}

impl Reconciler {
    /// Translates until the changes or the process end.
    pub(crate) async fn run(self, mut changes: mpsc::Receiver<Change>, end: CancellationToken) {
        let mut state = State::default();
        self.unlisted.send_replace(state.unlisted());
        loop {
            let gathered = end
                .run_until_cancelled(gather(&mut changes, &mut state))
                .await;
            if gathered != Some(Gathered::Some) {
                return;
            }
            if !state.is_complete() {
                self.unlisted.send_replace(state.unlisted());
            } else if state.take_dirty() {
                self.translate(&state).await;
                self.unlisted
                    .send_if_modified(|kinds| !std::mem::take(kinds).is_empty());
            }
        }
    }

    /// Translates a complete state. The watches go on meanwhile: their changes wait in the queue.
    async fn translate(&self, state: &State) {
        let before = self.published.borrow().clone();
        let objects = state.objects();
        let settings = self.settings.clone();
        let started = Instant::now();
        let work = tokio::task::spawn_blocking(move || {
            let before = before.as_deref().map(|p| &*p.translation);
            let mut translation = match before {
                Some(before) => agw_translate::translate_again(before, &objects, &settings),
                None => agw_translate::translate(&objects, &settings),
            };
            // Before the result is handed over: the state must be free for changes again.
            drop(objects);
            differs(&mut translation, before).then_some(translation)
        });
        let outcome = match work.await {
            Ok(Some(translation)) => {
                self.publish(translation);
                Translated::Published
            }
            Ok(None) => Translated::Unchanged,
            Err(error) => {
                tracing::error!(%error, "a translation failed; what was published stays in force");
                Translated::Failed
            }
        };
        self.metrics.translated(outcome, started.elapsed());
    }

    fn publish(&self, translation: Translation) {
        let revision = self.published.borrow().as_ref().map_or(0, |p| p.revision) + 1;
        tracing::debug!(revision, gateways = translation.gateways.len(), "published");
        self.metrics.published(revision);
        self.published.send_replace(Some(Arc::new(Published {
            revision,
            translation: Arc::new(translation),
        })));
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gathered {
    Some,
    /// There will be no more changes.
    End,
}

/// Waits for a change, and for those that follow closely.
async fn gather(changes: &mut mpsc::Receiver<Change>, state: &mut State) -> Gathered {
    let Some(first) = changes.recv().await else {
        return Gathered::End;
    };
    state.take(first);
    let latest = tokio::time::Instant::now() + AT_MOST;
    loop {
        let quiet = tokio::time::Instant::now() + QUIET;
        match timeout_at(quiet.min(latest), changes.recv()).await {
            Ok(Some(change)) => state.take(change),
            Ok(None) | Err(_) => return Gathered::Some,
        }
        if tokio::time::Instant::now() >= latest {
            return Gathered::Some;
        }
    }
}

/// Whether a translation says anything that the one before did not. Configurations that are equal
/// become the same value, so that those after us compare pointers.
fn differs(translation: &mut Translation, before: Option<&Translation>) -> bool {
    let Some(before) = before else {
        return true;
    };
    for config in &mut translation.gateways {
        let known = before.gateways.iter().find(|b| b.gateway == config.gateway);
        if let Some(known) = known.filter(|known| *known == config) {
            *config = known.clone();
        }
    }
    let same_configs = translation.gateways.len() == before.gateways.len()
        && std::iter::zip(&translation.gateways, &before.gateways).all(|(a, b)| Arc::ptr_eq(a, b));
    !(same_configs
        && translation.statuses == before.statuses
        && translation.infra == before.infra
        && translation.findings == before.findings)
}
