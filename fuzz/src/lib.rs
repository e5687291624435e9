//! Fuzzing on stable Rust: inputs are made from a corpus by a deterministic engine, and each target
//! says whether what the code did with one is right.
//!
//! An input is interesting, and becomes the start of others, when the target did with it what it
//! has done with none before: a target returns a [`Behaviour`], such as the kind of an error. That
//! stands in for coverage, which stable Rust cannot read at run time.

pub mod corpus;
mod guard;
mod mutate;
mod random;
pub mod session;
pub mod shrink;
pub mod target;

pub use guard::Guard;
pub use target::Target;
