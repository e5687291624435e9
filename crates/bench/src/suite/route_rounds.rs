//! What a request costs when there are many routes on its host, all of which are asked.

use std::time::Duration;

use anyhow::Context;

use super::Suite;
use super::rounds::connections;
use crate::goals::{FEW_ROUTES, MANY_ROUTES};
use crate::load;
use crate::peers::Routes;
use crate::process;
use crate::samples::{Metric, Size, Work};
use crate::stats::as_f64;
use crate::target::{self, Answer};
use crate::window::Window;

const ALL: [Routes; 4] = [
    Routes {
        name: FEW_ROUTES,
        count: 10,
    },
    Routes {
        name: "100 routes",
        count: 100,
    },
    Routes {
        name: "1,000 routes",
        count: 1000,
    },
    Routes {
        name: MANY_ROUTES,
        count: 10_000,
    },
];
const WARM: Duration = Duration::from_secs(1);

impl Suite<'_> {
    pub(super) async fn routes(&mut self) -> anyhow::Result<()> {
        let mut running = Vec::new();
        for routes in &ALL {
            running.push(routes.start(&self.lab).await?);
        }
        let body = target::body(Size::Small.bytes(), Answer::Whole);
        for round in 0..usize::from(self.options.rounds) {
            for serving in &running {
                let target = &serving.target;
                let resident = as_f64(process::resident_below(target.pid)) / f64::from(1 << 20);
                let window = Window::from_now(WARM, self.length());
                let load = load::busy(target, &body, connections(target.class), window);
                let load = load.await.with_context(|| target.name)?;
                self.note_busy(round, Work::Routes, target, &load);
                self.samples
                    .add(round, Work::Routes, target.name, Metric::IdleMib, resident);
                serving.tidy()?;
            }
            running.rotate_left(1);
        }
        Ok(())
    }
}
