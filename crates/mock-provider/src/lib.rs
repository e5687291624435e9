//! agw-mock-provider
