//! What a client sees of a stream: when each chunk came, and how long it was on its way.

use crate::stats::as_f64;

/// A stream so far.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// Bytes of an event whose end has not come.
    pending: Vec<u8>,
    /// When the first chunk came.
    pub(crate) first: Option<First>,
    /// Nanoseconds from when the provider made a chunk until it came.
    pub(crate) delays: Vec<u64>,
    pub(crate) done: Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct First {
    pub(crate) at: u64,
    /// How long the provider let the request wait.
    pub(crate) waited: u64,
}

/// Whether the event that ends a stream has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Done {
    #[default]
    NotYet,
    Seen,
}

/// What the provider wrote into a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    made: u64,
    waited: u64,
}

impl Events {
    /// Takes bytes that came at `now`.
    pub(crate) fn take(&mut self, bytes: &[u8], now: u64) {
        self.pending.extend_from_slice(bytes);
        let mut from = 0;
        while let Some(length) = find(&self.pending[from..], b"\n\n") {
            let event = &self.pending[from..from + length];
            from += length + 2;
            if event.ends_with(b"[DONE]") {
                self.done = Done::Seen;
            }
            let Some(stamp) = Stamp::read(event) else {
                continue;
            };
            self.first.get_or_insert(First {
                at: now,
                waited: stamp.waited,
            });
            self.delays.push(now.saturating_sub(stamp.made));
        }
        self.pending.drain(..from);
    }
}

impl First {
    /// Microseconds that the way there and back took a request that was due at `scheduled`.
    pub(crate) fn added(self, scheduled: u64) -> f64 {
        as_f64(
            self.at
                .saturating_sub(scheduled)
                .saturating_sub(self.waited),
        ) / 1e3
    }
}

impl Stamp {
    fn read(event: &[u8]) -> Option<Self> {
        let made = find(event, b"t=").map(|at| &event[at + 2..])?;
        let waited = find(made, b" w=").map(|at| &made[at + 3..])?;
        Some(Self {
            made: number(made)?,
            waited: number(waited)?,
        })
    }
}

fn number(bytes: &[u8]) -> Option<u64> {
    let digits = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    str::from_utf8(&bytes[..digits]).ok()?.parse().ok()
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNK: &[u8] = b"data: {\"delta\":{\"content\":\"t=1000 w=250 \"}}\n\n";

    #[test]
    fn reads_chunks_however_they_are_cut() {
        for cut in 0..CHUNK.len() {
            let mut events = Events::default();
            events.take(&CHUNK[..cut], 1400);
            assert_eq!(events.first, None);
            events.take(&CHUNK[cut..], 1500);
            assert_eq!(
                events.first,
                Some(First {
                    at: 1500,
                    waited: 250
                })
            );
            assert_eq!(events.delays, [500]);
            assert_eq!(events.done, Done::NotYet);
        }
    }

    #[test]
    fn counts_only_chunks_with_a_stamp() {
        let mut events = Events::default();
        events.take(CHUNK, 1500);
        events.take(b"data: {\"usage\":{}}\n\ndata: [DONE]\n\n", 1600);
        assert_eq!(events.delays.len(), 1);
        assert_eq!(events.done, Done::Seen);
    }

    #[test]
    fn what_the_provider_waited_is_not_added() {
        let first = First {
            at: 10_000,
            waited: 4_000,
        };
        assert!((first.added(1_000) - 5.0).abs() < 1e-9);
    }
}
