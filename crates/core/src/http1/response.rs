//! The head of a response, and what it says of its body.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};

use super::{Garbage, MAX_FIELDS};

/// Bytes of a response's head.
pub const MAX_HEAD: usize = 408 << 10;

/// A response's status line, and where its head ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHead {
    pub status: StatusCode,
    /// 1.0 or 1.1.
    pub version: Version,
    /// The reason phrase, when it is not the usual one.
    pub reason: Option<Bytes>,
    /// Bytes of the head.
    pub bytes: usize,
}

/// How the end of a response's body is known (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLength {
    Nothing,
    Exact(u64),
    Chunked,
    UntilClose,
}

impl ResponseHead {
    /// Reads the head at the start of `block` and appends its fields to `headers`, which share
    /// the block. `None` when it is not complete; nothing was appended then.
    ///
    /// # Errors
    /// It is no head of a response, or too large a one.
    pub fn parse(block: &Bytes, headers: &mut HeaderMap) -> Result<Option<Self>, Garbage> {
        let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let mut head = httparse::Response::new(&mut []);
        let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut head,
            block,
            &mut fields,
        );
        let bytes = match parsed {
            Ok(httparse::Status::Complete(bytes)) if bytes <= MAX_HEAD => bytes,
            Ok(httparse::Status::Partial) if block.len() < MAX_HEAD => return Ok(None),
            Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(Garbage::HeadTooLarge),
            Err(error) => return Err(Garbage::Head(error)),
        };
        let status = StatusCode::from_u16(head.code.unwrap_or_default());
        let status = status.map_err(|_| Garbage::Status)?;
        headers.reserve(head.headers.len());
        for field in &*head.headers {
            let name = HeaderName::from_bytes(field.name.as_bytes());
            let value = HeaderValue::from_maybe_shared(block.slice_ref(field.value));
            let (Ok(name), Ok(value)) = (name, value) else {
                return Err(Garbage::Head(httparse::Error::HeaderValue));
            };
            headers.append(name, value);
        }
        let reason = head.reason.unwrap_or_default();
        let usual = status.canonical_reason() == Some(reason);
        Ok(Some(Self {
            status,
            version: match head.version {
                Some(0) => Version::HTTP_10,
                _ => Version::HTTP_11,
            },
            reason: (!usual).then(|| block.slice_ref(reason.as_bytes())),
            bytes,
        }))
    }

    /// Where the body of this response to a request of `method` ends.
    ///
    /// # Errors
    /// It says two things, or one that cannot be understood.
    pub fn body(&self, method: &Method, headers: &HeaderMap) -> Result<BodyLength, Garbage> {
        let nothing = self.status.is_informational()
            || matches!(
                self.status,
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            )
            || *method == Method::HEAD
            || (*method == Method::CONNECT && self.status.is_success());
        if nothing {
            return Ok(BodyLength::Nothing);
        }
        let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
        let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
        match (lengths.next(), codings.next()) {
            (None, None) => Ok(BodyLength::UntilClose),
            (Some(_), Some(_)) => Err(Garbage::TwoLengths),
            (Some(first), None) => {
                let length = content_length(first)?;
                for other in lengths {
                    if content_length(other)? != length {
                        return Err(Garbage::ContentLength);
                    }
                }
                Ok(BodyLength::Exact(length))
            }
            (None, Some(coding)) => {
                let coding = coding.as_bytes().trim_ascii();
                if codings.next().is_some() || self.version == Version::HTTP_10 {
                    Err(Garbage::TransferEncoding)
                } else if coding.eq_ignore_ascii_case(b"chunked") {
                    Ok(BodyLength::Chunked)
                } else if coding.eq_ignore_ascii_case(b"identity") {
                    Ok(BodyLength::UntilClose)
                } else {
                    // Nobody undoes any other coding.
                    Err(Garbage::TransferEncoding)
                }
            }
        }
    }

    /// Whether the connection may carry another request after this response.
    pub fn persists(&self, headers: &HeaderMap) -> bool {
        let mut keeps = self.version == Version::HTTP_11;
        for value in headers.get_all(header::CONNECTION) {
            for option in value.as_bytes().split(|&b| b == b',') {
                let option = option.trim_ascii();
                if option.eq_ignore_ascii_case(b"close") {
                    return false;
                }
                keeps |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        }
        keeps
    }
}

/// One length, or the same length several times.
fn content_length(value: &HeaderValue) -> Result<u64, Garbage> {
    let mut length = None;
    for text in value.as_bytes().split(|&b| b == b',') {
        let one = digits(text.trim_ascii()).ok_or(Garbage::ContentLength)?;
        if *length.get_or_insert(one) != one {
            return Err(Garbage::ContentLength);
        }
    }
    length.ok_or(Garbage::ContentLength)
}

fn digits(text: &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for byte in text {
        let digit = byte.checked_sub(b'0').filter(|&digit| digit < 10)?;
        number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    (!text.is_empty()).then_some(number)
}

#[cfg(test)]
mod tests;
