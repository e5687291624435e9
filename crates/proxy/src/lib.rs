//! agw-proxy
