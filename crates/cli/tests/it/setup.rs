//! The two sets of manifests that the claims are tried on.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use agw_testkit::{Agw, Answer, Mock, Request};
use serde_json::{Value, json};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_agw");
pub(crate) const MINI: &str = "gpt-4o-mini";
pub(crate) const LARGE: &str = "gpt-4o";

/// Manifests that show the six patterns, and where each is.
pub(crate) struct Setup {
    pub(crate) manifests: PathBuf,
    pub(crate) path: Pair,
    pub(crate) weighted: &'static str,
    pub(crate) content: Content,
    pub(crate) failover: &'static str,
}

/// Paths that lead to the small and to the large model.
pub(crate) struct Pair {
    pub(crate) mini: &'static str,
    pub(crate) large: &'static str,
}

/// Where content chooses.
pub(crate) struct Content {
    pub(crate) path: &'static str,
    /// The header that is computed.
    pub(crate) header: &'static str,
    /// Characters up to which a prompt is short.
    pub(crate) limit: usize,
}

/// A gateway and the mock behind it.
pub(crate) struct Rig {
    pub(crate) agw: Agw,
    pub(crate) mock: Mock,
}

pub(crate) fn examples() -> Setup {
    Setup {
        manifests: top().join("examples/routing-patterns"),
        path: Pair {
            mini: "/models/mini",
            large: "/models/large",
        },
        weighted: "/rollout",
        content: Content {
            path: "/auto",
            header: "X-Prompt-Size",
            limit: 200,
        },
        failover: "/steady",
    }
}

/// The manifests of the document "Advanced Routing Patterns", where they are at hand: in
/// `AGW_SEED_DIR`, or in a folder `seed` near the checkout.
pub(crate) fn seed() -> Option<Setup> {
    let is_seed = |folder: &PathBuf| folder.join("manifests/1-path-routes.yaml").is_file();
    let near = || {
        let beside = std::fs::read_dir(top().parent()?).ok()?;
        beside
            .filter_map(|entry| Some(entry.ok()?.path().join("seed")))
            .find(is_seed)
    };
    let folder = match std::env::var_os("AGW_SEED_DIR") {
        Some(folder) => {
            let folder = PathBuf::from(folder);
            assert!(
                is_seed(&folder),
                "AGW_SEED_DIR names no folder with manifests/1-path-routes.yaml"
            );
            Some(folder)
        }
        None => near(),
    };
    let Some(folder) = folder else {
        eprintln!(
            "SKIPPED: the document's own manifests are not here; AGW_SEED_DIR says where they are"
        );
        return None;
    };
    Some(Setup {
        manifests: folder.join("manifests"),
        path: Pair {
            mini: "/ai/fast/completions",
            large: "/ai/premium/completions",
        },
        weighted: "/ai/gradual-rollout/completions",
        content: Content {
            path: "/ai/smart/completions",
            header: "X-Content-Type",
            limit: 100,
        },
        failover: "/ai/reliable/completions",
    })
}

pub(crate) fn setups() -> Vec<Setup> {
    std::iter::once(examples()).chain(seed()).collect()
}

pub(crate) fn top() -> PathBuf {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    top.canonicalize().unwrap()
}

impl Setup {
    /// Starts both processes with these manifests as they are.
    pub(crate) fn start(&self) -> Rig {
        let mock = Mock::start(BINARY).unwrap();
        let agw = Agw::builder(BINARY)
            .unwrap()
            .path(&self.manifests)
            .mock(&mock)
            .start()
            .unwrap();
        Rig { agw, mock }
    }
}

impl Rig {
    /// Starts both processes with one manifest.
    pub(crate) fn with(manifest: &str) -> Self {
        let mock = Mock::start(BINARY).unwrap();
        let builder = Agw::builder(BINARY)
            .unwrap()
            .manifest("m.yaml", manifest)
            .unwrap();
        let agw = builder.mock(&mock).start().unwrap();
        Self { agw, mock }
    }

    /// Asks a chat completion of a prompt.
    pub(crate) fn chat(&self, path: &str, prompt: &str) -> Answer {
        self.agw.send(&chat(path, prompt)).unwrap()
    }

    /// The access log's line of a request that is sent for it.
    pub(crate) fn logged(&self, request: Request) -> (Answer, Value) {
        let id = unique_id();
        let answer = self.agw.send(&request.header("X-Request-Id", &id)).unwrap();
        (answer, self.agw.log_of(&id).unwrap())
    }
}

pub(crate) fn chat(path: &str, prompt: &str) -> Request {
    Request::post(
        path,
        &json!({ "messages": [{ "role": "user", "content": prompt }] }),
    )
}

pub(crate) fn streamed_chat(path: &str) -> Request {
    let messages = json!([{ "role": "user", "content": "Hello" }]);
    Request::post(path, &json!({ "messages": messages, "stream": true }))
}

fn unique_id() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!(
        "it-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

/// A Gateway on port 8080 with one route from `/` to a backend that forces `model`.
pub(crate) fn one_route(model: &str) -> String {
    format!(
        "\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{ name: g, namespace: t }}
spec:
  gatewayClassName: agentgateway
  listeners:
    - {{ name: http, protocol: HTTP, port: 8080 }}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{ name: r, namespace: t }}
spec:
  parentRefs: [{{ name: g }}]
  rules:
    - backendRefs:
        - {{ group: agentgateway.dev, kind: AgentgatewayBackend, name: b }}
---
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayBackend
metadata: {{ name: b, namespace: t }}
spec:
  ai:
    provider:
      openai:
        model: {model}
"
    )
}
