//! Where requests go: AI providers and plain endpoints.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::access::Authorization;
use crate::cloud::{AwsRole, AzureAuth, GcpAuth};
use crate::expr::Expression;
use crate::header::FieldName;
use crate::id::BackendKey;
use crate::listener::Certificate;
use crate::retry::Retry;
use crate::secret::Secret;
use crate::shaping::Shaping;
use crate::sticky::Sticky;
use crate::transform::Transformation;

/// One backend object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backend {
    pub key: BackendKey,
    pub target: BackendTarget,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum BackendTarget {
    Ai(AiBackend),
    Endpoints(Box<EndpointBackend>),
}

/// A model provider, or several in priority groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AiBackend {
    /// Priority groups: the first with a healthy provider serves; never empty. A group is empty
    /// where its providers are Services without a ready endpoint.
    pub groups: Vec<Vec<AiProvider>>,
    /// Explicit API per path suffix; empty means it is inferred from the path.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<ApiRoute>,
}

/// `ai.routes` entry: requests whose path ends in `suffix` speak `api`. `*` is the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiRoute {
    pub suffix: Box<str>,
    pub api: Api,
}

/// The API that a request speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Api {
    ChatCompletions,
    Messages,
    CountTokens,
    GenerateContent,
    GeminiCountTokens,
    Completions,
    Responses,
    Embeddings,
    Rerank,
    Models,
    Passthrough,
}

/// One entry of an AI backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AiProvider {
    /// Name within the backend; the provider's own name when the manifest gives none.
    pub name: Arc<str>,
    pub kind: ProviderKind,
    /// The APIs that it has; empty means those of its kind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub offers: Vec<Offer>,
    /// Explicit API per path suffix; empty means those of its backend.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<ApiRoute>,
    /// Model that every request is forced to; `None` passes the client's through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Arc<str>>,
    pub endpoint: Endpoint,
    /// Replaces the provider's own base path (`/v1`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_prefix: Option<Arc<str>>,
    /// Replaces the whole upstream path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<Arc<str>>,
    /// Every request has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<Arc<str>>,
    /// What Bedrock is to apply to each conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guardrail: Option<Arc<Guardrail>>,
    pub policy: BackendPolicy,
}

/// A guardrail that a provider keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Guardrail {
    pub identifier: Box<str>,
    pub version: Box<str>,
}

/// An API that a server says it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Offer {
    pub api: Api,
    /// Where, if not at the API's usual path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<Arc<str>>,
}

/// Whose API a provider entry speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum ProviderKind {
    OpenAi,
    Anthropic,
    Gemini,
    Bedrock,
    Azure,
    /// By versions of the API that name a deployment in the path.
    AzureDeployment,
    VertexAi,
    /// A server that says which APIs it has.
    Custom,
}

/// Endpoints that take requests or connections, chosen round-robin, or by their session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndpointBackend {
    /// Empty when the Service has no ready endpoint: requests get 503.
    pub endpoints: Vec<Endpoint>,
    pub protocol: AppProtocol,
    pub policy: BackendPolicy,
}

/// What an endpoint speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum AppProtocol {
    Http1,
    /// Cleartext HTTP/2 by prior knowledge (`appProtocol: kubernetes.io/h2c`).
    H2c,
}

/// A network address to connect to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Endpoint {
    /// DNS name or IP address, without brackets.
    pub host: Arc<str>,
    pub port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<UpstreamTls>,
}

/// TLS towards an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct UpstreamTls {
    /// Server name to ask for; `None` means the endpoint's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sni: Option<Arc<str>>,
    pub verify: Verify,
    /// What the gateway shows of itself when it is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Arc<Certificate>>,
}

/// Which server certificates are accepted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub enum Verify {
    /// One for the server name, by the system's roots.
    Full,
    /// `insecureSkipVerify`: any certificate.
    Off,
    /// As a BackendTLSPolicy says.
    Trust(Arc<Trust>),
}

/// Who vouches for a backend, and for whom.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Trust {
    #[serde(skip)]
    pub roots: Roots,
    /// The certificate must be for one of these; empty means the server name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<SubjectName>,
}

