//! agw-ai
