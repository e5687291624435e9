//! Configurations to send: those that manifests give.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use agw_core::config::GatewayConfig;
use agw_translate::manifest::{ManifestFile, load};
use agw_translate::{ClusterState, Settings, translate};

/// What manifests say.
pub(crate) fn translated(files: &[ManifestFile]) -> Vec<Arc<GatewayConfig>> {
    translate(
        &ClusterState::from_loaded(load(files)),
        &Settings::default(),
    )
    .gateways
}

/// The Gateway `shop/front` with an AI backend whose key is `key`, and an exact route for each of
/// `paths`, which is also named so.
pub(crate) fn shop(paths: &[&str], key: &str) -> Arc<GatewayConfig> {
    let mut text = format!(
        "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: front, namespace: shop}}
spec:
  gatewayClassName: agentgateway
  listeners: [{{name: http, protocol: HTTP, port: 8080}}]
---
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayBackend
metadata: {{name: model, namespace: shop}}
spec:
  ai: {{provider: {{openai: {{model: gpt-4o}}}}}}
  policies: {{auth: {{secretRef: {{name: key}}}}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: key, namespace: shop}}
stringData: {{Authorization: {key}}}
"
    );
    for path in paths {
        text.push_str(&format!(
            "---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {path}, namespace: shop}}
spec:
  parentRefs: [{{name: front}}]
  rules:
  - matches: [{{path: {{type: Exact, value: /{path}}}}}]
    backendRefs: [{{group: agentgateway.dev, kind: AgentgatewayBackend, name: model}}]
"
        ));
    }
    let path = "shop.yaml".to_owned();
    let mut gateways = translated(&[ManifestFile { path, text }]);
    assert_eq!(gateways.len(), 1);
    gateways.remove(0)
}

/// Every configuration that the goldens of translation and the examples give.
pub(crate) fn corpus() -> Vec<Arc<GatewayConfig>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &PathBuf| ManifestFile {
        path: path.display().to_string(),
        text: std::fs::read_to_string(path).unwrap(),
    };
    let goldens = yaml(&root.join("crates/translate/testdata"));
    let mut gateways: Vec<_> = goldens
        .iter()
        .flat_map(|path| translated(&[read(path)]))
        .collect();
    for folder in std::fs::read_dir(root.join("examples")).unwrap() {
        let files: Vec<_> = yaml(&folder.unwrap().path()).iter().map(read).collect();
        gateways.extend(translated(&files));
    }
    gateways
}

fn yaml(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).into_iter().flatten();
    let files = files.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files
        .filter(|p| p.extension().is_some_and(|e| e == "yaml"))
        .collect();
    files.sort();
    files
}
