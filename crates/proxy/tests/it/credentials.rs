//! Credentials that are fetched, by real requests to a token endpoint.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use agw_core::backend::{
    AiBackend, AiProvider, Auth, Backend, BackendTarget, KeyPlace, ProviderKind,
};
use agw_core::cloud::{
    AwsRole, AzureAuth, AzureClient, GcpAuth, GcpIdentity, GcpToken, ManagedIdentity,
    ServiceAccount,
};
use agw_core::header::FieldName;
use agw_core::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_RSA_SHA256, PublicKeyData, RsaKeySize};
use rustls::SignatureScheme;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::client::{HELLO, chat, send};
use crate::gateway::{Gateway, Plan, ai_with, key};
use crate::token_endpoint::{Say, TokenEndpoint};

fn token(name: &str, seconds: u64) -> Say {
    let body = json!({"access_token": name, "expires_in": seconds, "token_type": "Bearer"});
    Say::This(200, body.to_string())
}

/// What the mock notes of a credential.
fn mark(credential: &str) -> String {
    let hash = Sha256::digest(credential);
    let digits = hash.iter().take(6).map(|byte| format!("{byte:02x}"));
    digits.collect()
}

/// What each request to the mock proved itself with.
fn seen(gateway: &Gateway) -> Vec<Option<String>> {
    let requests = gateway.mock.requests();
    let of = |r: agw_mock_provider::RequestRecord| r.authorization_sha;
    requests.into_iter().map(of).collect()
}

fn rsa() -> KeyPair {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap()
}

fn account(key: &KeyPair, token_uri: String) -> Auth {
    Auth::Gcp(Box::new(GcpAuth {
        identity: GcpIdentity::ServiceAccount(Box::new(ServiceAccount {
            email: "agw@p.iam.gserviceaccount.com".into(),
            key_id: Some("k-1".into()),
            key: Secret::new(key.serialize_pem()),
            token_uri: token_uri.into(),
        })),
        token: GcpToken::Access,
    }))
}

fn proves(provider: &mut AiProvider, auth: Auth) {
    provider.policy.auth = Some(auth);
}

/// Everything to a model whose requests prove themselves so.
fn only(auth: Auth) -> impl FnOnce(SocketAddr) -> Plan {
    move |mock| Plan {
        backends: vec![(ai_with("m", mock, |p| proves(p, auth.clone())), 1)],
        ..Plan::default()
    }
}

/// A model that has no credential of its own stands by for one that must fetch it.
fn with_standby(auth: Auth) -> impl FnOnce(SocketAddr) -> Plan {
    move |mock| {
        let provider = |name: &str, auth: Auth| {
            let backend = ai_with(name, mock, |p| proves(p, auth.clone()));
            match &backend.target {
                BackendTarget::Ai(ai) => ai.groups[0].clone(),
                BackendTarget::Endpoints(_) => panic!("an AI backend"),
            }
        };
        let standby = Auth::Key(Secret::new("standby"));
        let groups = vec![provider("first", auth), provider("standby", standby)];
        let target = BackendTarget::Ai(AiBackend {
            groups,
            routes: vec![],
        });
        let backend = Backend {
            key: key("both"),
            target,
        };
        Plan {
            backends: vec![(Arc::new(backend), 1)],
            ..Plan::default()
        }
    }
}

fn claims(assertion: &str, key: &KeyPair) -> (Value, Value) {
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let known = provider.signature_verification_algorithms.mapping;
    let (_, algorithms) = known
        .iter()
        .find(|(scheme, _)| *scheme == SignatureScheme::RSA_PKCS1_SHA256)
        .unwrap();
    let genuine = algorithms.iter().any(|algorithm| {
        let verified = algorithm.verify_signature(key.der_bytes(), signed.as_bytes(), &signature);
        verified.is_ok()
    });
    assert!(genuine, "the signature is not the key's");
    let part = |text: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
    let (head, claims) = signed.split_once('.').unwrap();
    (part(head), part(claims))
}

