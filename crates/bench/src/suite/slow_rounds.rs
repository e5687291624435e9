//! Thousands of slow streams, each time through a process that was started for it.

use super::Suite;
use super::memory_rounds::is_compared;
use crate::output::tell;
use crate::peers::{Peer, Start};
use crate::samples::{Metric, Work};
use crate::slow;
use crate::stats::as_f64;

/// Each takes most of a minute.
const ROUNDS: u16 = 3;

impl Suite<'_> {
    pub(super) async fn slow(&mut self) -> anyhow::Result<()> {
        let peers = self.peers().into_iter();
        let mut compared: Vec<_> = peers.filter(|peer| is_compared(*peer)).collect();
        for round in 0..self.options.rounds.min(ROUNDS) {
            for peer in compared.clone() {
                self.crowd(usize::from(round), peer).await?;
            }
            if !compared.is_empty() {
                compared.rotate_left(1);
            }
        }
        Ok(())
    }

    async fn crowd(&mut self, round: usize, peer: Peer) -> anyhow::Result<()> {
        let serving = match peer.start(&self.lab).await? {
            Start::Serving(serving) => serving,
            Start::Missing(why) => {
                self.skip(peer, why);
                return Ok(());
            }
        };
        let target = &serving.target;
        let streams = usize::from(self.options.slow_streams);
        let slow = slow::measure(target, streams, self.length()).await?;
        serving.tidy()?;
        self.setting.add(slow.noise);
        let idle = as_f64(slow.idle) / f64::from(1 << 20);
        let stream = slow.per_stream / 1024.0;
        tell(&format!(
            "round {round} slow streams {}: {streams} completed, {stream:.1} KiB each, {:.1} µs CPU an event",
            target.name, slow.per_event
        ));
        for (metric, value) in [
            (Metric::IdleMib, idle),
            (Metric::StreamKib, stream),
            (Metric::EventCpu, slow.per_event),
        ] {
            self.samples
                .add(round, Work::Slow, target.name, metric, value);
        }
        Ok(())
    }
}
