use std::net::SocketAddr;
use std::process::Command;

use super::{Found, Lab, Peer, program, target, version_in};
use crate::running::{Room, Running};

const PACKAGE: &str = "portkey/node_modules/@portkey-ai/gateway";

pub(super) fn start(lab: &Lab, listen: SocketAddr) -> anyhow::Result<Found> {
    let script = lab.at_home(&format!("{PACKAGE}/build/start-server.js"));
    let (node, script) = match (program("NODE_BIN", "node"), script) {
        (Ok(node), Ok(script)) => (node, script),
        (Err(missing), _) | (_, Err(missing)) => return Ok(Err(missing)),
    };
    let mut command = Command::new(node);
    command
        .arg(script)
        .arg("--headless")
        .arg(format!("--port={}", listen.port()));
    let process = Running::start(Peer::Portkey.name(), &mut command, Room::new()?)?;
    let upstream = format!("http://{}/v1", lab.provider);
    let headers = [
        ("x-portkey-provider", "openai"),
        ("x-portkey-custom-host", upstream.as_str()),
        ("authorization", "Bearer sk-x"),
    ];
    let target = target(Peer::Portkey, process.pid(), listen, &headers)?;
    Ok(Ok((process, target)))
}

pub(super) fn version(lab: &Lab) -> Option<String> {
    version_in(&lab.home.join(PACKAGE).join("package.json"), "\"version\":")
}
