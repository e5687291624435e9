//! Signatures, judged by requests that AWS's own library for Python signed.

use agw_mock_provider::{AwsKey, KeyCheck, Settings};
use serde_json::Value;

use super::{hello, path};
use crate::server::Server;

const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=0bdb386520661e18e371775602ea4436306800fc8b3393b32b4c4c19bd2cb75d";
const SIGNED_SESSION: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=a251e95efecd1cb1f07e5763fce8988fcf2f1bac771bba5bd3b87c7898fc947e";

async fn asked(server: &Server, headers: &[(&str, &str)], body: &Value) -> (u16, String) {
    let mut all = vec![("content-type", "application/json")];
    all.extend_from_slice(headers);
    let answer = server.post_with(&path("converse"), &all, body).await;
    let kind = answer.headers.get("x-amzn-errortype");
    let kind = kind.map(|kind| kind.to_str().unwrap().to_owned());
    (answer.status.as_u16(), kind.unwrap_or_default())
}

#[tokio::test]
async fn accepts_true_signatures_only() {
    let server = Server::with(Settings {
        require_key: KeyCheck::Required,
        ..Settings::default()
    })
    .await;
    let date = ("x-amz-date", "20260101T000000Z");
    let token = ("x-amz-security-token", "tok");
    let signed = ("authorization", SIGNED);
    let ok = (200, String::new());
    let refused = |kind: &str| (403, kind.to_owned());
    assert_eq!(asked(&server, &[signed, date], &hello()).await, ok);
    let session = ("authorization", SIGNED_SESSION);
    assert_eq!(asked(&server, &[session, date, token], &hello()).await, ok);
    let bearer = ("authorization", "Bearer bedrock-api-key-x");
    assert_eq!(asked(&server, &[bearer], &hello()).await, ok);

    let wrong = refused("InvalidSignatureException");
    let mut changed = hello();
    changed["messages"][0]["content"][0]["text"] = "other".into();
    assert_eq!(asked(&server, &[signed, date], &changed).await, wrong);
    let later = ("x-amz-date", "20260101T000001Z");
    assert_eq!(asked(&server, &[signed, later], &hello()).await, wrong);
    let elsewhere = SIGNED.replace("us-east-1", "us-west-2");
    let elsewhere = ("authorization", elsewhere.as_str());
    assert_eq!(asked(&server, &[elsewhere, date], &hello()).await, wrong);

    let incomplete = refused("IncompleteSignatureException");
    assert_eq!(asked(&server, &[signed], &hello()).await, incomplete);
    assert_eq!(
        asked(&server, &[signed, date, token], &hello()).await,
        incomplete
    );
    let service = SIGNED.replace("/bedrock/", "/s3/");
    let service = ("authorization", service.as_str());
    assert_eq!(asked(&server, &[service, date], &hello()).await, incomplete);
    let nobody = refused("MissingAuthenticationTokenException");
    assert_eq!(asked(&server, &[], &hello()).await, nobody);
}

#[tokio::test]
async fn judges_the_keys_it_was_given() {
    let date = ("x-amz-date", "20260101T000000Z");
    let key = |secret: &str| Settings {
        aws_keys: vec![AwsKey::from(("AKIDEXAMPLE", secret))],
        ..Settings::default()
    };
    let server = Server::with(key("another secret")).await;
    let (status, _) = asked(&server, &[("authorization", SIGNED), date], &hello()).await;
    assert_eq!(status, 403, "even where no key is required");
    let unknown = SIGNED.replace("AKIDEXAMPLE", "AKIAOTHER");
    let (status, _) = asked(&server, &[("authorization", &unknown), date], &hello()).await;
    assert_eq!(status, 200, "of an unknown key, the form is judged");
    let seen = server.provider.requests();
    assert_ne!(seen[0].authorization_sha, seen[1].authorization_sha);
    assert!(!format!("{:?}", server.provider.settings()).contains("another secret"));
}