#[tokio::test]
async fn the_clients_credential_reaches_a_provider_only_if_its_manifest_says_so() {
    let with = |auth: Option<Auth>| {
        move |mock| Plan {
            backends: vec![(ai_with("m", mock, |p| p.policy.auth = auth.clone()), 1)],
            ..Plan::default()
        }
    };
    let ask = || {
        let mut request = chat(HELLO);
        for name in ["x-api-key", "api-key", "x-goog-api-key", "cookie"] {
            request.headers_mut().insert(name, "mine".parse().unwrap());
        }
        let bearer = "Bearer client".parse().unwrap();
        request.headers_mut().insert("authorization", bearer);
        request
    };
    let gateway = Gateway::start(with(None)).await;
    let answered = send(gateway.address, ask()).await;
    assert_eq!(answered.status(), 200, "{}", answered.text());
    let found = gateway.mock.requests().remove(0).credentials;
    assert!(found.is_empty(), "{found:?}");
    gateway
        .apply(2, with(Some(Auth::Passthrough))(gateway.mock_address))
        .await;
    send(gateway.address, ask()).await;
    assert_eq!(seen(&gateway)[1], Some(mark("client")));
    gateway.stop().await;
}

#[tokio::test]
async fn a_service_account_gets_one_token_however_many_ask() {
    let endpoint = TokenEndpoint::start([token("ya29.first", 3600)]).await;
    let key = rsa();
    let url = endpoint.url("/token");
    let gateway = Gateway::start(only(account(&key, url.clone()))).await;
    let asks = (0..20).map(|_| send(gateway.address, chat(HELLO)));
    for answered in futures_util::future::join_all(asks).await {
        assert_eq!(answered.status(), 200, "{}", answered.text());
    }
    let asked = endpoint.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0].line, "POST /token HTTP/1.1");
    let grant = asked[0].field("grant_type").unwrap();
    assert_eq!(grant, "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let (head, claims) = claims(&asked[0].field("assertion").unwrap(), &key);
    assert_eq!(head, json!({"alg": "RS256", "typ": "JWT", "kid": "k-1"}));
    assert_eq!(claims["iss"], "agw@p.iam.gserviceaccount.com");
    assert_eq!(claims["aud"], url);
    assert_eq!(
        claims["scope"],
        "https://www.googleapis.com/auth/cloud-platform"
    );
    let (issued, ends) = (claims["iat"].as_u64(), claims["exp"].as_u64());
    assert_eq!(ends.unwrap() - issued.unwrap(), 3600);
    assert_eq!(seen(&gateway), vec![Some(mark("ya29.first")); 20]);
    // A new configuration does not lose it.
    gateway
        .apply(2, only(account(&key, url))(gateway.mock_address))
        .await;
    send(gateway.address, chat(HELLO)).await;
    assert_eq!(endpoint.asked().len(), 1);
    gateway.stop().await;
}

#[tokio::test]
async fn a_token_that_ends_is_replaced() {
    let endpoint = TokenEndpoint::start([token("one", 1), token("two", 3600)]).await;
    let gateway = Gateway::start(only(account(&rsa(), endpoint.url("/")))).await;
    send(gateway.address, chat(HELLO)).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    send(gateway.address, chat(HELLO)).await;
    assert_eq!(seen(&gateway), [Some(mark("one")), Some(mark("two"))]);
    gateway.stop().await;
}

