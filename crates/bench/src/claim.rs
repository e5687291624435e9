//! What may be said of two that were measured in the same rounds.

use crate::stats::Range;

/// What all rounds agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    Less,
    More,
    /// The rounds disagree.
    None,
}

impl Claim {
    /// Of ratios of each round.
    pub(crate) fn of(ratio: Range) -> Self {
        match () {
            () if ratio.high < 1.0 => Self::Less,
            () if ratio.low > 1.0 => Self::More,
            () => Self::None,
        }
    }
}

/// A sentence on what `own` costs beside `other`.
pub(crate) fn sentence(own: &str, other: &str, ratio: Range) -> String {
    let range = ratio.shown(2);
    match Claim::of(ratio) {
        Claim::Less => format!(
            "{own} costs less than {other}: {range}×, {:.1} times less in the median",
            1.0 / ratio.median
        ),
        Claim::More => format!("{own} costs more than {other}: {range}×"),
        Claim::None => format!("no claim on {own} and {other}, for the rounds disagree: {range}×"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(values: &[f64]) -> String {
        sentence("a", "b", Range::of(values.iter().copied()).unwrap())
    }

    #[test]
    fn claims_nothing_where_the_rounds_disagree() {
        assert_eq!(
            said(&[0.9, 0.95, 1.01]),
            "no claim on a and b, for the rounds disagree: 0.95 [0.90–1.01]×"
        );
        assert!(said(&[1.0, 1.2]).starts_with("no claim"));
    }

    #[test]
    fn claims_what_every_round_shows() {
        assert_eq!(
            said(&[1.1, 1.2, 1.4]),
            "a costs more than b: 1.20 [1.10–1.40]×"
        );
        assert_eq!(
            said(&[0.2, 0.25, 0.5]),
            "a costs less than b: 0.25 [0.20–0.50]×, 4.0 times less in the median"
        );
    }
}
