//! Compiles the protocols with `protox`: no `protoc` is needed.

/// Messages that carry headers, bodies or what a server knows of a client; their `Debug` is written
/// by hand.
const REDACTED: [&str; 7] = [
    "envoy.config.core.v3.HeaderValue",
    "envoy.config.core.v3.Metadata",
    "envoy.service.auth.v3.AttributeContext.HttpRequest",
    "envoy.service.auth.v3.CheckResponse",
    "envoy.service.auth.v3.DeniedHttpResponse",
    "envoy.service.ratelimit.v3.RateLimitResponse",
    "envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.Entry",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let services = [
        "envoy/service/auth/v3/external_auth.proto",
        "envoy/service/ratelimit/v3/rls.proto",
    ];
    tonic_prost_build::configure()
        .build_client(false)
        .build_server(false)
        .bytes(".")
        .btree_map(".")
        .skip_debug(REDACTED)
        .include_file("api.rs")
        .compile_fds(protox::compile(services, ["proto"])?)?;
    Ok(())
}
