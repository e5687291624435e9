//! What Redis says (RESP2).

use bytes::{Buf, BytesMut};

/// No text is longer, and no list.
const LONGEST: i64 = 1 << 20;
/// Lists in lists, at most.
const DEEPEST: u8 = 4;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    Nothing,
    Number(i64),
    Text(Vec<u8>),
    List(Vec<Self>),
    /// It refuses the command, and says why.
    Refusal(String),
}

/// What is no answer of Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Nonsense;

impl Reply {
    /// Takes one whole answer off `bytes`, if it is there.
    pub(super) fn take(bytes: &mut BytesMut) -> Result<Option<Self>, Nonsense> {
        let mut rest = &bytes[..];
        match Self::read(&mut rest, 0)? {
            None => Ok(None),
            Some(reply) => {
                let left = rest.len();
                bytes.advance(bytes.len() - left);
                Ok(Some(reply))
            }
        }
    }

    fn read(bytes: &mut &[u8], depth: u8) -> Result<Option<Self>, Nonsense> {
        let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else {
            return match bytes.len() > 64 << 10 {
                true => Err(Nonsense),
                false => Ok(None),
            };
        };
        let (line, rest) = (&bytes[..end], &bytes[end + 2..]);
        let (kind, line) = line.split_first().ok_or(Nonsense)?;
        let text = std::str::from_utf8(line).map_err(|_| Nonsense)?;
        let number = || text.parse::<i64>().map_err(|_| Nonsense);
        let reply = match kind {
            b'+' => Self::Text(line.to_vec()),
            b'-' => Self::Refusal(text.to_owned()),
            b':' => Self::Number(number()?),
            b'$' => {
                let length = number()?;
                if length < 0 {
                    *bytes = rest;
                    return Ok(Some(Self::Nothing));
                }
                let length = usize::try_from(length.min(LONGEST + 1)).map_err(|_| Nonsense)?;
                if length > usize::try_from(LONGEST).unwrap_or_default() {
                    return Err(Nonsense);
                }
                let Some((text, after)) = rest.split_at_checked(length + 2) else {
                    return Ok(None);
                };
                *bytes = after;
                return match text.strip_suffix(b"\r\n") {
                    Some(text) => Ok(Some(Self::Text(text.to_vec()))),
                    None => Err(Nonsense),
                };
            }
            b'*' => {
                *bytes = rest;
                return Self::list(number()?, bytes, depth);
            }
            _ => return Err(Nonsense),
        };
        *bytes = rest;
        Ok(Some(reply))
    }

    fn list(length: i64, bytes: &mut &[u8], depth: u8) -> Result<Option<Self>, Nonsense> {
        if length < 0 {
            return Ok(Some(Self::Nothing));
        }
        if length > LONGEST || depth >= DEEPEST {
            return Err(Nonsense);
        }
        let mut list = Vec::new();
        for _ in 0..length {
            match Self::read(bytes, depth + 1)? {
                Some(reply) => list.push(reply),
                None => return Ok(None),
            }
        }
        Ok(Some(Self::List(list)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_they_come() {
        let whole = b"*4\r\n:1\r\n:-2\r\n$5\r\na\r\nbc\r\n$-1\r\n+OK\r\n-ERR no\r\n";
        for cut in 0..whole.len() {
            let mut bytes = BytesMut::from(&whole[..cut]);
            let mut replies = Vec::new();
            while let Some(reply) = Reply::take(&mut bytes).unwrap() {
                replies.push(reply);
            }
            bytes.extend_from_slice(&whole[cut..]);
            while let Some(reply) = Reply::take(&mut bytes).unwrap() {
                replies.push(reply);
            }
            let list = Reply::List(vec![
                Reply::Number(1),
                Reply::Number(-2),
                Reply::Text(b"a\r\nbc".to_vec()),
                Reply::Nothing,
            ]);
            let refusal = Reply::Refusal("ERR no".to_owned());
            assert_eq!(
                replies,
                [list, Reply::Text(b"OK".to_vec()), refusal],
                "cut at {cut}"
            );
            assert!(bytes.is_empty());
        }
        for nonsense in [
            "\r\n",
            "?\r\n",
            ":x\r\n",
            "$9999999999\r\n",
            "$1\r\nabc",
            "*9999999999\r\n",
        ] {
            let taken = Reply::take(&mut BytesMut::from(nonsense));
            assert_eq!(taken, Err(Nonsense), "{nonsense:?}");
        }
    }
}
