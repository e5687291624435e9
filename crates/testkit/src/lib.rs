//! agw-testkit
