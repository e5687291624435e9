//! Who may pass: tokens, keys, passwords and what is decided by them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use agw_core::access::{
    Access, Action, ApiKeyAuthentication, ApiKeys, Authorization, BasicAuthentication, Demand,
    Issuer, Jwks, JwtAuthentication, KeySource, Location, User,
};
use agw_core::backend::Auth;
use agw_core::expr::Expression;
use agw_core::id::ObjectKey;
use agw_core::policy::TrafficPolicy;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::client::{HELLO, chat, send};
use super::gateway::{Gateway, Plan, ai, ai_with, key, plain};
use super::token_endpoint::{Say, TokenEndpoint};

const ISSUER: &str = "https://idp.example";

/// An issuer's key.
struct Signer {
    name: &'static str,
    pair: rcgen::KeyPair,
}

impl Signer {
    fn new(name: &'static str) -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        Self { name, pair }
    }

    fn jwks(&self) -> String {
        let point = self.pair.public_key_raw();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (x, y) = (part(&point[1..33]), part(&point[33..]));
        json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": self.name, "x": x, "y": y}]})
            .to_string()
    }

    fn sign(&self, claims: &Value) -> String {
        let header = Header {
            kid: Some(self.name.to_owned()),
            ..Header::new(Algorithm::ES256)
        };
        let key = EncodingKey::from_ec_der(&self.pair.serialize_der());
        encode(&header, claims, &key).unwrap()
    }
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_secs()
}

