//! A body held in memory, up to a bound.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;

/// What came of holding a body.
#[derive(Debug)]
pub(crate) enum Collected<E> {
    Whole(Bytes),
    TooLarge,
    /// Nothing came for too long.
    Stalled,
    Failed(E),
}

/// Holds `body` if it is at most `limit` bytes, each frame of which comes within `idle`. Trailers
/// are dropped.
pub(crate) async fn collect<B>(mut body: B, limit: usize, idle: Duration) -> Collected<B::Error>
where
    B: Body<Data = Bytes> + Unpin,
{
    if body.size_hint().lower() > limit as u64 {
        return Collected::TooLarge;
    }
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    loop {
        let frame = match tokio::time::timeout(idle, body.frame()).await {
            Ok(Some(frame)) => frame,
            Ok(None) => break,
            Err(_) => return Collected::Stalled,
        };
        let data = match frame.map(|f| f.into_data()) {
            Ok(Ok(data)) => data,
            Ok(Err(_trailers)) => continue,
            Err(error) => return Collected::Failed(error),
        };
        let held = first.as_ref().map_or(0, Bytes::len) + rest.len();
        if held + data.len() > limit {
            return Collected::TooLarge;
        }
        // Most bodies come in one frame: that one is kept without a copy.
        match &first {
            None => first = Some(data),
            Some(head) if rest.is_empty() => {
                let expected = usize::try_from(body.size_hint().lower())
                    .unwrap_or(0)
                    .min(limit);
                rest.reserve(head.len() + data.len() + expected);
                rest.extend_from_slice(head);
                rest.extend_from_slice(&data);
                first = Some(Bytes::new());
            }
            Some(_) => rest.extend_from_slice(&data),
        }
    }
    Collected::Whole(if rest.is_empty() {
        first.unwrap_or_default()
    } else {
        rest.freeze()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::StreamBody;

    async fn collected(chunks: &[&'static str], limit: usize) -> Option<Bytes> {
        let frames = chunks
            .iter()
            .map(|c| Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(c.as_bytes()))));
        match collect(
            StreamBody::new(stream::iter(frames)),
            limit,
            Duration::from_secs(1),
        )
        .await
        {
            Collected::Whole(bytes) => Some(bytes),
            _ => None,
        }
    }

    #[tokio::test]
    async fn holds_a_body_up_to_its_limit_and_no_byte_more() {
        assert_eq!(collected(&[], 4).await.unwrap(), "");
        assert_eq!(collected(&["ab"], 4).await.unwrap(), "ab");
        assert_eq!(collected(&["ab", "c", "d"], 4).await.unwrap(), "abcd");
        assert_eq!(collected(&["ab", "c", "de"], 4).await, None);
        assert_eq!(collected(&["abcde"], 4).await, None);
    }
}
