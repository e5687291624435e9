//! What it costs to speak another format than the provider: clients are OpenAI's, providers are
//! others.

use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;

use super::Suite;
use super::rounds::connections;
use crate::load::{self, Rate};
use crate::mock::Pace;
use crate::output::tell;
use crate::peers::Translated;
use crate::samples::{Metric, Size, Work};
use crate::stats::as_f64;
use crate::streams;
use crate::target::{self, Answer, Target};
use crate::window::Window;

const WARM: Duration = Duration::from_secs(1);

/// Many events a request, so that what a request costs is little beside them.
const PACE: Pace = Pace {
    chunks: 200,
    first_ms: 0,
    gap_ms: 4,
};
const RATE: Rate = Rate {
    per_second: 20.0,
    connections: 64,
};

impl Suite<'_> {
    pub(super) async fn translation(&mut self) -> anyhow::Result<()> {
        let mut running = Vec::new();
        for translated in &Translated::ALL {
            running.push(translated.start(&self.lab).await?);
        }
        for round in 0..usize::from(self.options.rounds) {
            for serving in &running {
                self.translate(round, &serving.target)
                    .await
                    .with_context(|| serving.target.name)?;
                serving.tidy()?;
            }
            running.rotate_left(1);
        }
        Ok(())
    }

    async fn translate(&mut self, round: usize, target: &Rc<Target>) -> anyhow::Result<()> {
        let body = target::body(Size::Small.bytes(), Answer::Whole);
        let window = Window::from_now(WARM, self.length());
        let load = load::busy(target, &body, connections(target.class), window).await?;
        self.note_busy(round, Work::Translation, target, &load);
        let body = target::body(Size::Small.bytes(), Answer::Stream(PACE));
        let window = Window::from_now(WARM, self.length());
        let streams = streams::paced(target, &body, PACE, RATE, window).await?;
        self.setting.add(streams.spent.noise);
        let cpu = streams.cpu() / as_f64(PACE.chunks);
        tell(&format!(
            "round {round} events {}: {cpu:.2} µs CPU an event",
            target.name
        ));
        self.samples
            .add(round, Work::Translation, target.name, Metric::EventCpu, cpu);
        Ok(())
    }
}
