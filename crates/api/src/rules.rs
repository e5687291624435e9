//! What contradicts itself in an object, in CEL: the API server refuses it.
//!
//! `agw-translate` decides the same without the API server, for files and for objects that are
//! older than a rule. A rule costs little at its worst, or the API server refuses the definition:
//! lists and texts that it walks are bounded.

use serde::Serialize;

/// A rule, as a definition writes it under `x-kubernetes-validations`.
#[derive(Debug, Serialize)]
pub(crate) struct Rule {
    rule: &'static str,
    message: &'static str,
}

const fn rule(rule: &'static str, message: &'static str) -> Rule {
    Rule { rule, message }
}

/// Of an `AgentgatewayBackend`.
pub(crate) const BACKEND: &[Rule] = &[rule(
    "has(self.ai) != has(self.static)",
    "a backend is either `ai` or `static`: write exactly one of the two",
)];

/// Of `ai`.
pub(crate) const AI: &[Rule] = &[rule(
    "has(self.provider) != (has(self.groups) && size(self.groups) > 0)",
    "an AI backend has either `provider` or `groups`: write exactly one of the two",
)];

/// Of a provider, alone or in a group.
pub(crate) const PROVIDER: &[Rule] = &[
    rule(
        "[has(self.openai), has(self.anthropic), has(self.gemini), has(self.vertexai), has(self.bedrock), has(self.azure), has(self.azureopenai), has(self.custom)].filter(p, p).size() <= 1",
        "two providers in one entry: keep one of `openai`, `anthropic`, `gemini`, `vertexai`, `bedrock`, `azure`, `azureopenai` and `custom`",
    ),
    rule(
        "!has(self.port) || has(self.host)",
        "`port` without `host`: write the host too",
    ),
    rule(
        "!(has(self.path) && has(self.pathPrefix))",
        "`path` and `pathPrefix` exclude each other",
    ),
    rule(
        "!has(self.custom) || has(self.host) != has(self.custom.backendRef)",
        "`custom` has either `host` or a `backendRef`: write where the server is",
    ),
    rule(
        "!has(self.custom) || !(has(self.path) || has(self.pathPrefix)) || !self.custom.formats.exists(f, has(f.path))",
        "`path` and `pathPrefix` exclude paths of `custom.formats`",
    ),
];

/// Of `custom.backendRef`.
pub(crate) const SERVICE_REF: &[Rule] = &[
    rule(
        "(!has(self.group) || self.group == '') && (!has(self.kind) || self.kind == 'Service')",
        "a provider is a Service: an InferencePool is not served",
    ),
    rule("has(self.port)", "a Service is referred to with its `port`"),
];

/// Of one of `custom.formats`.
pub(crate) const CUSTOM_FORMAT: &[Rule] = &[rule(
    "!has(self.path) || self.path.startsWith('/')",
    "`path` starts with `/`",
)];

/// Of `azureopenai`.
pub(crate) const AZURE: &[Rule] = &[rule(
    "!has(self.apiVersion) || self.apiVersion == 'v1' || has(self.deploymentName)",
    "`deploymentName` is needed for this `apiVersion`",
)];

const PROJECT: Rule = rule(
    "(self.resourceType == 'Foundry') == has(self.projectName)",
    "`projectName` belongs to `resourceType: Foundry`, which needs it",
);

const FOUNDRY_VERSION: Rule = rule(
    "self.resourceType != 'Foundry' || !has(self.apiVersion) || self.apiVersion == 'v1'",
    "a project of Foundry has version `v1` of the API alone",
);

/// Of `azure` of a model.
pub(crate) const AZURE_RESOURCE: &[Rule] = &[PROJECT, FOUNDRY_VERSION];

/// Of `azure` of a provider.
pub(crate) const AZURE_BY_NAME: &[Rule] = &[
    PROJECT,
    FOUNDRY_VERSION,
    rule(
        "!has(self.apiVersion) || self.apiVersion == 'v1' || has(self.model)",
        "`model` is needed for this `apiVersion`",
    ),
];

/// Of `policies.auth.location`.
pub(crate) const KEY_LOCATION: &[Rule] = &[rule(
    "[has(self.header), has(self.queryParameter), has(self.cookie)].filter(x, x).size() == 1",
    "`location` is one of `header`, `queryParameter` and `cookie`",
)];

