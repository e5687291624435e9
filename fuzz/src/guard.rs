//! Runs a target so that a panic is a finding, wherever it happens.

use std::panic::{AssertUnwindSafe, catch_unwind};

use parking_lot::Mutex;

use crate::target::{Target, Verdict};

/// The first panic since it was last taken, of any thread: code that catches the panics of its own
/// threads does not hide them.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Takes over the reporting of panics for the whole process, until it is dropped.
#[derive(Debug)]
pub struct Guard(());

impl Guard {
    pub fn install() -> Self {
        std::panic::set_hook(Box::new(|info| {
            let mut first = PANIC.lock();
            first.get_or_insert_with(|| format!("panic: {info}"));
        }));
        Self(())
    }

    /// What the target says to an input; a panic is its complaint.
    pub fn run(&self, target: &Target, input: &[u8]) -> Verdict {
        let caught = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
        let panic = PANIC.lock().take();
        match (panic, caught) {
            (Some(panic), _) => Err(panic),
            (None, Err(_)) => Err("panic".to_owned()),
            (None, Ok(verdict)) => verdict,
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            drop(std::panic::take_hook());
        }
    }
}