#[tokio::test]
async fn no_token_is_the_targets_failure_and_the_next_one_answers() {
    let refusal = json!({"error": "invalid_grant", "error_description": "canary"});
    let cases = [
        (Say::This(400, refusal.to_string()), "400 invalid_grant"),
        (Say::This(503, "canary".to_owned()), "503"),
        (Say::This(200, "canary".to_owned()), "not a JSON object"),
        (Say::This(200, "{}".to_owned()), "no access_token"),
        (
            Say::This(200, json!({"access_token": "a\nb"}).to_string()),
            "no header can hold it",
        ),
        (token("over", 0), "over when it came"),
    ];
    for (say, expected) in cases {
        let endpoint = TokenEndpoint::start([say]).await;
        let auth = account(&rsa(), endpoint.url("/"));
        let gateway = Gateway::start(with_standby(auth)).await;
        let answered = send(gateway.address, chat(HELLO)).await;
        assert_eq!(answered.status(), 200, "{expected}: {}", answered.text());
        assert_eq!(answered.json()["model"], "standby");
        assert_eq!(seen(&gateway), [Some(mark("standby"))], "{expected}");
        let log = gateway.stopped(1).await;
        let first = &log[0]["attempts"][0];
        assert_eq!(first["reason"], "no_credential", "{log:?}");
        let error = first["error"].as_str().unwrap();
        assert!(error.contains(expected), "{expected}: {error}");
        let text = format!("{log:?}");
        assert!(
            !text.contains("canary") && !text.contains("PRIVATE"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn nobody_waits_for_a_silent_endpoint_longer_than_for_the_provider() {
    let endpoint = TokenEndpoint::start([Say::Nothing]).await;
    let auth = account(&rsa(), endpoint.url("/"));
    let gateway = Gateway::start(|mock| {
        let mut plan = with_standby(auth)(mock);
        plan.rule = Some(Box::new(|rule| {
            rule.backend_request_timeout = Some(Duration::from_millis(200));
        }));
        plan
    })
    .await;
    let answered = send(gateway.address, chat(HELLO)).await;
    assert_eq!(answered.json()["model"], "standby", "{}", answered.text());
    assert_eq!(endpoint.asked().len(), 1);
    gateway.stop().await;
}

#[tokio::test]
async fn an_endpoint_that_comes_back_is_asked_again() {
    let endpoint = TokenEndpoint::start([Say::This(500, String::new())]).await;
    let gateway = Gateway::start(only(account(&rsa(), endpoint.url("/")))).await;
    for _ in 0..5 {
        let answered = send(gateway.address, chat(HELLO)).await;
        assert_eq!(answered.status(), 502, "{}", answered.text());
    }
    assert_eq!(endpoint.asked().len(), 1, "the others were refused at once");
    endpoint.now_say([token("back", 3600)]);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let answered = send(gateway.address, chat(HELLO)).await;
    assert_eq!(answered.status(), 200, "{}", answered.text());
    assert_eq!(seen(&gateway), [Some(mark("back"))]);
    gateway.stop().await;
}

#[tokio::test]
async fn the_metadata_server_knows_who_the_gateway_is() {
    let endpoint = TokenEndpoint::start([token("ya29.machine", 3600)]).await;
    let variables = [("GCE_METADATA_HOST", endpoint.address.to_string())];
    let ambient = |token| {
        Auth::Gcp(Box::new(GcpAuth {
            identity: GcpIdentity::Ambient,
            token,
        }))
    };
    let gateway = Gateway::given(&variables, only(ambient(GcpToken::Access))).await;
    send(gateway.address, chat(HELLO)).await;
    let account = "/computeMetadata/v1/instance/service-accounts/default";
    let asked = endpoint.asked();
    assert_eq!(asked[0].line, format!("GET {account}/token HTTP/1.1"));
    assert!(
        asked[0]
            .headers
            .contains(&"metadata-flavor: google".to_owned())
    );
    assert_eq!(seen(&gateway), [Some(mark("ya29.machine"))]);
    // An ID token comes as it is, and says itself when it ends.
    let claims = URL_SAFE_NO_PAD.encode(json!({"exp": 33_000_000_000_u64}).to_string());
    let id_token = format!("e30.{claims}.c2ln");
    endpoint.now_say([Say::This(200, id_token.clone())]);
    let id = ambient(GcpToken::Id { audience: None });
    gateway.apply(2, only(id)(gateway.mock_address)).await;
    let answered = send(gateway.address, chat(HELLO)).await;
    assert_eq!(answered.status(), 200, "{}", answered.text());
    let line = &endpoint.asked()[1].line;
    assert!(
        line.contains("/identity?audience=https%3A%2F%2F127.0.0.1&"),
        "{line}"
    );
    assert_eq!(seen(&gateway)[1], Some(mark(&id_token)));
    gateway.stop().await;
}

#[tokio::test]
async fn an_application_of_entras_proves_itself_by_its_secret() {
    let endpoint = TokenEndpoint::start([token("entra", 3599)]).await;
    let variables = [("AZURE_AUTHORITY_HOST", endpoint.url("/"))];
    let client = AzureClient {
        tenant: "t-1".into(),
        id: "c-1".into(),
        secret: Secret::new("s&cret"),
    };
    let auth = Auth::Azure(Box::new(AzureAuth::Client(Box::new(client))));
    let plan = |mock| {
        let model = ai_with("m", mock, |p| {
            p.kind = ProviderKind::Azure;
            proves(p, auth.clone());
        });
        Plan {
            backends: vec![(model, 1)],
            ..Plan::default()
        }
    };
    let gateway = Gateway::given(&variables, plan).await;
    let answered = send(gateway.address, chat(HELLO)).await;
    assert_eq!(answered.status(), 200, "{}", answered.text());
    let asked = &endpoint.asked()[0];
    assert_eq!(asked.line, "POST /t-1/oauth2/v2.0/token HTTP/1.1");
    let field = |name| asked.field(name).unwrap();
    assert_eq!(field("grant_type"), "client_credentials");
    assert_eq!(
        field("scope"),
        "https://cognitiveservices.azure.com/.default"
    );
    assert_eq!(
        (field("client_id"), field("client_secret")),
        ("c-1".into(), "s&cret".into())
    );
    let record = &gateway.mock.requests()[0];
    assert_eq!(record.credentials.len(), 1, "{:?}", record.credentials);
    assert_eq!(record.credentials["authorization"], mark("entra"));
    gateway.stop().await;
}

#[tokio::test]
async fn a_pod_of_azures_proves_itself_by_its_own_token() {
    let endpoint = TokenEndpoint::start([token("workload", 3599)]).await;
    let file = std::env::temp_dir().join(format!("agw-federated-{}", std::process::id()));
    std::fs::write(&file, "pod-token\n").unwrap();
    let variables = [
        ("AZURE_AUTHORITY_HOST", endpoint.url("/")),
        ("AZURE_TENANT_ID", "t-1".to_owned()),
        ("AZURE_CLIENT_ID", "c-1".to_owned()),
        ("AZURE_FEDERATED_TOKEN_FILE", file.display().to_string()),
    ];
    for auth in [AzureAuth::WorkloadIdentity, AzureAuth::Ambient] {
        let auth = Auth::Azure(Box::new(auth));
        let gateway = Gateway::given(&variables, only(auth)).await;
        let answered = send(gateway.address, chat(HELLO)).await;
        assert_eq!(answered.status(), 200, "{}", answered.text());
        let asked = endpoint.asked().pop().unwrap();
        assert_eq!(asked.field("client_assertion").unwrap(), "pod-token");
        assert_eq!(asked.field("client_id").unwrap(), "c-1");
        assert_eq!(seen(&gateway), [Some(mark("workload"))]);
        gateway.stop().await;
    }
    std::fs::remove_file(&file).unwrap();
}

#[tokio::test]
async fn a_machine_of_azures_is_asked_for_one_of_its_identities() {
    let said = json!({"access_token": "managed", "expires_in": "86399"});
    let endpoint = TokenEndpoint::start([Say::This(200, said.to_string())]).await;
    let variables = [("AZURE_POD_IDENTITY_AUTHORITY_HOST", endpoint.url(""))];
    let resource = "resource=https%3A%2F%2Fcognitiveservices.azure.com";
    let own = |which| AzureAuth::ManagedIdentity(Some(which));
    let table = [
        (AzureAuth::Ambient, ""),
        (AzureAuth::ManagedIdentity(None), ""),
        (
            own(ManagedIdentity::Client("c 1".into())),
            "&client_id=c%201",
        ),
        (own(ManagedIdentity::Object("o".into())), "&object_id=o"),
        (
            own(ManagedIdentity::Resource("/r".into())),
            "&msi_res_id=%2Fr",
        ),
    ];
    for (auth, which) in table {
        let auth = Auth::Azure(Box::new(auth));
        let gateway = Gateway::given(&variables, only(auth)).await;
        send(gateway.address, chat(HELLO)).await;
        let asked = endpoint.asked().pop().unwrap();
        let path = "/metadata/identity/oauth2/token?api-version=2018-02-01";
        assert_eq!(asked.line, format!("GET {path}&{resource}{which} HTTP/1.1"));
        assert!(asked.headers.contains(&"metadata: true".to_owned()));
        assert_eq!(seen(&gateway), [Some(mark("managed"))]);
        gateway.stop().await;
    }
}

/// The key of AWS's own examples, which the mock knows.
const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn bedrock(mock: SocketAddr) -> Plan {
    let model = ai_with("m", mock, |p| {
        p.kind = ProviderKind::Bedrock;
        proves(p, Auth::AwsAmbient("eu-central-1".into()));
    });
    Plan {
        backends: vec![(model, 1)],
        ..Plan::default()
    }
}

/// Asks once; the mock checks the signature.
async fn signed(variables: &[(&str, String)], session: Option<&str>) {
    let gateway = Gateway::given(variables, bedrock).await;
    let answered = send(gateway.address, chat(HELLO)).await;
    assert_eq!(answered.status(), 200, "{}", answered.text());
    let record = &gateway.mock.requests()[0];
    assert_eq!(record.authorization_sha, Some(mark(ID)));
    let token = record.credentials.get("x-amz-security-token").cloned();
    assert_eq!(token, session.map(mark));
    gateway.stop().await;
}

#[tokio::test]
async fn the_environments_own_key_signs() {
    let mut variables = vec![
        ("AWS_ACCESS_KEY_ID", ID.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
    ];
    signed(&variables, None).await;
    variables.push(("AWS_SESSION_TOKEN", "session".to_owned()));
    signed(&variables, Some("session")).await;
}

#[tokio::test]
async fn a_pods_role_signs_for_its_web_identity() {
    let key = format!(
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>\
         <SessionToken>sts==</SessionToken><SecretAccessKey>{SECRET}</SecretAccessKey>\
         <Expiration>2999-01-01T00:00:00Z</Expiration><AccessKeyId>{ID}</AccessKeyId>\
         </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    );
    let endpoint = TokenEndpoint::start([Say::This(200, key)]).await;
    let file = std::env::temp_dir().join(format!("agw-web-{}", std::process::id()));
    std::fs::write(&file, "pod-token").unwrap();
    let variables = [
        (
            "AWS_ROLE_ARN",
            "arn:aws:iam::123456789012:role/r".to_owned(),
        ),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.display().to_string()),
        ("AWS_ENDPOINT_URL_STS", endpoint.url("/")),
    ];
    signed(&variables, Some("sts==")).await;
    std::fs::remove_file(&file).unwrap();
    let asked = &endpoint.asked()[0];
    let field = |name| asked.field(name).unwrap();
    assert_eq!(field("Action"), "AssumeRoleWithWebIdentity");
    assert_eq!(field("RoleArn"), "arn:aws:iam::123456789012:role/r");
    assert_eq!(field("WebIdentityToken"), "pod-token");
}

#[tokio::test]
async fn a_role_that_the_gateways_own_assumes_signs() {
    let key = format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{ID}</AccessKeyId>\
         <SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>role==</SessionToken>\
         <Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>\
         </AssumeRoleResponse>"
    );
    let endpoint = TokenEndpoint::start([Say::This(200, key)]).await;
    let variables = [
        ("AWS_ACCESS_KEY_ID", "AKIDOWN".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "own".to_owned()),
        ("AWS_SESSION_TOKEN", "own-session".to_owned()),
        ("AWS_ENDPOINT_URL_STS", endpoint.url("/")),
    ];
    let role = AwsRole {
        arn: "arn:aws:iam::123456789012:role/models".into(),
        region: "eu-central-1".into(),
        session: "gw-1".into(),
        tags: vec![("team".into(), "blue & green".into())],
    };
    let gateway = Gateway::given(&variables, |mock| {
        let model = ai_with("m", mock, |p| {
            p.kind = ProviderKind::Bedrock;
            proves(p, Auth::AwsRole(Box::new(role.clone())));
        });
        Plan {
            backends: vec![(model, 1)],
            ..Plan::default()
        }
    })
    .await;
    for _ in 0..2 {
        let answered = send(gateway.address, chat(HELLO)).await;
        assert_eq!(answered.status(), 200, "{}", answered.text());
    }
    let record = &gateway.mock.requests()[0];
    assert_eq!(record.authorization_sha, Some(mark(ID)));
    let token = record.credentials.get("x-amz-security-token");
    assert_eq!(token, Some(&mark("role==")));
    let asked = endpoint.asked();
    assert_eq!(asked.len(), 1, "one session is for all requests");
    let field = |name| asked[0].field(name).unwrap();
    assert_eq!(field("Action"), "AssumeRole");
    assert_eq!(field("RoleArn"), "arn:aws:iam::123456789012:role/models");
    assert_eq!(field("RoleSessionName"), "gw-1");
    assert_eq!(field("Tags.member.1.Key"), "team");
    assert_eq!(field("Tags.member.1.Value"), "blue & green");
    let headers = asked[0].headers.join("\n");
    let scope = "/eu-central-1/sts/aws4_request";
    assert!(
        headers.contains("credential=akidown/") || headers.contains("Credential=AKIDOWN/"),
        "{headers}"
    );
    assert!(headers.contains(scope), "{headers}");
    assert!(
        headers.contains("x-amz-security-token: own-session"),
        "{headers}"
    );
    gateway.stop().await;
}

/// What the mock is asked with when a key goes to `place`: the path, and two headers.
async fn placed(auth: Auth) -> (String, Value) {
    let gateway = Gateway::start(|mock| {
        let model = ai_with("m", mock, |p| proves(p, auth.clone()));
        Plan {
            backends: vec![(model, 1)],
            ..Plan::default()
        }
    })
    .await;
    let mut asked = chat(HELLO);
    let theirs = "Bearer theirs".parse().unwrap();
    asked.headers_mut().insert("authorization", theirs);
    let answered = send(gateway.address, asked).await;
    // The mock wants a key where OpenAI has it: what is looked at is what it was asked with.
    drop(answered);
    let record = gateway.mock.requests().remove(0);
    assert!(!record.credentials.contains_key("authorization"));
    let seen =
        json!({"x-key": record.headers.get("x-key"), "cookie": record.credentials.get("cookie")});
    gateway.stop().await;
    (record.path, seen)
}

#[tokio::test]
async fn a_key_goes_where_the_manifest_says_and_the_clients_nowhere() {
    let at = |place| Auth::KeyAt(Box::new((Secret::new("own"), place)));
    let header = |prefix: &str| KeyPlace::Header {
        name: FieldName::parse("X-Key").unwrap(),
        prefix: prefix.into(),
    };
    let none = json!(null);
    let path = "/v1/chat/completions";
    let (asked, seen) = placed(at(header("Token "))).await;
    assert_eq!(
        (asked.as_str(), &seen["x-key"]),
        (path, &json!("Token own"))
    );
    let (asked, seen) = placed(at(KeyPlace::Query("code".into()))).await;
    assert_eq!(asked, format!("{path}?code=own"));
    assert_eq!((&seen["x-key"], &seen["cookie"]), (&none, &none));
    let (_, seen) = placed(at(KeyPlace::Cookie("session".into()))).await;
    assert_eq!(seen["cookie"], mark("session=own"));
    let (_, seen) = placed(Auth::PassthroughAt(Box::new(header("")))).await;
    assert_eq!(seen["x-key"], "theirs");
}

#[tokio::test]
async fn a_pods_agent_gives_a_key_for_the_pods_token() {
    let key = json!({"AccessKeyId": ID, "SecretAccessKey": SECRET, "Token": "pod",
        "Expiration": "2999-01-01T00:00:00Z"});
    let endpoint = TokenEndpoint::start([Say::This(200, key.to_string())]).await;
    let variables = [
        (
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            endpoint.url("/v1/credentials"),
        ),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "pod-token".to_owned()),
    ];
    signed(&variables, Some("pod")).await;
    let asked = &endpoint.asked()[0];
    assert_eq!(asked.line, "GET /v1/credentials HTTP/1.1");
    assert!(
        asked
            .headers
            .contains(&"authorization: pod-token".to_owned())
    );
}

#[tokio::test]
async fn a_machines_role_signs_last() {
    let key = json!({"AccessKeyId": ID, "SecretAccessKey": SECRET, "Token": "imds",
        "Expiration": "2999-01-01T00:00:00Z"});
    let say = |text: &str| Say::This(200, text.to_owned());
    let endpoint = TokenEndpoint::start([
        say("metadata-session"),
        say("the role"),
        say(&key.to_string()),
    ])
    .await;
    let variables = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint.url(""))];
    signed(&variables, Some("imds")).await;
    let asked = endpoint.asked();
    let roles = "/latest/meta-data/iam/security-credentials/";
    let lines: Vec<_> = asked.iter().map(|asked| &*asked.line).collect();
    assert_eq!(
        lines,
        [
            "PUT /latest/api/token HTTP/1.1",
            &*format!("GET {roles} HTTP/1.1"),
            &*format!("GET {roles}the%20role HTTP/1.1"),
        ]
    );
    let session = "x-aws-ec2-metadata-token: metadata-session".to_owned();
    assert!(
        asked[1..]
            .iter()
            .all(|asked| asked.headers.contains(&session))
    );
}
