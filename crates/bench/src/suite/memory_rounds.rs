//! Memory, each time of a process that was started for it.

use super::Suite;
use crate::memory;
use crate::output::tell;
use crate::peers::{Peer, Start};
use crate::samples::{Metric, Work};
use crate::stats::as_f64;

/// A fresh process hardly varies.
const ROUNDS: u16 = 3;

impl Suite<'_> {
    pub(super) async fn memory(&mut self) -> anyhow::Result<()> {
        let compared: Vec<_> = self
            .peers()
            .into_iter()
            .filter(|peer| is_compared(*peer))
            .collect();
        for round in 0..self.options.rounds.min(ROUNDS) {
            for peer in &compared {
                self.remember(usize::from(round), *peer).await?;
            }
        }
        Ok(())
    }

    async fn remember(&mut self, round: usize, peer: Peer) -> anyhow::Result<()> {
        let serving = match peer.start(&self.lab).await? {
            Start::Serving(serving) => serving,
            Start::Missing(why) => {
                self.skip(peer, why);
                return Ok(());
            }
        };
        let target = &serving.target;
        let memory = memory::measure(target, usize::from(self.options.streams)).await?;
        let idle = as_f64(memory.idle) / f64::from(1 << 20);
        let stream = memory.per_stream / 1024.0;
        tell(&format!(
            "memory {}: {idle:.1} MiB idle, {stream:.1} KiB a stream",
            target.name
        ));
        for (metric, value) in [(Metric::IdleMib, idle), (Metric::StreamKib, stream)] {
            self.samples
                .add(round, Work::Memory, target.name, metric, value);
        }
        Ok(())
    }
}

/// Whether it is a proxy that can hold thousands of streams, whose pace the client names.
pub(super) fn is_compared(peer: Peer) -> bool {
    match peer {
        Peer::Floor | Peer::Nginx | Peer::Envoy | Peer::Plain | Peer::Ai => true,
        Peer::Direct | Peer::Portkey | Peer::Litellm => false,
    }
}
