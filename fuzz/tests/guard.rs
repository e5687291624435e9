//! What counts as a failure.

use agw_fuzz::{Guard, target};

/// A target that cannot fail judges nothing.
#[test]
fn panics_and_complaints_are_failures() {
    let guard = Guard::install();
    let panics = target::Target {
        name: "panics",
        dictionary: &[],
        more_seeds: &[],
        run: |input| {
            // In a thread whose end nobody looks at.
            let place = input.len();
            let _ = std::thread::spawn(move || [0][place]).join();
            Err("complaint".to_owned())
        },
    };
    let (panicked, complained) = (guard.run(&panics, b"x"), guard.run(&panics, b""));
    drop(guard);
    let message = panicked.unwrap_err();
    assert!(message.contains("index out of bounds"), "{message}");
    assert_eq!(complained.unwrap_err(), "complaint");
}
