//! What a translation keeps for the next one: most changes are about one route among many.

use std::fmt;
use std::sync::Arc;

use crate::route::{self, Context, Translated};
use crate::settings::Settings;
use crate::shadow::Shared;
use crate::state::ClusterState;

/// Routes as they were translated, and from what beside themselves.
#[derive(Default)]
pub(crate) struct Memo {
    settings: Settings,
    /// All but the routes.
    surroundings: Arc<ClusterState>,
    /// In the order of their names.
    routes: Vec<Arc<Translated>>,
    shared: Shared,
}

impl Memo {
    /// Translates the routes of `state`, but for those that are the same as here, in the same
    /// surroundings.
    pub(crate) fn next(&self, state: &ClusterState, settings: &Settings, at: Context<'_>) -> Self {
        let still = self.settings == *settings && self.surroundings.has_surroundings_of(state);
        let known = if still { &self.routes[..] } else { &[] };
        let mut shared = if still {
            self.shared.clone()
        } else {
            Shared::default()
        };
        let mut known = known.iter().peekable();
        let mut routes = Vec::with_capacity(state.routes.len());
        for ((key, kind), source) in &state.routes {
            let not_after =
                |known: &&Arc<Translated>| (&known.route.key, known.route.kind) <= (key, *kind);
            // Nearly always the very next one is the same, and no name has to be read.
            let route = loop {
                if let Some(same) = known.next_if(|known| Arc::ptr_eq(&known.source, source)) {
                    break same.clone();
                }
                let Some(gone) = known.next_if(not_after) else {
                    let route = Arc::new(route::translate(at, key, source));
                    shared.add(&route.claims);
                    break route;
                };
                shared.remove(&gone.claims);
            };
            routes.push(route);
        }
        known.for_each(|gone| shared.remove(&gone.claims));
        let surroundings = if still {
            self.surroundings.clone()
        } else {
            Arc::new(state.surroundings())
        };
        Self {
            settings: settings.clone(),
            surroundings,
            routes,
            shared,
        }
    }

    pub(crate) fn routes(&self) -> &[Arc<Translated>] {
        &self.routes
    }

    /// Whether some claim is made more than once.
    pub(crate) fn has_shared_claims(&self) -> bool {
        self.shared.any()
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo")
            .field("routes", &self.routes.len())
            .finish_non_exhaustive()
    }
}
