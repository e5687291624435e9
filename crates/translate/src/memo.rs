//! What a translation keeps for the next one: most changes are about one route among many.

use std::fmt;
use std::sync::Arc;

use crate::route::{self, Context, Translated};
use crate::settings::Settings;
use crate::state::ClusterState;

/// Routes as they were translated, and from what beside themselves.
#[derive(Default)]
pub(crate) struct Memo {
    settings: Settings,
    /// All but the routes.
    surroundings: Arc<ClusterState>,
    /// In the order of their names.
    routes: Vec<Arc<Translated>>,
}

impl Memo {
    /// Translates the routes of `state`, but for those that are the same as here, in the same
    /// surroundings.
    pub(crate) fn next(&self, state: &ClusterState, settings: &Settings, at: Context<'_>) -> Self {
        let still = self.settings == *settings && self.surroundings.has_surroundings_of(state);
        let mut known = if still { &self.routes[..] } else { &[] }.iter().peekable();
        let routes = state.routes.iter().map(|((key, kind), source)| {
            let before =
                |known: &&Arc<Translated>| (&known.route.key, known.route.kind) < (key, *kind);
            while known.next_if(before).is_some() {}
            match known.next_if(|known| Arc::ptr_eq(&known.source, source)) {
                Some(known) => known.clone(),
                None => Arc::new(route::translate(at, key, source)),
            }
        });
        let routes = routes.collect();
        let surroundings = if still {
            self.surroundings.clone()
        } else {
            Arc::new(state.surroundings())
        };
        Self {
            settings: settings.clone(),
            surroundings,
            routes,
        }
    }

    pub(crate) fn routes(&self) -> &[Arc<Translated>] {
        &self.routes
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo")
            .field("routes", &self.routes.len())
            .finish_non_exhaustive()
    }
}