/// Of `policies.auth.aws`.
pub(crate) const AWS: &[Rule] = &[rule(
    "!(has(self.secretRef) && has(self.assumeRole))",
    "`secretRef` and `assumeRole` exclude each other",
)];

/// Of `policies.auth.aws.assumeRole`.
pub(crate) const ASSUME_ROLE: &[Rule] = &[rule(
    "!has(self.sessionNameExpression)",
    "`sessionNameExpression` is not served: one session is for all requests",
)];

/// Of one of its tags.
pub(crate) const SESSION_TAG: &[Rule] = &[
    rule(
        "!has(self.expression)",
        "`expression` of a tag is not served: one session is for all requests",
    ),
    rule(
        "has(self.value) || has(self.expression)",
        "a tag has a `value`",
    ),
];

/// Of `policies.auth`.
pub(crate) const AUTH: &[Rule] = &[
    rule(
        "!has(self.location) || has(self.secretRef) || has(self.key) || has(self.passthrough)",
        "`location` is of `secretRef`, `key` and `passthrough`",
    ),
    rule(
        "[has(self.secretRef), has(self.key), has(self.passthrough), has(self.aws), has(self.gcp), has(self.azure)].filter(x, x).size() <= 1",
        "`secretRef`, `key`, `passthrough`, `aws`, `gcp` and `azure` exclude each other",
    ),
];

/// Of `policies.auth.gcp`.
pub(crate) const GCP: &[Rule] = &[rule(
    "!has(self.audience) || (has(self.type) && self.type == 'IdToken')",
    "`audience` is of ID tokens: write `type: IdToken`",
)];

/// Of `policies.auth.azure`.
pub(crate) const AZURE_AUTH: &[Rule] = &[rule(
    "[has(self.secretRef), has(self.managedIdentity), has(self.workloadIdentity)].filter(x, x).size() <= 1",
    "`secretRef`, `managedIdentity` and `workloadIdentity` exclude each other",
)];

/// Of `policies.auth.azure.managedIdentity`.
pub(crate) const AZURE_IDENTITY: &[Rule] = &[rule(
    "[has(self.clientId), has(self.objectId), has(self.resourceId)].filter(x, x).size() <= 1",
    "`clientId`, `objectId` and `resourceId` exclude each other",
)];

/// Of a policy of either dialect.
pub(crate) const POLICY: &[Rule] = &[
    rule(
        "(has(self.targetRefs) && size(self.targetRefs) > 0) || (has(self.targetSelectors) && size(self.targetSelectors) > 0)",
        "the policy has no target: write `targetRefs` or `targetSelectors`",
    ),
    rule(
        "!(has(self.targetRefs) && size(self.targetRefs) > 0 && has(self.targetSelectors) && size(self.targetSelectors) > 0)",
        "`targetRefs` and `targetSelectors` exclude each other",
    ),
    rule(
        "has(self.traffic) || has(self.backend)",
        "the policy asks for nothing: write `traffic` or `backend`",
    ),
    rule(
        "!has(self.traffic) || !has(self.targetRefs) || self.targetRefs.all(t, t.kind != 'AgentgatewayBackend')",
        "`traffic` does not apply to backends: target a Gateway or HTTPRoute",
    ),
    rule(
        "!has(self.backend) || !has(self.targetRefs) || [has(self.backend.auth), has(self.backend.timeout), has(self.backend.http), has(self.backend.retry), has(self.backend.healthCheck), has(self.backend.health), has(self.backend.tls), has(self.backend.transformation)].all(x, !x) || self.targetRefs.all(t, t.kind == 'AgentgatewayBackend')",
        "`backend` but for `backend.ai` applies to AgentgatewayBackends only",
    ),
    rule(
        "!has(self.traffic) || !has(self.traffic.phase) || self.traffic.phase != 'PreRouting' || !has(self.targetRefs) || self.targetRefs.all(t, t.kind == 'Gateway')",
        "`phase: PreRouting` cannot run on routes: the route is chosen by then",
    ),
    rule(
        "!has(self.traffic) || !has(self.targetSelectors) || self.targetSelectors.all(t, t.kind != 'AgentgatewayBackend')",
        "`traffic` does not apply to backends: target a Gateway or HTTPRoute",
    ),
    rule(
        "!has(self.backend) || !has(self.targetSelectors) || [has(self.backend.auth), has(self.backend.timeout), has(self.backend.http), has(self.backend.retry), has(self.backend.healthCheck), has(self.backend.health), has(self.backend.tls), has(self.backend.transformation)].all(x, !x) || self.targetSelectors.all(t, t.kind == 'AgentgatewayBackend')",
        "`backend` but for `backend.ai` applies to AgentgatewayBackends only",
    ),
    rule(
        "!has(self.traffic) || !has(self.traffic.phase) || self.traffic.phase != 'PreRouting' || !has(self.targetSelectors) || self.targetSelectors.all(t, t.kind == 'Gateway')",
        "`phase: PreRouting` cannot run on routes: the route is chosen by then",
    ),
];

