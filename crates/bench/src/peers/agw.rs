use std::fmt::Write;
use std::net::SocketAddr;
use std::process::Command;
use std::rc::Rc;

use http::{HeaderValue, Uri, header};

use super::{Lab, PATH, Peer, Serving, absolute, target};
use crate::running::{Room, Running, free_address};
use crate::target::{Class, Target};

const PLAIN_HOST: &str = "plain.bench";
const AI_HOST: &str = "ai.bench";

/// Which backend the request goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path {
    Plain,
    Ai,
}

/// The gateway with many routes on one host.
pub(crate) struct Routes {
    pub(crate) name: &'static str,
    pub(crate) count: usize,
}

/// The gateway before a provider whose format is another than the client's, or the same.
pub(crate) struct Translated {
    name: &'static str,
    class: Class,
    /// The provider, and how requests prove themselves to it.
    provider: &'static str,
    auth: &'static str,
}

/// The one whose format is the client's.
pub(crate) const PASSED: &str = "agw to OpenAI";

/// Both paths are served; one is asked. The access log goes to a file.
pub(super) fn start(
    lab: &Lab,
    listen: SocketAddr,
    path: Path,
) -> anyhow::Result<(Running, Target)> {
    let (peer, host) = match path {
        Path::Plain => (Peer::Plain, PLAIN_HOST),
        Path::Ai => (Peer::Ai, AI_HOST),
    };
    let process = run(lab, peer.name(), &manifests(lab, listen))?;
    let mut target = target(peer, process.pid(), listen, &[])?;
    target
        .headers
        .insert(header::HOST, HeaderValue::from_static(host));
    Ok((process, target))
}

impl Routes {
    /// Starts a gateway with that many routes, which are asked in turn.
    pub(crate) async fn start(&self, lab: &Lab) -> anyhow::Result<Serving> {
        let listen = free_address()?;
        let mut text = manifests(lab, listen);
        let mut paths = Vec::with_capacity(self.count);
        for index in 0..self.count {
            text.push_str(&route(index));
            paths.push(asked(index).parse::<Uri>()?);
        }
        let mut process = run(lab, self.name, &text)?;
        let mut target = target(Peer::Plain, process.pid(), listen, &[])?;
        target.name = self.name;
        target
            .headers
            .insert(header::HOST, HeaderValue::from_static("routes.bench"));
        target.paths = paths.into();
        process.wait_until_right(&target).await?;
        Ok(Serving {
            peer: Peer::Plain,
            target: Rc::new(target),
            process: Some(process),
        })
    }
}

impl Translated {
    pub(crate) const ALL: [Self; 4] = [
        Self {
            name: PASSED,
            class: Class::Fast,
            provider: "openai: {model: gpt-4o-mini}",
            auth: "{key: sk-bench}",
        },
        Self {
            name: "agw to Anthropic",
            class: Class::Translator,
            provider: "anthropic: {model: claude-sonnet-4-5}",
            auth: "{key: sk-bench}",
        },
        Self {
            name: "agw to Gemini",
            class: Class::Translator,
            provider: "gemini: {model: gemini-2.5-flash}",
            auth: "{key: bench}",
        },
        // Its requests are signed, which is part of what they cost.
        Self {
            name: "agw to Bedrock",
            class: Class::Translator,
            provider: "bedrock: {model: 'anthropic.claude-3-haiku-20240307-v1:0', region: us-east-1}",
            auth: "{aws: {secretRef: {name: aws}}}",
        },
    ];

    /// Starts a gateway that leads all requests to that provider.
    pub(crate) async fn start(&self, lab: &Lab) -> anyhow::Result<Serving> {
        let listen = free_address()?;
        let mut process = run(lab, self.name, &self.manifests(lab, listen))?;
        let mut target = target(Peer::Ai, process.pid(), listen, &[])?;
        target.name = self.name;
        target.class = self.class;
        process.wait_until_right(&target).await?;
        Ok(Serving {
            peer: Peer::Ai,
            target: Rc::new(target),
            process: Some(process),
        })
    }

    fn manifests(&self, lab: &Lab, listen: SocketAddr) -> String {
        let Self { provider, auth, .. } = self;
        let (own, host, port) = (listen.port(), lab.provider.ip(), lab.provider.port());
        format!(
            r#"apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: gw, namespace: bench}}
spec:
  gatewayClassName: agentgateway
  listeners:
  - {{name: http, protocol: HTTP, port: {own}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: aws, namespace: bench}}
stringData: {{accessKey: AKIABENCH, secretKey: bench}}
---
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayBackend
metadata: {{name: ai, namespace: bench}}
spec:
  ai: {{provider: {{{provider}, host: {host}, port: {port}}}}}
  policies: {{auth: {auth}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: ai, namespace: bench}}
spec:
  parentRefs: [{{name: gw}}]
  rules:
  - backendRefs: [{{name: ai, group: agentgateway.dev, kind: AgentgatewayBackend}}]
"#
        )
    }
}

fn run(lab: &Lab, name: &'static str, manifests: &str) -> anyhow::Result<Running> {
    let room = Room::new()?;
    let file = room.write("manifests.yaml", manifests)?;
    let mut command = Command::new(absolute(&lab.agw)?);
    command.arg("run").arg("-f").arg(file).arg("--no-watch");
    for page in ["--admin", "--metrics", "--ready"] {
        command.args([page, "127.0.0.1:0"]);
    }
    Running::start(name, &mut command, room)
}

fn manifests(lab: &Lab, listen: SocketAddr) -> String {
    let (host, port) = (lab.provider.ip(), lab.provider.port());
    let own = listen.port();
    format!(
        r#"apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: gw, namespace: bench}}
spec:
  gatewayClassName: agentgateway
  listeners:
  - {{name: http, protocol: HTTP, port: {own}}}
---
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayBackend
metadata: {{name: plain, namespace: bench}}
spec: {{static: {{host: {host}, port: {port}}}}}
---
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayBackend
metadata: {{name: ai, namespace: bench}}
spec:
  ai: {{provider: {{openai: {{model: gpt-4o-mini}}, host: {host}, port: {port}}}}}
  policies: {{auth: {{key: sk-bench}}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: plain, namespace: bench}}
spec:
  parentRefs: [{{name: gw}}]
  hostnames: [{PLAIN_HOST}]
  rules:
  - backendRefs: [{{name: plain, group: agentgateway.dev, kind: AgentgatewayBackend}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: ai, namespace: bench}}
spec:
  parentRefs: [{{name: gw}}]
  hostnames: [{AI_HOST}]
  rules:
  - matches: [{{path: {{value: {PATH}}}}}]
    backendRefs: [{{name: ai, group: agentgateway.dev, kind: AgentgatewayBackend}}]
"#
    )
}

/// A route of its own by path, every other one by prefix, all on one host.
fn route(index: usize) -> String {
    let kind = if index.is_multiple_of(2) {
        "PathPrefix"
    } else {
        "Exact"
    };
    let mut text = String::new();
    let path = asked(index);
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: route-{index}, namespace: bench}}
spec:
  parentRefs: [{{name: gw}}]
  hostnames: [routes.bench]
  rules:
  - matches: [{{path: {{type: {kind}, value: {path}}}}}]
    backendRefs: [{{name: plain, group: agentgateway.dev, kind: AgentgatewayBackend}}]
"
    );
    text
}

fn asked(index: usize) -> String {
    format!("/team-{}/service-{index}/v1/chat", index % 37)
}
