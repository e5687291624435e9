//! Compiles the protocol with `protox`: no `protoc` is needed.

/// Messages that carry secrets or prompts; their `Debug` is written by hand.
const REDACTED: [&str; 7] = [
    "Resource",
    "Secret",
    "Member",
    "Turn",
    "User",
    "ApiKey",
    "RedisLogin",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let package = "agentgateway.xds.v1";
    let folder = "agentgateway/xds/v1";
    let files =
        ["discovery.proto", "relay.proto", "resource.proto"].map(|file| format!("{folder}/{file}"));
    let descriptors = protox::compile(files, ["proto"])?;
    tonic_prost_build::configure()
        .bytes(".")
        .skip_debug(REDACTED.map(|message| format!("{package}.{message}")))
        .compile_fds(descriptors)?;
    Ok(())
}