fn claims(more: &Value) -> Value {
    let mut claims = json!({"iss": ISSUER, "aud": "models", "sub": "alice", "exp": now() + 600});
    for (name, value) in more.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

fn tokens(demand: Demand, keys: KeySource) -> Access {
    Access {
        jwt: Some(Arc::new(JwtAuthentication {
            demand,
            location: Location::bearer(),
            issuers: vec![Issuer {
                name: ISSUER.into(),
                audiences: vec!["models".into()],
                keys,
            }],
        })),
        ..Access::default()
    }
}

fn inline(signer: &Signer) -> KeySource {
    KeySource::Inline(Arc::new(Jwks::parse(&signer.jwks()).unwrap()))
}

fn decided(action: Action, expressions: &[&str]) -> Vec<Arc<Authorization>> {
    let compiled = expressions.iter().map(|e| Expression::compile(e).unwrap());
    vec![Arc::new(Authorization {
        action,
        expressions: compiled.collect(),
    })]
}

fn policy(access: Access) -> TrafficPolicy {
    TrafficPolicy {
        access,
        ..TrafficPolicy::default()
    }
}

async fn guarded(access: Access) -> Gateway {
    Gateway::start(|mock| Plan {
        backends: vec![(ai("gpt-4o", mock), 1)],
        policy: policy(access),
        ..Plan::default()
    })
    .await
}

fn with(headers: &[(&'static str, &str)]) -> Request<Full<Bytes>> {
    let mut request = chat(HELLO);
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    request
}

async fn ask(gateway: &Gateway, headers: &[(&'static str, &str)]) -> (u16, String) {
    let answered = send(gateway.address, with(headers)).await;
    let told = match answered.status() {
        200 => String::new(),
        _ => answered.json()["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned(),
    };
    (answered.status(), told)
}

/// Tokens, the status that each gets, and a part of what is said about it.
fn attempts(signer: &Signer) -> Vec<(String, u16, &'static str)> {
    let stranger = Signer::new("k1");
    let good = signer.sign(&claims(&json!({})));
    let parts: Vec<&str> = good.split('.').collect();
    let forged = URL_SAFE_NO_PAD.encode(claims(&json!({"sub": "root"})).to_string());
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"k1"}"#);
    let mac = Header {
        kid: Some("k1".to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    let public = EncodingKey::from_secret(signer.pair.public_key_raw());
    let confused = encode(&mac, &claims(&json!({})), &public).unwrap();
    vec![
        (signer.sign(&claims(&json!({}))), 200, ""),
        (
            signer.sign(&claims(&json!({"aud": ["x", "models"]}))),
            200,
            "",
        ),
        (
            signer.sign(&claims(&json!({"sub": "bob"}))),
            403,
            "authorization failed",
        ),
        (
            signer.sign(&claims(&json!({"aud": "other"}))),
            401,
            "another audience",
        ),
        (
            signer.sign(&claims(&json!({"aud": null}))),
            401,
            "another audience",
        ),
        (
            signer.sign(&claims(&json!({"exp": now() - 3600}))),
            401,
            "has expired",
        ),
        (
            signer.sign(&claims(&json!({"exp": null}))),
            401,
            "when it ends",
        ),
        (
            signer.sign(&claims(&json!({"nbf": now() + 3600}))),
            401,
            "not yet valid",
        ),
        (
            signer.sign(&claims(&json!({"iss": "https://evil.example"}))),
            401,
            "unknown issuer",
        ),
        (
            signer.sign(&claims(&json!({"iss": null}))),
            401,
            "unknown issuer",
        ),
        (
            stranger.sign(&claims(&json!({}))),
            401,
            "signature is wrong",
        ),
        (
            Signer::new("k9").sign(&claims(&json!({}))),
            401,
            r#"uses the unknown key "k9""#,
        ),
        (
            format!("{}.{forged}.{}", parts[0], parts[2]),
            401,
            "signature is wrong",
        ),
        (format!("{none}.{}.", parts[1]), 401, "malformed"),
        (format!("{none}.{forged}.{}", parts[2]), 401, "malformed"),
        (confused, 401, "algorithm is none of its key"),
        (
            format!("{}.{}.", parts[0], parts[1]),
            401,
            "signature is wrong",
        ),
        (parts[..2].join("."), 401, "malformed"),
        ("nonsense".to_owned(), 401, "malformed"),
        ("a".repeat(20_000), 401, "malformed"),
    ]
}

#[tokio::test]
async fn only_good_tokens_pass_and_none_goes_on() {
    let signer = Signer::new("k1");
    let mut access = tokens(Demand::Strict, inline(&signer));
    access.authorization = decided(Action::Allow, &[r#"jwt.sub == "alice""#]);
    let gateway = guarded(access).await;
    let good = signer.sign(&claims(&json!({})));
    let table = attempts(&signer);
    for (token, status, told) in &table {
        let got = ask(&gateway, &[("authorization", &format!("Bearer {token}"))]).await;
        assert_eq!(got.0, *status, "{told}: {got:?}");
        assert!(got.1.contains(told), "{told}: {got:?}");
    }
    let none = send(gateway.address, with(&[])).await;
    assert_eq!(none.status(), 401);
    assert_eq!(none.response.headers()["www-authenticate"], "Bearer");
    assert_eq!(
        none.json()["error"]["message"],
        "authentication failure: no bearer token found"
    );
    let bearer = format!("Bearer {good}");
    let twice = [("authorization", &*bearer), ("authorization", &*bearer)];
    assert_eq!(ask(&gateway, &twice).await.0, 401);
    let lines = gateway.log(table.len() + 2).await;
    let reasons: std::collections::BTreeSet<_> =
        lines.iter().filter_map(|l| l["reason"].as_str()).collect();
    assert_eq!(Vec::from_iter(reasons), ["forbidden", "unauthenticated"]);
    for request in gateway.mock.requests() {
        let asked = serde_json::to_value(request).unwrap();
        assert_eq!(asked["headers"]["authorization"], Value::Null, "{asked}");
    }
    assert_eq!(gateway.mock.requests().len(), 2);
    gateway.stop().await;
}

#[tokio::test]
async fn what_is_not_demanded_is_not_refused() {
    let signer = Signer::new("k1");
    let good = format!("Bearer {}", signer.sign(&claims(&json!({}))));
    for (demand, missing, bad) in [
        (Demand::Strict, 401, 401),
        (Demand::Optional, 200, 401),
        (Demand::Permissive, 200, 200),
    ] {
        let gateway = guarded(tokens(demand, inline(&signer))).await;
        assert_eq!(ask(&gateway, &[]).await.0, missing, "{demand:?}");
        let wrong = [("authorization", "Bearer nonsense")];
        assert_eq!(ask(&gateway, &wrong).await.0, bad, "{demand:?}");
        let right = [("authorization", &*good)];
        assert_eq!(ask(&gateway, &right).await.0, 200, "{demand:?}");
        gateway.stop().await;
    }
}

#[tokio::test]
async fn published_keys_are_fetched_kept_and_followed() {
    let (old, new) = (Signer::new("k1"), Signer::new("k2"));
    let idp = TokenEndpoint::start([
        Say::This(500, String::new()),
        Say::This(200, old.jwks()),
        Say::This(200, new.jwks()),
    ])
    .await;
    let access = tokens(
        Demand::Strict,
        KeySource::Remote {
            backend: key("idp"),
            path: "/keys".into(),
            lifetime: Duration::from_secs(2),
        },
    );
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![
            (ai("gpt-4o", mock), 1),
            (
                plain("idp", idp.address, agw_core::backend::AppProtocol::Http1),
                0,
            ),
        ],
        policy: policy(access),
        ..Plan::default()
    })
    .await;
    let of = |signer: &Signer| format!("Bearer {}", signer.sign(&claims(&json!({}))));
    let ask = |token: String| {
        let gateway = &gateway;
        async move { ask(gateway, &[("authorization", &token)]).await }
    };
    // An issuer that cannot be asked lets nobody pass, and it is nobody's fault.
    let (status, told) = ask(of(&old)).await;
    assert_eq!(
        (status, told.as_str()),
        (503, "the credentials cannot be checked now")
    );
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(ask(of(&old)).await.0, 200);
    assert_eq!(ask(of(&old)).await.0, 200);
    assert_eq!(idp.asked().len(), 2, "keys are kept");
    // A new key is not asked for at once again: the keys are a moment old.
    assert_eq!(ask(of(&new)).await.0, 401);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(ask(of(&new)).await.0, 200);
    assert_eq!(ask(of(&old)).await.0, 401);
    assert!(idp.asked()[0].line.starts_with("GET /keys "));
    gateway.stop().await;
}

fn api_keys(known: &[(&str, Value)]) -> Arc<ApiKeyAuthentication> {
    let digest = |key: &str| <[u8; 32]>::from(Sha256::digest(key));
    let keys = known
        .iter()
        .map(|(key, known)| (digest(key), Arc::new(known.as_object().unwrap().clone())));
    Arc::new(ApiKeyAuthentication {
        demand: Demand::Strict,
        location: Location::bearer(),
        keys: Arc::new(ApiKeys(keys.collect::<BTreeMap<_, _>>())),
    })
}

#[tokio::test]
async fn keys_are_known_and_say_who_has_them() {
    let access = Access {
        api_key: Some(api_keys(&[
            ("k-gold", json!({"tier": "gold"})),
            ("k-tin", json!({"tier": "tin"})),
        ])),
        authorization: decided(Action::Require, &[r#"apiKey.tier == "gold""#]),
        ..Access::default()
    };
    let gateway = guarded(access).await;
    for (authorization, status, told) in [
        (Some("Bearer k-gold"), 200, ""),
        (Some("bearer k-gold"), 200, ""),
        (Some("Bearer k-tin"), 403, "authorization failed"),
        (
            Some("Bearer k-goldx"),
            401,
            "api key authentication failure: the API Key is not known",
        ),
        (
            Some("Basic k-gold"),
            401,
            "api key authentication failure: no API Key found",
        ),
        (
            None,
            401,
            "api key authentication failure: no API Key found",
        ),
    ] {
        let headers = authorization.map(|value| ("authorization", value));
        let got = ask(&gateway, headers.as_slice()).await;
        assert_eq!(got, (status, told.to_owned()), "{authorization:?}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn passwords_are_asked_for_and_checked() {
    let users = ["alice:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="].map(|l| User::parse(l).unwrap());
    let access = Access {
        basic: Some(Arc::new(BasicAuthentication {
            demand: Demand::Strict,
            realm: "models".into(),
            users: users.to_vec(),
        })),
        authorization: decided(Action::Allow, &[r#"basicAuth.username == "alice""#]),
        ..Access::default()
    };
    let gateway = guarded(access).await;
    let pair = |text: &str| format!("Basic {}", STANDARD.encode(text));
    for (pair, status) in [
        (pair("alice:password"), 200),
        (pair("alice:Password"), 401),
        (pair("bob:password"), 401),
        ("Basic nonsense".to_owned(), 401),
        ("Bearer x".to_owned(), 401),
    ] {
        let got = ask(&gateway, &[("authorization", &pair)]).await;
        assert_eq!(got.0, status, "{pair}: {got:?}");
    }
    let none = send(gateway.address, with(&[])).await;
    assert_eq!(
        none.response.headers()["www-authenticate"],
        r#"Basic realm="models", charset="UTF-8""#
    );
    gateway.stop().await;
}

#[tokio::test]
async fn a_backend_that_asks_for_the_clients_key_gets_it() {
    let access = Access {
        api_key: Some(api_keys(&[("k-gold", json!({}))])),
        ..Access::default()
    };
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![(
            ai_with("gpt-4o", mock, |p| p.policy.auth = Some(Auth::Passthrough)),
            1,
        )],
        policy: policy(access),
        ..Plan::default()
    })
    .await;
    assert_eq!(
        ask(&gateway, &[("authorization", "Bearer k-gold")]).await.0,
        200
    );
    let asked = serde_json::to_value(gateway.mock.requests().last().unwrap()).unwrap();
    // The mock shows of a credential only that it came.
    assert_eq!(asked["headers"]["authorization"], "REDACTED");
    gateway.stop().await;
}

#[tokio::test]
async fn nobody_passes_where_the_policy_is_not_valid() {
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![(ai("gpt-4o", mock), 1)],
        policy: TrafficPolicy {
            refused: Some("AgentgatewayPolicy ns/a is not valid".into()),
            ..TrafficPolicy::default()
        },
        ..Plan::default()
    })
    .await;
    assert_eq!(send(gateway.address, chat(HELLO)).await.status(), 500);
    assert_eq!(gateway.log(1).await[0]["reason"], "broken_route");
    assert!(gateway.mock.requests().is_empty());
    gateway.stop().await;
}

#[tokio::test]
async fn a_listeners_policy_is_in_force_on_it_alone() {
    use super::gateway::{listener, refused, routed};
    use agw_core::id::RouteKind;
    use agw_core::listener::Protocol;
    let other = refused();
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![(ai("gpt-4o", mock), 1)],
        ..Plan::default()
    })
    .await;
    let mut guarded = listener("guarded", other.port(), Protocol::Http, "");
    guarded.policy = policy(Access {
        authorization: decided(Action::Deny, &["true"]),
        ..Access::default()
    });
    let open = listener("open", gateway.address.port(), Protocol::Http, "");
    let backends = [(ai("gpt-4o", gateway.mock_address), 1)];
    let mut config = routed(vec![open, guarded], &[("open", RouteKind::Http, &backends)]);
    let mut route = (*config.routes[0]).clone();
    route.listeners.push("guarded".into());
    route.key = ObjectKey::new("ns", "both");
    config.routes = vec![Arc::new(route)];
    gateway.put(2, config).await;
    assert_eq!(send(gateway.address, chat(HELLO)).await.status(), 200);
    assert_eq!(send(other, chat(HELLO)).await.status(), 403);
    gateway.stop().await;
}
