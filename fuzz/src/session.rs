//! One run of a target: inputs until the time is over or one fails.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::guard::Guard;
use crate::mutate::{MAX_LENGTH, mutate};
use crate::random::Random;
use crate::target::{Behaviour, Target};
use crate::{corpus, shrink};

/// Inputs that are the start of others.
const POOL: usize = 4096;
/// An input that takes this long is as bad as one that never ends.
const HANG: Duration = Duration::from_secs(20);
const SHRINKING: Duration = Duration::from_secs(5);

/// How a run went.
#[derive(Debug)]
pub struct Outcome {
    pub inputs: u64,
    /// Kinds of behaviour that were seen.
    pub behaviours: usize,
    pub failure: Option<Failure>,
}

/// What went wrong, and the file that holds the input.
#[derive(Debug)]
pub struct Failure {
    pub message: String,
    pub path: PathBuf,
}

struct Session<'a> {
    target: &'a Target,
    guard: &'a Guard,
    pool: Vec<Vec<u8>>,
    seen: HashSet<Behaviour>,
    running: File,
    inputs: Arc<AtomicU64>,
}

/// Runs the corpus, then what is made of it.
///
/// # Errors
/// Files of the corpus or of failures that cannot be read or written.
pub fn run(target: &Target, guard: &Guard, budget: Duration, seed: u64) -> io::Result<Outcome> {
    let path = corpus::running(target)?;
    let inputs = Arc::new(AtomicU64::new(0));
    watch(target.name, inputs.clone());
    let mut session = Session {
        target,
        guard,
        pool: Vec::new(),
        seen: HashSet::new(),
        running: File::create(&path)?,
        inputs,
    };
    let failure = session.search(budget, seed)?;
    let outcome = Outcome {
        inputs: session.inputs.load(Ordering::Relaxed),
        behaviours: session.seen.len(),
        failure,
    };
    fs::remove_file(path)?;
    Ok(outcome)
}

#[expect(
    clippy::disallowed_methods,
    reason = "what hangs cannot be asked to end"
)]
/// Ends the process when the count of inputs stands still: the input is in the file `running`.
fn watch(name: &'static str, inputs: Arc<AtomicU64>) {
    std::thread::spawn(move || {
        loop {
            let before = inputs.load(Ordering::Relaxed);
            std::thread::sleep(HANG);
            // The session holds the other reference until it is over.
            if Arc::strong_count(&inputs) == 1 {
                return;
            }
            if inputs.load(Ordering::Relaxed) == before {
                let _ = io::Write::write_all(
                    &mut io::stderr(),
                    format!("{name}: the input in fuzz/failures/{name}/running takes more than {HANG:?}\n").as_bytes(),
                );
                std::process::exit(1);
            }
        }
    });
}

impl Session<'_> {
    fn search(&mut self, budget: Duration, seed: u64) -> io::Result<Option<Failure>> {
        let started = Instant::now();
        for kept in corpus::seeds(self.target)? {
            let mut input = kept.input;
            input.truncate(MAX_LENGTH);
            if let Some(failure) = self.try_input(&input)? {
                return Ok(Some(failure));
            }
            self.pool.push(input);
        }
        let mut random = Random::new(seed);
        while started.elapsed() < budget {
            let at = random.below(self.pool.len());
            let input = self.pool.get(at).map_or(&[][..], Vec::as_slice);
            let other = random.below(self.pool.len());
            let other = self.pool.get(other).map_or(&[][..], Vec::as_slice);
            let made = mutate(input, other, self.target.dictionary, &mut random);
            let known = self.seen.len();
            if let Some(failure) = self.try_input(&made)? {
                return Ok(Some(failure));
            }
            if self.seen.len() > known {
                if self.pool.len() < POOL {
                    self.pool.push(made);
                } else {
                    let place = random.below(POOL);
                    self.pool[place] = made;
                }
            }
        }
        Ok(None)
    }

    fn try_input(&mut self, input: &[u8]) -> io::Result<Option<Failure>> {
        self.running.write_all_at(input, 0)?;
        self.running.set_len(input.len() as u64)?;
        self.inputs.fetch_add(1, Ordering::Relaxed);
        let message = match self.guard.run(self.target, input) {
            Ok(behaviour) => {
                self.seen.insert(behaviour);
                return Ok(None);
            }
            Err(message) => message,
        };
        let small = shrink::shrink(input, SHRINKING, |less| {
            self.guard.run(self.target, less).is_err()
        });
        let path = corpus::save_failure(self.target, &small)?;
        let message = self.guard.run(self.target, &small).err().unwrap_or(message);
        Ok(Some(Failure { message, path }))
    }
}
