//! Medians and ranges of few rounds.

/// The middle and the ends of what the rounds gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Range {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

/// What a range says about a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every round kept it.
    Kept,
    /// The median kept it, but not every round: no claim.
    MedianOnly,
    /// The median missed it, but not every round: no claim.
    MedianMissed,
    /// No round kept it.
    Missed,
}

impl Range {
    pub(crate) const ZERO: Self = Self {
        low: 0.0,
        median: 0.0,
        high: 0.0,
    };

    /// `None` when there is nothing to look at.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values
            .into_iter()
            .filter(|value| value.is_finite())
            .collect();
        values.sort_by(f64::total_cmp);
        let (low, high) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Some(Self { low, median, high })
    }

    pub(crate) fn at_most(self, bound: f64) -> Verdict {
        match () {
            () if self.high <= bound => Verdict::Kept,
            () if self.median <= bound => Verdict::MedianOnly,
            () if self.low <= bound => Verdict::MedianMissed,
            () => Verdict::Missed,
        }
    }
}

/// The value below which `share` of all are. `None` when there are none.
pub(crate) fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into a slice that fits in memory"
    )]
    let index = (last as f64 * share) as usize;
    values.get(index).copied()
}

/// Nanoseconds as microseconds.
pub(crate) fn micros(nanos: impl IntoIterator<Item = u64>) -> Vec<f64> {
    nanos.into_iter().map(|nanos| as_f64(nanos) / 1e3).collect()
}

/// Counts and nanoseconds of a run are far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
pub(crate) fn as_f64(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_rounds() {
        let range = Range::of([3.0, 1.0, 2.0]).unwrap();
        assert_eq!(
            range,
            Range {
                low: 1.0,
                median: 2.0,
                high: 3.0
            }
        );
        assert_eq!(Range::of([4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
        assert_eq!(Range::of([]), None);
        assert_eq!(Range::of([f64::NAN]), None);
    }

    #[test]
    fn a_bound_within_the_range_is_no_claim() {
        let range = Range::of([1.0, 2.0, 3.0]).unwrap();
        assert_eq!(range.at_most(3.0), Verdict::Kept);
        assert_eq!(range.at_most(2.5), Verdict::MedianOnly);
        assert_eq!(range.at_most(1.5), Verdict::MedianMissed);
        assert_eq!(range.at_most(0.5), Verdict::Missed);
    }

    #[test]
    fn quantiles_of_what_there_is() {
        assert_eq!(quantile(&mut [], 0.5), None);
        assert_eq!(quantile(&mut [5.0, 1.0, 3.0], 0.5), Some(3.0));
        assert_eq!(quantile(&mut [5.0, 1.0, 3.0], 1.0), Some(5.0));
        assert_eq!(quantile(&mut micros([5000, 1000]), 0.0), Some(1.0));
    }
}
