//! agw-runtime
