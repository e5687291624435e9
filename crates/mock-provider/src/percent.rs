//! Percent-decoding of a path segment (RFC 3986 §2.1).

/// Decodes `%XX`; what is no valid escape stays as it is, what is no UTF-8 is replaced.
pub(crate) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        match (byte, after) {
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    decoded.push(high << 4 | low);
                    rest = after;
                    continue;
                }
                _ => decoded.push(byte),
            },
            _ => decoded.push(byte),
        }
        rest = after;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_escapes_and_leaves_the_rest() {
        for (text, expected) in [
            ("gpt-4o", "gpt-4o"),
            ("Qwen%2FQwen3-32B", "Qwen/Qwen3-32B"),
            ("%2a", "*"),
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
            ("%c3%a4", "ä"),
        ] {
            assert_eq!(decode(text), expected, "{text}");
        }
    }
}
