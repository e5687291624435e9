//! Rounds of load: in each, every target once for each work, beginning with another one each time.

use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;

use super::{Part, Suite};
use crate::load::{self, Load, Rate};
use crate::mock::Pace;
use crate::output::tell;
use crate::peers::{Serving, Start};
use crate::samples::{Metric, Size, Work};
use crate::stats::{as_f64, micros, quantile};
use crate::streams;
use crate::target::{self, Answer, Class, Target};
use crate::window::Window;

/// Before a window opens.
const WARM: Duration = Duration::from_millis(700);

/// 16 tokens at 50 a second.
const PACE: Pace = Pace {
    chunks: 16,
    first_ms: 25,
    gap_ms: 20,
};

impl Suite<'_> {
    pub(super) async fn loads(&mut self) -> anyhow::Result<()> {
        let works = self.works();
        if works.is_empty() {
            return Ok(());
        }
        let mut all = Vec::new();
        for peer in self.peers() {
            match peer.start(&self.lab).await? {
                Start::Serving(serving) => all.push(serving),
                Start::Missing(why) => self.skip(peer, why),
            }
        }
        for round in 0..usize::from(self.options.rounds) {
            for work in &works {
                for serving in &all {
                    self.load(round, *work, serving).await?;
                    serving.tidy()?;
                }
            }
            all.rotate_left(1);
        }
        Ok(())
    }

    fn works(&self) -> Vec<Work> {
        let mut works = Vec::new();
        if self.wants(Part::Busy) {
            works.extend(Size::ALL.map(Work::Busy));
        }
        if self.wants(Part::Paced) {
            works.extend(Size::ALL.map(Work::Paced));
        }
        if self.wants(Part::Streams) {
            works.push(Work::Streams);
        }
        works
    }

    async fn load(&mut self, round: usize, work: Work, serving: &Serving) -> anyhow::Result<()> {
        let target = &serving.target;
        let window = Window::from_now(WARM, self.length());
        let size = match work {
            Work::Busy(size) | Work::Paced(size) => size,
            _ => Size::Small,
        };
        let body = target::body(size.bytes(), Answer::Whole);
        let context = || format!("{} at {work:?}", target.name);
        match work {
            Work::Busy(_) => {
                let connections = connections(target.class);
                let load = load::busy(target, &body, connections, window);
                let load = load.await.with_context(context)?;
                self.note_busy(round, work, target, &load);
            }
            Work::Paced(size) => {
                let rate = rate(target.class, size);
                let load = load::paced(target, &body, rate, window);
                let load = load.await.with_context(context)?;
                self.note_paced(round, work, target, load, rate);
            }
            Work::Streams => self
                .stream(round, target, window)
                .await
                .with_context(context)?,
            // Those have rounds of their own.
            Work::Memory | Work::Routes | Work::Slow | Work::Translation => {}
        }
        Ok(())
    }

    pub(super) fn note_busy(&mut self, round: usize, work: Work, target: &Target, load: &Load) {
        self.setting.add(load.spent.noise);
        let throughput = as_f64(load.completed) / load.spent.seconds;
        tell(&format!(
            "round {round} {work:?} {}: {:.1} µs CPU, {throughput:.0}/s",
            target.name,
            load.cpu()
        ));
        for (metric, value) in [(Metric::Cpu, load.cpu()), (Metric::Throughput, throughput)] {
            self.samples.add(round, work, target.name, metric, value);
        }
    }

    fn note_paced(&mut self, round: usize, work: Work, target: &Target, load: Load, rate: Rate) {
        self.setting.add(load.spent.noise);
        let offered = rate.per_second * load.spent.seconds;
        let share = as_f64(load.completed) / offered;
        if share < 0.99 {
            self.remarks.push(format!(
                "Round {round}, {work:?}: {} completed {:.1} % of what was offered in the window",
                target.name,
                share * 100.0
            ));
        }
        let mut values = vec![(Metric::Cpu, Some(load.cpu()))];
        let mut latencies = micros(load.latencies);
        values.push((Metric::Median, quantile(&mut latencies, 0.5)));
        values.push((Metric::Tail, quantile(&mut latencies, 0.99)));
        self.note(round, work, target, values);
    }

    async fn stream(
        &mut self,
        round: usize,
        target: &Rc<Target>,
        window: Window,
    ) -> anyhow::Result<()> {
        let body = target::body(Size::Small.bytes(), Answer::Stream(PACE));
        let rate = match target.class {
            Class::Fast | Class::Translator => Rate {
                per_second: 100.0,
                connections: 128,
            },
            Class::Slow => Rate {
                per_second: 5.0,
                connections: 32,
            },
        };
        let streams = streams::paced(target, &body, PACE, rate, window).await?;
        self.setting.add(streams.spent.noise);
        let mut values = vec![(Metric::Cpu, Some(streams.cpu()))];
        let (mut first, mut delays) = (streams.first, micros(streams.delays));
        values.push((Metric::FirstMedian, quantile(&mut first, 0.5)));
        values.push((Metric::FirstTail, quantile(&mut first, 0.99)));
        values.push((Metric::ChunkMedian, quantile(&mut delays, 0.5)));
        values.push((Metric::ChunkTail, quantile(&mut delays, 0.99)));
        self.note(round, Work::Streams, target, values);
        Ok(())
    }

    fn note(
        &mut self,
        round: usize,
        work: Work,
        target: &Target,
        values: Vec<(Metric, Option<f64>)>,
    ) {
        tell(&format!(
            "round {round} {work:?} {}: {values:?}",
            target.name
        ));
        for (metric, value) in values {
            if let Some(value) = value {
                self.samples.add(round, work, target.name, metric, value);
            }
        }
    }
}

pub(super) fn connections(class: Class) -> usize {
    match class {
        Class::Fast | Class::Translator => 32,
        Class::Slow => 8,
    }
}

/// Below half of what the weakest of a class can do.
fn rate(class: Class, size: Size) -> Rate {
    let per_second = match (class, size) {
        (Class::Fast | Class::Translator, Size::Small) => 1000.0,
        (Class::Fast | Class::Translator, Size::Large) => 300.0,
        (Class::Slow, _) => 20.0,
    };
    Rate {
        per_second,
        connections: connections(class),
    }
}
