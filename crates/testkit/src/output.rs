//! What a process writes, line by line.

use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// No line of a test takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Lines so far; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    /// Reads to the end on a thread of its own.
    pub fn of(reader: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let own = lines.clone();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(reader);
            let mut line = Vec::new();
            while reader
                .read_until(b'\n', &mut line)
                .is_ok_and(|count| count > 0)
            {
                let text = String::from_utf8_lossy(&line)
                    .trim_end_matches('\n')
                    .to_owned();
                own.0.state.lock().lines.push(text);
                own.0.changed.notify_all();
                line.clear();
            }
            own.0.state.lock().ended = true;
            own.0.changed.notify_all();
        });
        lines
    }

    pub fn all(&self) -> Vec<String> {
        self.0.state.lock().lines.clone()
    }

    /// How many there are, to look only at later ones.
    pub fn count(&self) -> usize {
        self.0.state.lock().lines.len()
    }

    /// The first line from number `from` on that `wanted` takes, waiting for it. `None` when the
    /// process ended, or half a minute passed, without it.
    pub fn wait_for(&self, from: usize, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.0.state.lock();
        let mut next = from;
        loop {
            while let Some(line) = state.lines.get(next) {
                if wanted(line) {
                    return Some(line.clone());
                }
                next += 1;
            }
            if state.ended || self.0.changed.wait_until(&mut state, deadline).timed_out() {
                return None;
            }
        }
    }
}
