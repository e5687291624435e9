//! Chores of the repository: generated files, and the shape of the code.

mod codegen;
mod shape;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

const USAGE: &str = "usage: cargo xtask codegen [--check] | cargo xtask lint-shape";

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = workspace_root()?;
    let out = &mut std::io::stdout().lock();
    match arguments[..] {
        ["codegen"] => codegen::write(&root, out),
        ["codegen", "--check"] => codegen::check(&root, out),
        ["lint-shape"] => shape::lint(&root, out),
        _ => bail!(USAGE),
    }
}

/// The workspace of the checkout that `cargo` runs in.
fn workspace_root() -> Result<PathBuf> {
    let package =
        std::env::var_os("CARGO_MANIFEST_DIR").context("run this through `cargo xtask`")?;
    let root = PathBuf::from(package).join("../..");
    root.canonicalize()
        .with_context(|| format!("{} is not there", root.display()))
}
