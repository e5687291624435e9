//! What every process of the product needs around its work: its log, its access-log writer, its
//! admin pages, its readiness and its orderly end.

pub mod admin;
pub mod build_info;
pub mod drain;
pub mod lines;
pub mod log;