/// Of an `AgentgatewayModel`.
pub(crate) const MODEL: &[Rule] = &[
    rule(
        "has(self.provider) != has(self.virtualModel)",
        "a model has either `provider` or `virtualModel`: write exactly one of the two",
    ),
    rule(
        "has(self.provider) || !has(self.baseURL)",
        "`baseURL` requires `provider`",
    ),
    rule(
        "!has(self.virtualModel) || !has(self.policies)",
        "policies are those of the models that it stands for",
    ),
    rule(
        "!has(self.virtualModel) || !has(self.visibility) || self.visibility != 'Internal'",
        "a virtual model is for clients: it is public",
    ),
    rule(
        "!has(self.virtualModel) || !has(self.match) || !has(self.match.model) || !self.match.model.contains('*')",
        "a virtual model has an exact name",
    ),
    rule(
        "!has(self.provider) || self.provider != 'Ollama' || has(self.baseURL)",
        "Ollama has no address of its own: write `baseURL`",
    ),
    rule(
        "has(self.azure) == (has(self.provider) && self.provider == 'Azure')",
        "`azure` belongs to `provider: Azure`, which needs it",
    ),
    rule(
        "!has(self.bedrock) || (has(self.provider) && self.provider == 'Bedrock')",
        "`bedrock` belongs to `provider: Bedrock`",
    ),
    rule(
        "has(self.vertexai) == (has(self.provider) && self.provider == 'VertexAI')",
        "`vertexai` belongs to `provider: VertexAI`, which needs it",
    ),
    rule(
        "has(self.custom) == (has(self.provider) && self.provider == 'Custom')",
        "`custom` belongs to `provider: Custom`, which needs it",
    ),
    rule(
        "!has(self.custom) || has(self.baseURL) != has(self.custom.backendRef)",
        "a custom provider has either `baseURL` or a `backendRef`: write where the server is",
    ),
];

/// Of `loadBalancing.sticky`.
pub(crate) const STICKY: &[Rule] = &[rule(
    "[has(self.header), has(self.cookie), has(self.expression)].filter(x, x).size() == 1",
    "requests belong together by one thing: write exactly one of `header`, `cookie` and `expression`",
)];

/// Of `policies` of a model.
pub(crate) const MODEL_POLICIES: &[Rule] = &[rule(
    "!has(self.tunnel)",
    "`tunnel` is not served on a model",
)];

/// Of `match` of a model.
pub(crate) const MODEL_MATCH: &[Rule] = &[rule(
    "!has(self.model) || !self.model.contains('*') || self.model.matches('^([*][^*]*|[^*]*[*])$')",
    "write `*`, a suffix like `gpt-*`, or a prefix like `*-latest`",
)];

/// Of `virtualModel`.
pub(crate) const VIRTUAL_MODEL: &[Rule] = &[rule(
    "[has(self.weighted), has(self.failover), has(self.conditional)].filter(x, x).size() == 1",
    "a virtual model is one of `weighted`, `failover` and `conditional`: write exactly one of them",
)];

/// Of `virtualModel.conditional.targets`.
pub(crate) const CONDITIONAL: &[Rule] = &[rule(
    "self.filter(t, !has(t.when)).size() == 0 || (self.filter(t, !has(t.when)).size() == 1 && !has(self[size(self) - 1].when))",
    "only the last target may be without `when`",
)];

