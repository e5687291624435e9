use std::net::SocketAddr;
use std::process::Command;

use super::{Found, Lab, Peer, printed_version, program, target};
use crate::running::{Room, Running};

const VARIABLE: &str = "NGINX_BIN";

pub(super) fn start(lab: &Lab, listen: SocketAddr) -> anyhow::Result<Found> {
    let binary = match program(VARIABLE, "nginx") {
        Ok(binary) => binary,
        Err(missing) => return Ok(Err(missing)),
    };
    let room = Room::new()?;
    let config = room.write("nginx.conf", &config(lab, listen))?;
    let mut command = Command::new(binary);
    command.arg("-p").arg(room.path()).arg("-c").arg(config);
    let process = Running::start(Peer::Nginx.name(), &mut command, room)?;
    let target = target(Peer::Nginx, process.pid(), listen, &[])?;
    Ok(Ok((process, target)))
}

pub(super) fn version() -> Option<String> {
    printed_version(Command::new(program(VARIABLE, "nginx").ok()?).arg("-v"))
}

/// Kept connections on both sides, bodies passed through as they come, no access log.
fn config(lab: &Lab, listen: SocketAddr) -> String {
    // Workers of root's nginx could not enter the folder that is root's alone.
    let user = if rustix::process::geteuid().is_root() {
        "user root;"
    } else {
        ""
    };
    let (workers, upstream) = (lab.cores, lab.provider);
    format!(
        r#"{user}
daemon off;
worker_processes {workers};
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 16384; }}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy;
  fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  keepalive_requests 1000000000;
  keepalive_timeout 300s;
  client_body_buffer_size 256k;
  client_max_body_size 16m;
  upstream provider {{ server {upstream}; keepalive 512; keepalive_requests 1000000000; keepalive_timeout 300s; }}
  server {{
    listen {listen} reuseport;
    location / {{
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_read_timeout 300s;
      proxy_buffering off;
      proxy_request_buffering off;
    }}
  }}
}}
"#
    )
}
