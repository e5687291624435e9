//! What is printed: the report on standard output, progress on standard error.

use std::io::{self, Write};

pub(crate) fn say(text: &str) -> anyhow::Result<()> {
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

/// A line about what goes on. Nothing depends on anyone reading it.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
