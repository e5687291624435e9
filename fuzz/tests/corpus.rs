//! Every input that is kept is run again: those that once failed are among them.

use agw_fuzz::{Guard, corpus, target};

#[test]
fn every_kept_input_is_judged_good() {
    let guard = Guard::install();
    let mut failures = String::new();
    for target in target::ALL {
        let seeds = corpus::seeds(target).unwrap();
        if seeds.len() < 3 {
            failures += &format!("{}: {} inputs\n", target.name, seeds.len());
        }
        for seed in seeds {
            if let Err(message) = guard.run(target, &seed.input) {
                failures += &format!("{}: {message}\n", seed.path.display());
            }
        }
    }
    drop(guard);
    assert!(failures.is_empty(), "{failures}");
}
