//! What was measured, and what the rounds say together.

use crate::stats::Range;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// As fast as it goes.
    Busy(Size),
    /// At a fixed rate.
    Paced(Size),
    Streams,
    Memory,
    Routes,
    /// Thousands of streams at once.
    Slow,
    /// Between formats.
    Translation,
}

/// Of the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Small,
    Large,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    /// CPU microseconds a request or stream.
    Cpu,
    /// Requests a second.
    Throughput,
    /// Microseconds from the scheduled instant to the whole answer: median, 99th percentile.
    Median,
    Tail,
    /// Microseconds from the scheduled instant to the first token, without the provider's wait.
    FirstMedian,
    FirstTail,
    /// Microseconds from the provider to the client, for each chunk.
    ChunkMedian,
    ChunkTail,
    /// Resident memory of an idle process in MiB.
    IdleMib,
    /// Resident memory that an open stream adds, in KiB.
    StreamKib,
    /// CPU microseconds an event of a stream.
    EventCpu,
}

/// One value of one round.
#[derive(Clone, Copy, Debug)]
struct Sample {
    round: usize,
    work: Work,
    target: &'static str,
    metric: Metric,
    value: f64,
}

#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<Sample>);

impl Size {
    pub(crate) const ALL: [Self; 2] = [Self::Small, Self::Large];

    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Small => 1024,
            Self::Large => 100 * 1024,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Small => "1 KB",
            Self::Large => "100 KB",
        }
    }
}

impl Samples {
    pub(crate) fn add(
        &mut self,
        round: usize,
        work: Work,
        target: &'static str,
        metric: Metric,
        value: f64,
    ) {
        self.0.push(Sample {
            round,
            work,
            target,
            metric,
            value,
        });
    }

    /// Who was measured at this work, in the order of the first time.
    pub(crate) fn targets(&self, work: Work) -> Vec<&'static str> {
        let mut names = Vec::new();
        for sample in self.0.iter().filter(|sample| sample.work == work) {
            if !names.contains(&sample.target) {
                names.push(sample.target);
            }
        }
        names
    }

    pub(crate) fn absolute(&self, work: Work, target: &str, metric: Metric) -> Option<Range> {
        Range::of(self.of(work, target, metric).map(|(_, value)| value))
    }

    /// In each round, as a multiple of what `base` got in the same round.
    pub(crate) fn ratio(
        &self,
        work: Work,
        target: &str,
        base: &str,
        metric: Metric,
    ) -> Option<Range> {
        Range::of(
            self.pairs(work, target, base, metric)
                .map(|(own, other)| own / other),
        )
    }

    /// In each round, beyond what `base` got in the same round.
    pub(crate) fn beyond(
        &self,
        work: Work,
        target: &str,
        base: &str,
        metric: Metric,
    ) -> Option<Range> {
        Range::of(
            self.pairs(work, target, base, metric)
                .map(|(own, other)| own - other),
        )
    }

    fn pairs(
        &self,
        work: Work,
        target: &str,
        base: &str,
        metric: Metric,
    ) -> impl Iterator<Item = (f64, f64)> {
        self.of(work, target, metric)
            .filter_map(move |(round, own)| {
                let (_, other) = self
                    .of(work, base, metric)
                    .find(|(other, _)| *other == round)?;
                Some((own, other))
            })
    }

    fn of(&self, work: Work, target: &str, metric: Metric) -> impl Iterator<Item = (usize, f64)> {
        let wanted = move |sample: &&Sample| {
            sample.work == work && sample.target == target && sample.metric == metric
        };
        self.0
            .iter()
            .filter(wanted)
            .map(|sample| (sample.round, sample.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORK: Work = Work::Busy(Size::Small);

    #[test]
    fn compares_within_a_round() {
        let mut samples = Samples::default();
        for (round, own, other) in [(0, 30.0, 20.0), (1, 90.0, 45.0), (2, 20.0, 20.0)] {
            samples.add(round, WORK, "own", Metric::Cpu, own);
            samples.add(round, WORK, "nginx", Metric::Cpu, other);
        }
        // Another work, another metric and a round without its pair are left out.
        samples.add(0, Work::Routes, "own", Metric::Cpu, 1e9);
        samples.add(0, WORK, "own", Metric::Throughput, 1e9);
        samples.add(3, WORK, "own", Metric::Cpu, 1e9);
        let ratio = samples.ratio(WORK, "own", "nginx", Metric::Cpu);
        assert_eq!(ratio, Range::of([1.0, 1.5, 2.0]));
        let beyond = samples.beyond(WORK, "own", "nginx", Metric::Cpu);
        assert_eq!(beyond, Range::of([0.0, 10.0, 45.0]));
        assert_eq!(samples.targets(WORK), ["own", "nginx"]);
        assert_eq!(samples.ratio(WORK, "own", "Envoy", Metric::Cpu), None);
    }
}
