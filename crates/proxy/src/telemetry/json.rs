//! JSON text, written straight into its bytes: for lines whose keys are known, where a general
//! serialiser costs more than the rest of the request's bookkeeping.

use std::time::Duration;

/// An object that is being written, and what goes around it.
pub(super) struct Json {
    bytes: Vec<u8>,
}

impl Json {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
        }
    }

    /// The text, with the line end that a log wants.
    pub(super) fn into_line(mut self) -> Vec<u8> {
        self.bytes.push(b'\n');
        self.bytes
    }

    /// Text that is JSON already: braces, commas, keys.
    pub(super) fn raw(&mut self, text: &str) -> &mut Self {
        self.bytes.extend_from_slice(text.as_bytes());
        self
    }

    /// `before` and a string.
    pub(super) fn text(&mut self, before: &str, text: &str) -> &mut Self {
        self.raw(before);
        self.string(text);
        self
    }

    /// `before` and a string, if there is one.
    pub(super) fn some_text(&mut self, before: &str, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(before, text),
            None => self,
        }
    }

    /// `before` and a whole number, if there is one.
    pub(super) fn some_number(&mut self, before: &str, number: Option<u64>) -> &mut Self {
        match number {
            Some(number) => self.raw(before).number(number),
            None => self,
        }
    }

    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        let mut buffer = itoa::Buffer::new();
        self.raw(buffer.format(number))
    }

    /// Milliseconds, to the microsecond.
    pub(super) fn millis(&mut self, duration: Duration) -> &mut Self {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.number(micros / 1000);
        let rest = micros % 1000;
        if rest > 0 {
            let digits = [
                b'.',
                digit(rest / 100),
                digit(rest / 10 % 10),
                digit(rest % 10),
            ];
            let kept = digits
                .iter()
                .rposition(|d| *d != b'0')
                .map_or(0, |last| last + 1);
            self.bytes.extend_from_slice(&digits[..kept]);
        }
        self
    }

    /// RFC 8259 §7: quotes, backslashes and control characters are escaped.
    fn string(&mut self, text: &str) {
        self.bytes.push(b'"');
        let mut rest = text.as_bytes();
        while let Some(at) = rest.iter().position(|b| needs_escape(*b)) {
            self.bytes.extend_from_slice(&rest[..at]);
            self.escape(rest[at]);
            rest = &rest[at + 1..];
        }
        self.bytes.extend_from_slice(rest);
        self.bytes.push(b'"');
    }

    fn escape(&mut self, byte: u8) {
        let short = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            _ => {
                let hex = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
                let code = [b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)];
                self.bytes.extend_from_slice(&code);
                return;
            }
        };
        self.bytes.extend_from_slice(&[b'\\', short]);
    }
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn digit(value: u64) -> u8 {
    b'0' + u8::try_from(value % 10).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Json)) -> String {
        let mut json = Json::with_capacity(0);
        write(&mut json);
        String::from_utf8(json.bytes).unwrap()
    }

    proptest! {
        #[test]
        fn strings_are_what_a_general_serialiser_reads(text in any::<String>()) {
            let ours = written(|json| json.string(&text));
            prop_assert_eq!(serde_json::from_str::<String>(&ours).unwrap(), text);
        }

        #[test]
        fn milliseconds_are_exact_to_the_microsecond(micros in 0u64..10_000_000_000) {
            let ours = written(|json| {
                json.millis(Duration::from_micros(micros)).number(0);
            });
            // The number behind it only shows that nothing else was written.
            let ours: f64 = ours[..ours.len() - 1].parse().unwrap();
            prop_assert!((ours * 1e3 - micros as f64).abs() < 0.5);
        }
    }

    #[test]
    fn no_control_character_stands_in_a_line() {
        let text: String = (0..=0x7fu8).map(char::from).collect();
        let ours = written(|json| json.string(&text));
        assert!(ours.bytes().all(|b| b >= 0x20), "{ours}");
        assert_eq!(serde_json::from_str::<String>(&ours).unwrap(), text);
    }

    #[test]
    fn milliseconds_have_no_needless_digits() {
        for (micros, text) in [
            (0, "0"),
            (1, "0.001"),
            (1500, "1.5"),
            (2000, "2"),
            (12_340, "12.34"),
        ] {
            let ours = written(|json| {
                json.millis(Duration::from_micros(micros));
            });
            assert_eq!(ours, text);
        }
    }
}
