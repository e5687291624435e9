use std::net::SocketAddr;
use std::process::Command;

use super::{Found, Lab, Peer, in_venv, target, version_in};
use crate::running::{Room, Running};

const VARIABLE: &str = "LITELLM_BIN";
/// It takes no request without one.
const KEY: &str = "sk-bench-loopback-only";

/// One worker: more take a core each, and are not compared by throughput.
pub(super) fn start(lab: &Lab, listen: SocketAddr) -> anyhow::Result<Found> {
    let binary = match in_venv(lab, VARIABLE, "litellm") {
        Ok(binary) => binary,
        Err(missing) => return Ok(Err(missing)),
    };
    let room = Room::new()?;
    let config = room.write("litellm.yaml", &config(lab))?;
    let mut command = Command::new(binary);
    command
        .arg("--config")
        .arg(config)
        .args(["--num_workers", "1"]);
    command.args([
        "--host",
        &listen.ip().to_string(),
        "--port",
        &listen.port().to_string(),
    ]);
    command
        .env("LITELLM_TELEMETRY", "False")
        .env("LITELLM_LOCAL_MODEL_COST_MAP", "True");
    command
        .env("DISABLE_ADMIN_UI", "True")
        .env("NO_DOCS", "True");
    let process = Running::start(Peer::Litellm.name(), &mut command, room)?;
    let bearer = format!("Bearer {KEY}");
    let headers = [("authorization", bearer.as_str())];
    let target = target(Peer::Litellm, process.pid(), listen, &headers)?;
    Ok(Ok((process, target)))
}

pub(super) fn version(lab: &Lab) -> Option<String> {
    let packages = lab
        .home
        .join("venv-litellm/lib")
        .read_dir()
        .ok()?
        .next()?
        .ok()?
        .path();
    let packages = packages.join("site-packages").read_dir().ok()?;
    let mut folders = packages.flatten().map(|entry| entry.path());
    let own = folders.find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("litellm-") && name.ends_with(".dist-info")
    })?;
    version_in(&own.join("METADATA"), "Version:")
}

fn config(lab: &Lab) -> String {
    let upstream = lab.provider;
    format!(
        "model_list:
  - model_name: mock
    litellm_params: {{ model: openai/mock, api_base: http://{upstream}/v1, api_key: sk-x }}
litellm_settings: {{ callbacks: [], num_retries: 0, request_timeout: 300, telemetry: false }}
general_settings: {{ master_key: {KEY} }}
"
    )
}
