//! Generated from `proto/`.

#![expect(unreachable_pub, reason = "generated")]

include!(concat!(env!("OUT_DIR"), "/api.rs"));
