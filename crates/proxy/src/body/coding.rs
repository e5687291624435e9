//! Content codings that a provider uses although it was asked for none (RFC 9110 §8.4): usage is
//! read from the bytes that pass, and an answer in another format is read whole.

use std::io::{self, Write};

use bytes::{Buf, Bytes};
use http::{HeaderMap, Response, header};
use zstd::stream::raw::{self, InBuffer, Operation, OutBuffer};

use super::UpstreamBody;

/// So much of what came is decoded in one go,
const STEP: usize = 2 << 10;
/// and may become this much. What expands further is meant to fill memory.
const ROOM: usize = 4 << 20;

/// A frame of zstd may look back so far, as a power of two: eight megabytes, which is what decoders
/// have to take and encoders may not exceed in HTTP (RFC 8878 §3.1.1.1.2, RFC 9659).
const WINDOW: u32 = 23;

/// A coding that can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    Brotli,
    Zstd,
}

/// Undoes one coding, piece by piece.
pub(super) struct Decoder {
    kind: Kind,
    /// What has come and is not decoded yet.
    pending: Bytes,
}

enum Kind {
    Gzip(flate2::write::MultiGzDecoder<Room>),
    Brotli(Box<brotli_decompressor::DecompressorWriter<Room>>),
    Zstd(Zstd),
}

struct Zstd {
    decoder: raw::Decoder<'static>,
    frame: Frame,
}

/// Whether a frame has begun that has not ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    Open,
    Complete,
}

/// Takes what was decoded, up to a bound.
#[derive(Default)]
struct Room {
    decoded: Vec<u8>,
}

/// The response without the coding that its body had. One that is not known stays, and is for the
/// reader to refuse.
pub(crate) fn decoded(mut response: Response<UpstreamBody>) -> Response<UpstreamBody> {
    let Some(coding) = Coding::of(response.headers()) else {
        return response;
    };
    let headers = response.headers_mut();
    for of_the_coded in [
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::ETAG,
    ] {
        headers.remove(of_the_coded);
    }
    match Decoder::new(coding) {
        Ok(decoder) => response.map(|body| body.decoded(decoder)),
        Err(error) => response.map(|_| UpstreamBody::broken(error)),
    }
}

impl Coding {
    /// The one coding of a body.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
        let (value, None) = (values.next()?, values.next()) else {
            return None;
        };
        let name = value.to_str().ok()?.trim().to_ascii_lowercase();
        match name.as_str() {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "br" => Some(Self::Brotli),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

impl Decoder {
    fn new(coding: Coding) -> io::Result<Self> {
        let kind = match coding {
            Coding::Gzip => Kind::Gzip(flate2::write::MultiGzDecoder::new(Room::default())),
            Coding::Brotli => Kind::Brotli(Box::new(brotli_decompressor::DecompressorWriter::new(
                Room::default(),
                STEP,
            ))),
            Coding::Zstd => {
                let mut decoder = raw::Decoder::new()?;
                decoder.set_parameter(raw::DParameter::WindowLogMax(WINDOW))?;
                let frame = Frame::Open;
                Kind::Zstd(Zstd { decoder, frame })
            }
        };
        Ok(Self {
            kind,
            pending: Bytes::new(),
        })
    }

    /// Takes what has come. What came before has been decoded.
    pub(super) fn push(&mut self, coded: Bytes) {
        self.pending = coded;
    }

    /// The next piece; `None` when more has to come first.
    pub(super) fn next(&mut self) -> io::Result<Option<Bytes>> {
        while !self.pending.is_empty() {
            let step = &self.pending[..STEP.min(self.pending.len())];
            let decoded = self.kind.decode(step)?;
            self.pending.advance(step.len());
            if !decoded.is_empty() {
                return Ok(Some(decoded.into()));
            }
        }
        Ok(None)
    }

    /// What is left at the end of the body, which has to be the end of the coding too.
    pub(super) fn finish(&mut self) -> io::Result<Bytes> {
        let short = || io::Error::from(io::ErrorKind::UnexpectedEof);
        match &mut self.kind {
            Kind::Gzip(decoder) => {
                decoder.try_finish()?;
                Ok(std::mem::take(&mut decoder.get_mut().decoded).into())
            }
            Kind::Brotli(decoder) => {
                decoder.close().map_err(|_| short())?;
                Ok(std::mem::take(&mut decoder.get_mut().decoded).into())
            }
            Kind::Zstd(zstd) if zstd.frame == Frame::Complete => Ok(Bytes::new()),
            Kind::Zstd(_) => Err(short()),
        }
    }
}

impl Kind {
    fn decode(&mut self, coded: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(decoder) => {
                decoder.write_all(coded)?;
                // What can be decoded by now: a stream's events are not to wait for the next.
                decoder.flush()?;
                Ok(std::mem::take(&mut decoder.get_mut().decoded))
            }
            Self::Brotli(decoder) => {
                decoder.write_all(coded)?;
                Ok(std::mem::take(&mut decoder.get_mut().decoded))
            }
            Self::Zstd(zstd) => zstd.decode(coded),
        }
    }
}

impl Zstd {
    fn decode(&mut self, coded: &[u8]) -> io::Result<Vec<u8>> {
        let mut room = Room::default();
        let mut input = InBuffer::around(coded);
        let mut piece = vec![0; STEP * 16];
        loop {
            let mut output = OutBuffer::around(&mut piece[..]);
            let hint = self.decoder.run(&mut input, &mut output)?;
            let written = output.as_slice().len();
            room.write_all(&piece[..written])?;
            self.frame = if hint == 0 {
                Frame::Complete
            } else {
                Frame::Open
            };
            if input.pos() == coded.len() && written < piece.len() {
                return Ok(room.decoded);
            }
        }
    }
}

impl Write for Room {
    fn write(&mut self, decoded: &[u8]) -> io::Result<usize> {
        if self.decoded.len() + decoded.len() > ROOM {
            let message = "the body expands to a thousand times what was sent";
            return Err(io::Error::other(message));
        }
        self.decoded.extend_from_slice(decoded);
        Ok(decoded.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
