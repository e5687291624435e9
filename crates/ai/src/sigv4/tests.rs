use std::time::{Duration, UNIX_EPOCH};

use super::*;

/// 2015-08-30T12:36:00Z, the time of AWS's test suite.
const AT: u64 = 1_440_938_160;
const FORM: &str = "application/x-www-form-urlencoded";
const SESSION: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqw\
    AeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0K\
    PkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqK\
    mlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

fn credentials(session_token: Option<&str>) -> AwsCredentials {
    AwsCredentials {
        access_key: "AKIDEXAMPLE".to_owned(),
        secret_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        session_token: session_token.map(Secret::new),
    }
}

/// The `authorization` of a request of the suite, from `SignedHeaders` on.
fn signed(
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
    session: Option<&str>,
) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let request = SignedRequest {
        method,
        host: "example.amazonaws.com",
        path,
        query,
        headers,
        payload_hash: &payload_hash([body.as_bytes()]),
    };
    let scope = Scope {
        region: "us-east-1",
        service: "service",
    };
    let time = UNIX_EPOCH + Duration::from_secs(AT);
    let signature = sign(&request, scope, &credentials(session), time).unwrap();
    assert_eq!(signature.date, "20150830T123600Z");
    let text = signature.authorization.to_str().unwrap();
    let start = "AWS4-HMAC-SHA256 \
                 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=";
    text.strip_prefix(start)
        .unwrap()
        .replace(", Signature=", " ")
}

/// Method, target, headers and body of the suite's requests; what was signed, and the signature.
type Case = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
    &'static str,
);

const SUITE: &[Case] = &[
    (
        "GET",
        "/",
        &[],
        "",
        "host;x-amz-date 5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    (
        "GET",
        "/?Param2=value2&Param1=value1",
        &[],
        "",
        "host;x-amz-date b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    (
        "GET",
        "/?Param1=value1",
        &[],
        "",
        "host;x-amz-date a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
    ),
    (
        "GET",
        "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        &[],
        "",
        "host;x-amz-date 9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    ),
    (
        "GET",
        "/?ሴ=bar",
        &[],
        "",
        "host;x-amz-date 2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
    ),
    (
        "GET",
        "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        &[],
        "",
        "host;x-amz-date 07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    (
        "GET",
        "/ሴ",
        &[],
        "",
        "host;x-amz-date 8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
    ),
    (
        "GET",
        "/",
        &[
            ("My-Header1", "value2"),
            ("My-Header1", "value2"),
            ("My-Header1", "value1"),
        ],
        "",
        "host;my-header1;x-amz-date c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    ),
    (
        "GET",
        "/",
        &[
            ("My-Header1", "value4"),
            ("My-Header1", "value1"),
            ("My-Header1", "value3"),
            ("My-Header1", "value2"),
        ],
        "",
        "host;my-header1;x-amz-date 08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
    ),
    (
        "GET",
        "/",
        &[("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")],
        "",
        "host;my-header1;my-header2;x-amz-date acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    (
        "POST",
        "/",
        &[],
        "",
        "host;x-amz-date 5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    (
        "POST",
        "/",
        &[("My-Header1", "VALUE1")],
        "",
        "host;my-header1;x-amz-date cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
    ),
    (
        "POST",
        "/?Param1=value1",
        &[],
        "",
        "host;x-amz-date 28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
    ),
    (
        "POST",
        "/",
        &[("Content-Type", FORM)],
        "Param1=value1",
        "content-type;host;x-amz-date ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
    (
        "POST",
        "/",
        &[(
            "Content-Type",
            "application/x-www-form-urlencoded; charset=utf8",
        )],
        "Param1=value1",
        "content-type;host;x-amz-date 1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
    ),
];

#[test]
fn signatures_are_those_of_the_published_suite() {
    for (method, target, headers, body, expected) in SUITE {
        assert_eq!(
            signed(method, target, headers, body, None),
            *expected,
            "{method} {target}"
        );
    }
    assert_eq!(
        signed("POST", "/", &[], "", Some(SESSION)),
        "host;x-amz-date;x-amz-security-token \
         85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
    );
}

#[test]
fn paths_are_cleaned_and_escaped_once_more() {
    let table = [
        ("", "/"),
        ("/", "/"),
        ("/%20/foo", "/%2520/foo"),
        ("//foo//", "/foo/"),
        ("/./foo/../bar/.", "/bar"),
        ("/..", "/"),
        (
            "/model/anthropic.claude-3%3A0/converse",
            "/model/anthropic.claude-3%253A0/converse",
        ),
    ];
    for (path, expected) in table {
        assert_eq!(canonical::path(path), expected, "{path}");
    }
}

#[test]
fn queries_are_sorted_and_escaped_once() {
    let table = [
        ("", ""),
        ("b=2&a=%7e&a=%20", "a=%20&a=~&b=2"),
        ("a&b=", "a=&b="),
        ("a=b=c", "a=b%3Dc"),
    ];
    for (query, expected) in table {
        assert_eq!(canonical::query(query), expected, "{query}");
    }
}

#[test]
fn times_are_told_by_the_calendar() {
    let table = [
        (0, "19700101T000000Z"),
        (AT, "20150830T123600Z"),
        (1_709_164_800, "20240229T000000Z"),
        (4_102_444_799, "20991231T235959Z"),
    ];
    for (seconds, expected) in table {
        assert_eq!(stamp(UNIX_EPOCH + Duration::from_secs(seconds)).1, expected);
    }
    assert_eq!(
        stamp(UNIX_EPOCH - Duration::from_secs(9)).1,
        "19700101T000000Z"
    );
}

#[test]
fn bodies_in_pieces_have_the_hash_of_the_whole() {
    let whole = payload_hash([&b"Param1=value1"[..]]);
    assert_eq!(payload_hash([&b"Param1"[..], b"", b"=value1"]), whole);
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(payload_hash([]), empty);
}

#[test]
fn credentials_never_print() {
    let secret = credentials(Some(SESSION));
    let request = SignedRequest {
        method: "GET",
        host: "h",
        path: "/",
        query: "",
        headers: &[],
        payload_hash: "",
    };
    let scope = Scope {
        region: "r",
        service: "s",
    };
    let signature = sign(&request, scope, &secret, UNIX_EPOCH).unwrap();
    let shown = format!("{secret:?} {signature:?}");
    for part in ["wJalr", "AQoDY", "AKIDE", "Signature="] {
        assert!(!shown.contains(part), "{shown}");
    }
    let names: Vec<_> = signature
        .headers()
        .map(|(name, _)| name.to_string())
        .collect();
    assert_eq!(
        names,
        ["authorization", "x-amz-date", "x-amz-security-token"]
    );
}
