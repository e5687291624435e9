use std::net::SocketAddr;
use std::process::Command;

use super::{Found, Lab, Peer, in_venv, printed_version, target};
use crate::running::{Room, Running};

const VARIABLE: &str = "ENVOY_BIN";

pub(super) fn start(lab: &Lab, listen: SocketAddr) -> anyhow::Result<Found> {
    let binary = match in_venv(lab, VARIABLE, "envoy") {
        Ok(binary) => binary,
        Err(missing) => return Ok(Err(missing)),
    };
    let room = Room::new()?;
    let config = room.write("envoy.yaml", &config(lab, listen))?;
    let mut command = Command::new(binary);
    command
        .arg("-c")
        .arg(config)
        .args(["-l", "warning", "--disable-hot-restart"]);
    command.args(["--concurrency", &lab.cores.to_string()]);
    let process = Running::start(Peer::Envoy.name(), &mut command, room)?;
    let target = target(Peer::Envoy, process.pid(), listen, &[])?;
    Ok(Ok((process, target)))
}

pub(super) fn version(lab: &Lab) -> Option<String> {
    printed_version(Command::new(in_venv(lab, VARIABLE, "envoy").ok()?).arg("--version"))
}

/// One route, no filter but the router, no access log.
fn config(lab: &Lab, listen: SocketAddr) -> String {
    let endpoint = |address: SocketAddr| {
        format!(
            "{{ socket_address: {{ address: {}, port_value: {} }} }}",
            address.ip(),
            address.port()
        )
    };
    let (listen, upstream) = (endpoint(listen), endpoint(lab.provider));
    format!(
        r#"static_resources:
  listeners:
  - name: http
    address: {listen}
    enable_reuse_port: true
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: http
          generate_request_id: false
          stream_idle_timeout: 300s
          route_config:
            name: all
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {{ prefix: "/" }}
                route: {{ cluster: provider, timeout: 300s }}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{ "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }}
  clusters:
  - name: provider
    type: STATIC
    connect_timeout: 5s
    circuit_breakers: {{ thresholds: [ {{ max_connections: 20000, max_pending_requests: 20000, max_requests: 20000 }} ] }}
    load_assignment:
      cluster_name: provider
      endpoints: [ {{ lb_endpoints: [ {{ endpoint: {{ address: {upstream} }} }} ] }} ]
"#
    )
}
