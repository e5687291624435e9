//! One credential that expires, shared by all that need it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::endpoint::{TokenEndpoints, Via};
use super::error::MintError;
use super::lifetime::{Decision, Lifetime, Minted};
use crate::error::Error;

/// A request waits no longer for a credential.
const WAIT: Duration = Duration::from_secs(10);
/// Nor does the fetching of one go on for longer: some ask several endpoints.
const FLIGHT: Duration = Duration::from_secs(15);

/// A kind of credential.
pub(crate) trait Mint: Send + Sync + 'static {
    type Token: Clone + Send + Sync + 'static;

    /// Whose credential it is, for the log.
    fn name(&self) -> &'static str;

    /// Fetches a fresh one. What it says of time is counted from `now`.
    fn mint(
        &self,
        endpoints: &TokenEndpoints,
        now: SystemTime,
    ) -> impl Future<Output = Result<Minted<Self::Token>, MintError>>;
}

/// Keeps what was minted, and has it renewed in time. However many ask, one fetches.
pub(crate) struct Refresher<M: Mint> {
    mint: M,
    state: Mutex<State<M::Token>>,
    /// Changes whenever a fetch has ended.
    landed: watch::Sender<()>,
}

struct State<T> {
    lifetime: Lifetime<T>,
    flight: Flight,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flight {
    None,
    Under,
}

/// Ends a flight, also one whose thread ends before it.
struct Landing<M: Mint>(Arc<Refresher<M>>);

impl<M: Mint> Refresher<M> {
    pub(crate) fn new(mint: M) -> Self {
        Self {
            mint,
            state: Mutex::new(State {
                lifetime: Lifetime::default(),
                flight: Flight::None,
            }),
            landed: watch::Sender::new(()),
        }
    }

    /// A credential that is good now. The first request waits for it; later ones do so only if it
    /// could not be renewed in time.
    pub(crate) async fn get(self: &Arc<Self>, via: Via<'_>) -> Result<M::Token, Error> {
        match self.decide() {
            Decision::Use(token) => Ok(token),
            Decision::Renew(token) => {
                self.launch(via);
                Ok(token)
            }
            Decision::Refuse(why) => Err(Error::Credential(why.to_string())),
            Decision::Mint => Box::pin(self.wait(via)).await,
        }
    }

    /// One that was fetched less than `apart` ago: what it is needed for is not in the one at hand.
    /// The one at hand where there can be no newer.
    pub(crate) async fn newer(
        self: &Arc<Self>,
        via: Via<'_>,
        apart: Duration,
    ) -> Result<M::Token, Error> {
        let mut landed = self.landed.subscribe();
        let underway = {
            let mut state = self.state.lock();
            match state.flight {
                Flight::Under => true,
                Flight::None if state.lifetime.may_replace(SystemTime::now(), apart) => {
                    state.flight = Flight::Under;
                    drop(state);
                    self.fly(via);
                    true
                }
                Flight::None => false,
            }
        };
        if underway {
            // What comes of it is seen below.
            let _ = tokio::time::timeout(WAIT, landed.changed()).await;
        }
        self.get(via).await
    }

    async fn wait(self: &Arc<Self>, via: Via<'_>) -> Result<M::Token, Error> {
        // Before the look: a flight that ends between the two is not missed.
        let mut landed = self.landed.subscribe();
        self.launch(via);
        let ended = tokio::time::timeout(WAIT, landed.changed()).await;
        match self.decide() {
            Decision::Use(token) | Decision::Renew(token) => Ok(token),
            Decision::Refuse(why) => Err(Error::Credential(why.to_string())),
            Decision::Mint => Err(Error::Credential(match ended {
                Ok(_) => format!("{} that was over when it came", self.mint.name()),
                Err(_) => format!("{} did not come within {WAIT:?}", self.mint.name()),
            })),
        }
    }

    fn decide(&self) -> Decision<M::Token> {
        self.state.lock().lifetime.decide(SystemTime::now())
    }

    /// Has a credential fetched, unless that is under way or was done a moment ago.
    fn launch(self: &Arc<Self>, via: Via<'_>) {
        {
            let mut state = self.state.lock();
            let wanted = matches!(
                state.lifetime.decide(SystemTime::now()),
                Decision::Renew(_) | Decision::Mint
            );
            if !wanted || state.flight == Flight::Under {
                // Who waits looks again at once.
                if !wanted {
                    self.landed.send_replace(());
                }
                return;
            }
            state.flight = Flight::Under;
        }
        self.fly(via);
    }

    /// Fetches one; the flight is marked as under way.
    fn fly(self: &Arc<Self>, via: Via<'_>) {
        let landing = Landing(self.clone());
        let endpoints = TokenEndpoints::from(via);
        via.connector.tasks().spawn_local(async move {
            let refresher = &landing.0;
            let mint = refresher.mint.mint(&endpoints, SystemTime::now());
            let outcome = tokio::time::timeout(FLIGHT, mint).await;
            refresher.note(match outcome {
                Ok(Ok(minted)) => Ok(minted),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err(format!("no answer within {FLIGHT:?}")),
            });
        });
    }

    fn note(&self, outcome: Result<Minted<M::Token>, String>) {
        let name = self.mint.name();
        let mut state = self.state.lock();
        match outcome {
            Ok(minted) => state.lifetime.minted(minted, SystemTime::now()),
            Err(why) => {
                tracing::warn!(why, "{name} cannot be fetched");
                let why = format!("{name} cannot be fetched: {why}");
                state.lifetime.failed(why.into(), SystemTime::now());
            }
        }
    }
}

impl<M: Mint> Drop for Landing<M> {
    fn drop(&mut self) {
        self.0.state.lock().flight = Flight::None;
        self.0.landed.send_replace(());
    }
}

impl<M: Mint> std::fmt::Debug for Refresher<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Refresher")
            .field("of", &self.mint.name())
            .finish_non_exhaustive()
    }
}