#[derive(Clone, PartialEq, Eq)]
pub enum Roots {
    System,
    /// Certificates of authorities, in DER. Never empty.
    Only(Vec<Arc<[u8]>>),
}

/// Whom a certificate is for (RFC 5280 §4.2.1.6).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub enum SubjectName {
    Dns(Arc<str>),
    Uri(Arc<str>),
}

impl ProviderKind {
    pub const ALL: [Self; 8] = [
        Self::OpenAi,
        Self::Anthropic,
        Self::Gemini,
        Self::Bedrock,
        Self::Azure,
        Self::AzureDeployment,
        Self::VertexAi,
        Self::Custom,
    ];
}

impl UpstreamTls {
    /// TLS that is verified in this way, under the endpoint's own name.
    pub fn new(verify: Verify) -> Self {
        Self {
            sni: None,
            verify,
            client: None,
        }
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let roots = match &self.roots {
            Roots::System => None,
            Roots::Only(authorities) => Some(authorities.len()),
        };
        f.debug_struct("Trust")
            .field("roots", &roots)
            .field("names", &self.names)
            .finish()
    }
}

/// By the names: equality looks at the rest.
impl Hash for Trust {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.names.hash(state);
    }
}

/// What a backend asks of the requests sent to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BackendPolicy {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// Who may ask it at all; on models only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization: Option<Arc<Authorization>>,
    /// Bound on one attempt until its response starts (and ends, unless it is a stream).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_timeout: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    /// `None` means that failures never take the backend out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ejection: Option<Ejection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transformation: Option<Arc<Transformation>>,
    /// Requests that belong together go to the same provider; on AI backends only. The first of a
    /// group says it for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sticky: Option<Sticky>,
    /// Of requests to models; on AI backends only.
    #[serde(skip_serializing_if = "Shaping::is_empty")]
    pub shaping: Shaping,
}

/// How a request proves itself to the backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Auth {
    /// The provider's own header carries this key; without a leading `Bearer `.
    Key(Secret),
    /// Requests are signed with a key of AWS.
    Aws(Box<AwsKey>),
    /// Requests are signed with a key that whoever the gateway is where it runs gets from AWS; the
    /// text is the region where signatures are good.
    AwsAmbient(Arc<str>),
    /// A token of Google's.
    Gcp(Box<GcpAuth>),
    /// A token of Microsoft's Entra.
    Azure(Box<AzureAuth>),
    /// What the client sent goes on unchanged.
    Passthrough,
    /// A key in a place of its own.
    KeyAt(Box<(Secret, KeyPlace)>),
    /// The key that the client sent, in another place.
    PassthroughAt(Box<KeyPlace>),
    /// Requests are signed with keys of a role that the gateway's own assumes.
    AwsRole(Box<AwsRole>),
}

/// Where a key goes on a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum KeyPlace {
    Header {
        name: FieldName,
        /// What stands before the key; empty where nothing does.
        prefix: Box<str>,
    },
    /// A parameter of the query.
    Query(Box<str>),
    Cookie(Box<str>),
}

/// A key of AWS, and where its signatures are good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AwsKey {
    pub id: Secret,
    pub secret: Secret,
    /// Of keys that expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Secret>,
    pub region: Arc<str>,
}

/// Active health checking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probe {
    pub interval: Duration,
    pub timeout: Duration,
}

/// When failures take a backend out, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ejection {
    /// Consecutive failures that eject.
    pub unhealthy_threshold: u32,
    /// Consecutive good probes that restore.
    pub healthy_threshold: u32,
    /// First ejection; doubles each time.
    pub base: Duration,
    pub max: Duration,
    /// True for responses that count as failures; `None` means 5xx, 429 and no response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unhealthy_condition: Option<Expression>,
}

impl Default for Ejection {
    fn default() -> Self {
        Self {
            unhealthy_threshold: 5,
            healthy_threshold: 1,
            base: Duration::from_secs(10),
            max: Duration::from_secs(300),
            unhealthy_condition: None,
        }
    }
}
