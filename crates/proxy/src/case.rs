//! Response header names in the letter case that a manifest wrote.
//!
//! HTTP/1.1 names are case-insensitive, yet people grep for what they wrote. hyper writes a name
//! in the case that a private map in the message's extensions holds, and fills such a map only
//! when it parses a message. So a synthetic response with the wanted names is parsed once, off
//! the request path, and its extensions are put on the responses.

use http::{Extensions, Request};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// How often one name may stand in a response and keep its case each time.
const REPEATS: usize = 2;

/// The extensions that make an HTTP/1.1 response carry `names` as written. `None` when hyper
/// refuses them, which costs their case and nothing else.
pub(crate) async fn extensions(names: &[String]) -> Option<Extensions> {
    let (client, server) = tokio::io::duplex(64 << 10);
    let answer = tokio::spawn(answer(server, response(names)));
    let parsed = parse(client).await.ok();
    let _ = answer.await;
    parsed
}

fn response(names: &[String]) -> String {
    let mut text = String::from("HTTP/1.1 204 No Content\r\n");
    for name in names {
        for _ in 0..REPEATS {
            text.push_str(name);
            text.push_str(": 1\r\n");
        }
    }
    text.push_str("\r\n");
    text
}

async fn answer(mut stream: DuplexStream, response: String) -> std::io::Result<()> {
    let mut request = [0u8; 1024];
    if stream.read(&mut request).await? > 0 {
        stream.write_all(response.as_bytes()).await?;
    }
    Ok(())
}

async fn parse(stream: DuplexStream) -> hyper::Result<Extensions> {
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .preserve_header_case(true)
        .handshake::<_, Empty<Bytes>>(TokioIo::new(stream))
        .await?;
    let request = Request::new(Empty::new());
    let response = async move {
        let response = sender.send_request(request).await?;
        Ok(response.into_parts().0.extensions)
    };
    let (response, _) = tokio::join!(response, connection);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Full;
    use hyper::service::service_fn;

    /// The raw head that a hyper server writes for a response with these extensions.
    async fn written(extensions: Extensions) -> String {
        let (mut client, server) = tokio::io::duplex(64 << 10);
        let service = service_fn(move |_| {
            let extensions = extensions.clone();
            async move {
                let mut response = http::Response::new(Full::new(Bytes::from_static(b"ok")));
                *response.extensions_mut() = extensions;
                for (name, value) in [("x-ab-variant", "a"), ("x-ab-variant", "b"), ("plain", "c")]
                {
                    response.headers_mut().append(name, value.parse().unwrap());
                }
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        let serve = tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .keep_alive(false)
                .serve_connection(TokioIo::new(server), service),
        );
        client
            .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).await.unwrap();
        serve.await.unwrap().unwrap();
        text
    }

    #[tokio::test]
    async fn names_go_out_as_the_manifest_wrote_them() {
        let names = ["X-AB-Variant".to_owned(), "X-Other".to_owned()];
        let text = written(extensions(&names).await.unwrap()).await;
        assert!(text.contains("X-AB-Variant: a\r\n"), "{text}");
        assert!(text.contains("X-AB-Variant: b\r\n"), "{text}");
        assert!(text.contains("plain: c\r\n"), "{text}");
    }
}