/// Of a target, by name or by label.
pub(crate) const TARGET: &[Rule] = &[rule(
    "(self.group == 'gateway.networking.k8s.io' && self.kind in ['Gateway', 'HTTPRoute', 'GRPCRoute']) || (self.group == 'agentgateway.dev' && self.kind == 'AgentgatewayBackend')",
    "policies target a Gateway, an HTTPRoute, a GRPCRoute or an AgentgatewayBackend",
)];

/// Of `traffic` in either dialect.
pub(crate) const TRAFFIC: &[Rule] = &[rule(
    "!has(self.phase) || self.phase != 'PreRouting' || [has(self.timeouts), has(self.retry), has(self.rateLimit), has(self.csrf), has(self.delay), has(self.headerModifiers), has(self.directResponse)].all(x, !x)",
    "before routing there are authentication, authorization, cors and transformation: put the rest into a policy of its own",
)];

/// Of `shutdown`.
pub(crate) const SHUTDOWN: &[Rule] = &[rule(
    "!has(self.min) || !has(self.max) || self.min <= self.max",
    "`min` is longer than `max`",
)];

/// Of `horizontalPodAutoscaler.spec`.
pub(crate) const AUTOSCALER: &[Rule] = &[rule(
    "(has(self.minReplicas) ? self.minReplicas : 1) <= self.maxReplicas",
    "`minReplicas` is more than `maxReplicas`",
)];

/// Of `podDisruptionBudget.spec`.
pub(crate) const DISRUPTION_BUDGET: &[Rule] = &[rule(
    "has(self.minAvailable) != has(self.maxUnavailable)",
    "a budget has either `minAvailable` or `maxUnavailable`: write exactly one of the two",
)];

/// Of `service.spec`.
pub(crate) const SERVICE: &[Rule] = &[rule(
    "!has(self.type) || self.type != 'ClusterIP' || !has(self.ports) || self.ports.all(p, !has(p.nodePort))",
    "a Service of type `ClusterIP` has no `nodePort`",
)];

/// Of `jwks`.
pub(crate) const JWKS: &[Rule] = &[rule(
    "has(self.inline) != has(self.remote)",
    "keys are either `inline` or `remote`: write exactly one of the two",
)];

/// Of `location`.
pub(crate) const LOCATION: &[Rule] = &[rule(
    "[has(self.header), has(self.queryParameter), has(self.cookie), has(self.expression)].filter(x, x).size() == 1",
    "a credential has one place: write exactly one of `header`, `queryParameter`, `cookie` and `expression`",
)];

/// Of `apiKeyAuthentication`.
pub(crate) const API_KEYS: &[Rule] = &[rule(
    "[has(self.secretRef), has(self.secretSelector), has(self.configMapSelector)].filter(x, x).size() == 1",
    "write exactly one of `secretRef`, `secretSelector` and `configMapSelector`",
)];

/// Of `basicAuthentication`.
pub(crate) const BASIC: &[Rule] = &[rule(
    "(has(self.users) && size(self.users) > 0) != has(self.secretRef)",
    "write exactly one of `users` and `secretRef`",
)];

/// Of `extAuth`.
pub(crate) const EXT_AUTH: &[Rule] = &[
    rule(
        "has(self.conditional) && size(self.conditional) > 0 ? [has(self.backendRef), has(self.url), has(self.grpc), has(self.http), has(self.forwardBody), has(self.failureMode), has(self.cache)].all(x, !x) : has(self.backendRef) != has(self.url)",
        "write exactly one of `backendRef`, `url` and `conditional`, which excludes the other fields",
    ),
    rule(
        "(has(self.conditional) && size(self.conditional) > 0) || has(self.grpc) != has(self.http)",
        "a server is asked by either `grpc` or `http`: write exactly one of the two",
    ),
    AUTH_BODY,
    AUTH_URL,
    AUTH_PATH,
];

/// Of `extAuth.conditional[].policy`.
pub(crate) const ONE_AUTH: &[Rule] = &[
    rule(
        "has(self.backendRef) != has(self.url)",
        "a server is at either `backendRef` or `url`: write exactly one of the two",
    ),
    rule(
        "has(self.grpc) != has(self.http)",
        "a server is asked by either `grpc` or `http`: write exactly one of the two",
    ),
    AUTH_BODY,
    AUTH_URL,
    AUTH_PATH,
];

