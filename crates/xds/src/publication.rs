//! What the controller hands over to be delivered.

use std::sync::Arc;

use agw_core::config::GatewayConfig;

/// Every Gateway's configuration at one point. Within a configuration, listeners have distinct
/// names, and routes and backends distinct keys and the order of their keys.
#[derive(Debug, Clone, Default)]
pub struct Publication {
    /// Counts up. At 0 nothing is known yet, and proxies wait; from 1 on a Gateway that is not
    /// here does not exist.
    pub revision: u64,
    pub gateways: Vec<Arc<GatewayConfig>>,
}
