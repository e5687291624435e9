//! What guards know to look for by name.
//!
//! Each is a pattern for what has the form, and a check for what the form does not say: check
//! digits, ranges that are given out, and that it is not a part of something longer.

mod card;
mod digits;
mod email;
mod national;
mod phone;

use std::sync::{Arc, LazyLock};

use serde::Serialize;

use super::rules::{Rule, Validate};

/// A kind of data about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Builtin {
    CreditCard,
    Ssn,
    Email,
    PhoneNumber,
    CaSin,
}

static RULES: LazyLock<[Arc<Rule>; 5]> = LazyLock::new(|| {
    Builtin::ALL.map(|builtin| {
        let (pattern, validate) = builtin.form();
        let rule = Rule::new(&pattern, Some(validate), builtin.mask());
        Arc::new(rule.expect("the built-in patterns are good, which a test shows"))
    })
});

impl Builtin {
    pub const ALL: [Self; 5] = [
        Self::CreditCard,
        Self::Ssn,
        Self::Email,
        Self::PhoneNumber,
        Self::CaSin,
    ];

    /// As a manifest says it.
    pub fn word(self) -> &'static str {
        match self {
            Self::CreditCard => "CreditCard",
            Self::Ssn => "Ssn",
            Self::Email => "Email",
            Self::PhoneNumber => "PhoneNumber",
            Self::CaSin => "CaSin",
        }
    }

    /// What stands in a match's place.
    pub fn mask(self) -> &'static str {
        match self {
            Self::CreditCard => "<CREDIT_CARD>",
            Self::Ssn => "<SSN>",
            Self::Email => "<EMAIL_ADDRESS>",
            Self::PhoneNumber => "<PHONE_NUMBER>",
            Self::CaSin => "<CA_SIN>",
        }
    }

    pub(super) fn rule(self) -> Arc<Rule> {
        RULES[self as usize].clone()
    }

    fn form(self) -> (String, Validate) {
        match self {
            Self::CreditCard => (card::pattern(), card::valid),
            Self::Ssn => (national::ssn(), national::valid_ssn),
            Self::Email => (email::pattern(), email::valid),
            Self::PhoneNumber => (phone::pattern(), phone::valid),
            Self::CaSin => (national::sin(), national::valid_sin),
        }
    }
}
