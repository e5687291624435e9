//! Where in the JSON grammar a scanner is.

use super::Kind;

/// What has been read, and so what may follow.
#[derive(Debug, Clone, Copy)]
pub(super) enum State {
    /// Nothing yet.
    Start,
    /// A value must follow.
    Value,
    /// A value or `]`.
    FirstItem,
    /// A key or `}`.
    FirstKey,
    NextKey,
    Colon,
    /// `,` or the end of the container.
    After,
    Text(Role),
    /// Behind a backslash.
    Escape(Role),
    Hex {
        role: Role,
        left: u8,
        code: u16,
    },
    /// A word, and how much of it has been read.
    Word(Word, u8),
    Number(Number),
    /// Only blanks may follow.
    End,
}

/// What a string is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Key,
    Value,
}

/// The values that are words.
#[derive(Debug, Clone, Copy)]
pub(super) enum Word {
    True,
    False,
    Null,
}

/// How far a number has come.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

impl State {
    /// The state behind the first byte of a value, none for a container; `None` when no value
    /// starts with it.
    #[inline]
    pub(super) fn of_value(byte: u8) -> Option<(Option<Self>, Kind)> {
        Some(match byte {
            b'"' => (Some(Self::Text(Role::Value)), Kind::String),
            b'{' => (None, Kind::Object),
            b'[' => (None, Kind::Array),
            b't' => (Some(Self::Word(Word::True, 1)), Kind::Bool),
            b'f' => (Some(Self::Word(Word::False, 1)), Kind::Bool),
            b'n' => (Some(Self::Word(Word::Null, 1)), Kind::Null),
            b'-' => (Some(Self::Number(Number::Minus)), Kind::Number),
            b'0' => (Some(Self::Number(Number::Zero)), Kind::Number),
            b'1'..=b'9' => (Some(Self::Number(Number::Integer)), Kind::Number),
            _ => return None,
        })
    }
}

impl Word {
    pub(super) fn text(self) -> &'static [u8] {
        match self {
            Self::True => b"true",
            Self::False => b"false",
            Self::Null => b"null",
        }
    }
}

impl Number {
    /// `None` when `byte` does not belong to the number.
    #[inline]
    pub(super) fn next(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Integer, b'0'..=b'9') => Self::Integer,
            (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
            (Self::Minus, b'0') => Self::Zero,
            (Self::Minus, b'1'..=b'9') => Self::Integer,
            (Self::Zero | Self::Integer, b'.') => Self::Point,
            (Self::Zero | Self::Integer | Self::Fraction, b'e' | b'E') => Self::Exponent,
            (Self::Exponent, b'+' | b'-') => Self::ExponentSign,
            (Self::Exponent | Self::ExponentSign | Self::ExponentDigits, b'0'..=b'9') => {
                Self::ExponentDigits
            }
            _ => return None,
        })
    }

    /// Whether digits may follow in any number without changing anything.
    #[inline]
    pub(super) fn takes_digits(self) -> bool {
        matches!(self, Self::Integer | Self::Fraction | Self::ExponentDigits)
    }

    #[inline]
    pub(super) fn may_end(self) -> bool {
        matches!(
            self,
            Self::Zero | Self::Integer | Self::Fraction | Self::ExponentDigits
        )
    }
}
