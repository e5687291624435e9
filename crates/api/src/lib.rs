//! agw-api
