//! Heads as upstreams write them.

use super::*;

fn parsed(text: &str) -> Result<Option<(ResponseHead, HeaderMap)>, Garbage> {
    let mut headers = HeaderMap::new();
    let block = Bytes::copy_from_slice(text.as_bytes());
    let head = ResponseHead::parse(&block, &mut headers)?;
    Ok(head.map(|head| (head, headers)))
}

fn whole(start: &str, fields: &str) -> (ResponseHead, HeaderMap) {
    parsed(&format!("{start}\r\n{fields}\r\n"))
        .unwrap()
        .unwrap()
}

#[test]
fn a_head_is_read_once_it_is_complete() {
    let text = "HTTP/1.1 299 Fine\r\nX-A: 1\r\nx-a:2 \r\n\r\nbody";
    let length = text.len() - 4;
    for cut in 0..length {
        assert_eq!(parsed(&text[..cut]), Ok(None), "{cut}");
    }
    let (head, headers) = parsed(text).unwrap().unwrap();
    assert_eq!(head.bytes, length);
    assert_eq!(
        (head.status.as_u16(), head.version),
        (299, Version::HTTP_11)
    );
    assert_eq!(head.reason.unwrap(), "Fine");
    let values: Vec<_> = headers.get_all("x-a").iter().collect();
    assert_eq!(values, ["1", "2"]);
}

#[test]
fn what_is_no_head() {
    for text in [
        "HTTP/1.1 ABC what\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 099 low\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nspace : 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\r\n folded\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}",
    ] {
        assert!(parsed(text).is_err(), "{text:?}");
    }
}

#[test]
fn a_head_has_bounds() {
    let fields = |count: usize| "x: 1\r\n".repeat(count);
    assert_eq!(
        whole("HTTP/1.1 200 OK", &fields(MAX_FIELDS)).1.len(),
        MAX_FIELDS
    );
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", fields(MAX_FIELDS + 1));
    assert_eq!(parsed(&many), Err(Garbage::HeadTooLarge));
    let long = |bytes: usize| {
        let start = "HTTP/1.1 200 OK\r\nx: ";
        format!("{start}{}\r\n\r\n", "a".repeat(bytes - start.len() - 4))
    };
    assert!(parsed(&long(MAX_HEAD)).unwrap().is_some());
    assert_eq!(parsed(&long(MAX_HEAD + 1)), Err(Garbage::HeadTooLarge));
    assert_eq!(
        parsed(&long(2 * MAX_HEAD)[..MAX_HEAD]),
        Err(Garbage::HeadTooLarge)
    );
}

#[test]
fn where_a_body_ends() {
    use BodyLength::{Chunked, Exact, Nothing, UntilClose};
    let table: &[(&str, Result<BodyLength, Garbage>)] = &[
        ("", Ok(UntilClose)),
        ("content-length: 0\r\n", Ok(Exact(0))),
        (
            "content-length: 18446744073709551615\r\n",
            Ok(Exact(u64::MAX)),
        ),
        ("content-length: 5\r\ncontent-length: 5\r\n", Ok(Exact(5))),
        ("content-length: 5, 5\r\n", Ok(Exact(5))),
        ("transfer-encoding: Chunked\r\n", Ok(Chunked)),
        ("transfer-encoding: identity\r\n", Ok(UntilClose)),
        (
            "content-length: 18446744073709551616\r\n",
            Err(Garbage::ContentLength),
        ),
        (
            "content-length: 5\r\ncontent-length: 6\r\n",
            Err(Garbage::ContentLength),
        ),
        ("content-length: 5, 6\r\n", Err(Garbage::ContentLength)),
        ("content-length: 5,\r\n", Err(Garbage::ContentLength)),
        ("content-length: \r\n", Err(Garbage::ContentLength)),
        ("content-length: +5\r\n", Err(Garbage::ContentLength)),
        ("content-length: -5\r\n", Err(Garbage::ContentLength)),
        ("content-length: 0x5\r\n", Err(Garbage::ContentLength)),
        ("content-length: 5 5\r\n", Err(Garbage::ContentLength)),
        (
            "transfer-encoding: gzip\r\n",
            Err(Garbage::TransferEncoding),
        ),
        (
            "transfer-encoding: gzip, chunked\r\n",
            Err(Garbage::TransferEncoding),
        ),
        (
            "transfer-encoding: chunked, gzip\r\n",
            Err(Garbage::TransferEncoding),
        ),
        (
            "transfer-encoding: xchunked\r\n",
            Err(Garbage::TransferEncoding),
        ),
        (
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            Err(Garbage::TransferEncoding),
        ),
        (
            "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
            Err(Garbage::TwoLengths),
        ),
        (
            "content-length: 5\r\ntransfer-encoding: identity\r\n",
            Err(Garbage::TwoLengths),
        ),
    ];
    for (fields, want) in table {
        let (head, headers) = whole("HTTP/1.1 200 OK", fields);
        assert_eq!(head.body(&Method::GET, &headers), *want, "{fields}");
        assert_eq!(head.body(&Method::HEAD, &headers), Ok(Nothing), "{fields}");
        for status in [
            "100 Continue",
            "101 S",
            "204 No Content",
            "304 Not Modified",
        ] {
            let (head, headers) = whole(&format!("HTTP/1.1 {status}"), fields);
            assert_eq!(head.body(&Method::GET, &headers), Ok(Nothing), "{status}");
        }
    }
    let (old, headers) = whole("HTTP/1.0 200 OK", "transfer-encoding: chunked\r\n");
    let body = old.body(&Method::GET, &headers);
    assert_eq!(body, Err(Garbage::TransferEncoding));
    let (tunnel, headers) = whole("HTTP/1.1 200 OK", "content-length: 5\r\n");
    assert_eq!(tunnel.body(&Method::CONNECT, &headers), Ok(Nothing));
}

#[test]
fn which_connections_persist() {
    for (start, fields, want) in [
        ("HTTP/1.1 200 OK", "", true),
        ("HTTP/1.0 200 OK", "", false),
        ("HTTP/1.1 200 OK", "connection: Close\r\n", false),
        ("HTTP/1.1 200 OK", "connection: x, close\r\n", false),
        ("HTTP/1.0 200 OK", "connection: Keep-Alive\r\n", true),
        (
            "HTTP/1.1 200 OK",
            "connection: close\r\nconnection: keep-alive\r\n",
            false,
        ),
        (
            "HTTP/1.0 200 OK",
            "connection: keep-alive, close\r\n",
            false,
        ),
        ("HTTP/1.1 200 OK", "connection: upgrade\r\n", true),
    ] {
        let (head, headers) = whole(start, fields);
        assert_eq!(head.persists(&headers), want, "{start} {fields}");
    }
}