const AUTH_BODY: Rule = rule(
    "!(has(self.forwardBody) && has(self.http) && has(self.http.body))",
    "`forwardBody` and `http.body` exclude each other",
);

const AUTH_URL: Rule = rule(
    "!has(self.url) || !self.url.matches('^https?://[^/?#]+/') || has(self.http)",
    "a path in `url` is for `http` only",
);

const AUTH_PATH: Rule = rule(
    "!has(self.url) || !self.url.matches('^https?://[^/?#]+/') || !has(self.http) || !has(self.http.path)",
    "the path in `url` and `http.path` exclude each other",
);

/// Of `rateLimit`.
pub(crate) const RATE_LIMIT: &[Rule] = &[rule(
    "((has(self.local) && size(self.local) > 0) || has(self.global)) != (has(self.conditional) && size(self.conditional) > 0)",
    "write `local` and `global`, or `conditional`",
)];

/// Of `rateLimit.conditional[].policy`.
pub(crate) const RATE_LIMITS: &[Rule] = &[rule(
    "(has(self.local) && size(self.local) > 0) || has(self.global)",
    "there is no limit: write `local` or `global`",
)];

/// Of `rateLimit.global`.
pub(crate) const GLOBAL_LIMIT: &[Rule] = &[
    rule(
        "has(self.backendRef) != has(self.url)",
        "a server is at either `backendRef` or `url`: write exactly one of the two",
    ),
    rule(
        "self.descriptors.all(d, has(d.limit) == has(self.redis))",
        "with `redis` each descriptor has its `limit`, and without it none",
    ),
    rule(
        "!has(self.url) || self.url.startsWith('redis') == has(self.redis)",
        "a `url` is `redis://` or `rediss://` with `redis`, and `http://` or `https://` without",
    ),
];

/// Of one of `rateLimit.local`.
pub(crate) const LOCAL_LIMIT: &[Rule] = &[rule(
    "has(self.requests) != has(self.tokens)",
    "a limit is of either `requests` or `tokens`: write exactly one of the two",
)];

/// Of `directResponse`.
pub(crate) const DIRECT_RESPONSE: &[Rule] = &[
    rule(
        "has(self.status) != (has(self.conditional) && size(self.conditional) > 0)",
        "write `status`, or answers in `conditional`",
    ),
    rule(
        "has(self.status) || !(has(self.body) || has(self.bodyExpression) || has(self.headers))",
        "`conditional` excludes the other fields",
    ),
    rule(
        "!(has(self.body) && has(self.bodyExpression))",
        "`body` and `bodyExpression` exclude each other",
    ),
];

/// Of an answer in `directResponse.conditional`.
pub(crate) const RESPONSE_BODY: &[Rule] = &[rule(
    "!(has(self.body) && has(self.bodyExpression))",
    "`body` and `bodyExpression` exclude each other",
)];

/// Of `promptGuard`.
pub(crate) const PROMPT_GUARD: &[Rule] = &[rule(
    "(has(self.request) && size(self.request) > 0) || (has(self.response) && size(self.response) > 0)",
    "`promptGuard` guards nothing: write `request` or `response`",
)];

/// Of one of `promptGuard.request`.
pub(crate) const REQUEST_GUARD: &[Rule] = &[rule(
    "[has(self.regex), has(self.webhook), has(self.openAIModeration), has(self.bedrockGuardrails), has(self.googleModelArmor)].filter(x, x).size() == 1",
    "a guard has one way to look: write exactly one of `regex` and `webhook`",
)];

/// Of one of `promptGuard.response`.
pub(crate) const RESPONSE_GUARD: &[Rule] = &[rule(
    "[has(self.regex), has(self.webhook), has(self.bedrockGuardrails), has(self.googleModelArmor)].filter(x, x).size() == 1",
    "a guard has one way to look: write exactly one of `regex` and `webhook`",
)];

/// Of `traffic.transformation`.
pub(crate) const TRANSFORMATION: &[Rule] = &[rule(
    "!(has(self.conditional) && size(self.conditional) > 0) || !(has(self.request) || has(self.response))",
    "`conditional` excludes `request` and `response`",
)];
