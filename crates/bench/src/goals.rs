//! What the gateway is meant to reach, and whether it did.

use crate::peers::Peer;
use crate::samples::{Metric, Samples, Size, Work};
use crate::stats::{Range, Verdict};

/// The routes that the cost of many is compared with, and the many.
pub(crate) const FEW_ROUTES: &str = "10 routes";
pub(crate) const MANY_ROUTES: &str = "10,000 routes";

pub(crate) struct Goal {
    pub(crate) what: &'static str,
    pub(crate) bound: f64,
    pub(crate) unit: &'static str,
    measured: Measured,
}

enum Measured {
    Absolute(Work, &'static str, Metric),
    Ratio(Work, &'static str, &'static str, Metric),
    Beyond(Work, &'static str, &'static str, Metric),
}

impl Goal {
    /// All of them; each is an upper bound.
    pub(crate) fn all() -> Vec<Self> {
        let [plain, ai] = [Peer::Plain, Peer::Ai].map(Peer::name);
        let [nginx, envoy] = [Peer::Nginx, Peer::Envoy].map(Peer::name);
        let busy =
            |size, target, base| Measured::Ratio(Work::Busy(size), target, base, Metric::Cpu);
        let first = |target| Measured::Beyond(Work::Streams, target, nginx, Metric::FirstMedian);
        let slow = |target, metric| Measured::Absolute(Work::Slow, target, metric);
        let event = |target| Measured::Ratio(Work::Slow, target, envoy, Metric::EventCpu);
        let memory = |target, metric| Measured::Absolute(Work::Memory, target, metric);
        let goal = |what, bound, unit, measured| Self {
            what,
            bound,
            unit,
            measured,
        };
        vec![
            goal(
                "plain 1 KB, CPU a request",
                1.25,
                "× nginx",
                busy(Size::Small, plain, nginx),
            ),
            goal(
                "AI 1 KB, CPU a request",
                1.5,
                "× nginx",
                busy(Size::Small, ai, nginx),
            ),
            goal(
                "AI 100 KB, CPU a request",
                1.0,
                "× nginx",
                busy(Size::Large, ai, nginx),
            ),
            goal(
                "plain 1 KB, CPU a request",
                1.0 / 3.0,
                "× Envoy",
                busy(Size::Small, plain, envoy),
            ),
            goal(
                "10,000 routes on a host, CPU a request",
                1.3,
                "× 10 routes",
                Measured::Ratio(Work::Routes, MANY_ROUTES, FEW_ROUTES, Metric::Cpu),
            ),
            goal(
                "idle stream, plain",
                24.0,
                "KiB",
                memory(plain, Metric::StreamKib),
            ),
            goal(
                "idle stream, AI",
                24.0,
                "KiB",
                memory(ai, Metric::StreamKib),
            ),
            goal("idle process", 12.0, "MiB", memory(plain, Metric::IdleMib)),
            goal(
                "first token beyond nginx's, plain, median",
                50.0,
                "µs",
                first(plain),
            ),
            goal(
                "first token beyond nginx's, AI, median",
                50.0,
                "µs",
                first(ai),
            ),
            goal(
                "one of 5,000 slow streams, plain",
                24.0,
                "KiB",
                slow(plain, Metric::StreamKib),
            ),
            goal(
                "one of 5,000 slow streams, AI",
                24.0,
                "KiB",
                slow(ai, Metric::StreamKib),
            ),
            goal(
                "event of a slow stream, plain, CPU",
                0.6,
                "× Envoy",
                event(plain),
            ),
            goal("event of a slow stream, AI, CPU", 0.6, "× Envoy", event(ai)),
        ]
    }

    pub(crate) fn range(&self, samples: &Samples) -> Option<Range> {
        match self.measured {
            Measured::Absolute(work, target, metric) => samples.absolute(work, target, metric),
            Measured::Ratio(work, target, base, metric) => {
                samples.ratio(work, target, base, metric)
            }
            Measured::Beyond(work, target, base, metric) => {
                samples.beyond(work, target, base, metric)
            }
        }
    }

    /// In words.
    pub(crate) fn verdict(&self, range: Option<Range>) -> &'static str {
        match range.map(|range| range.at_most(self.bound)) {
            None => "not measured",
            Some(Verdict::Kept) => "reached",
            Some(Verdict::MedianOnly) => "undecided: the median keeps it, not every round",
            Some(Verdict::MedianMissed) => "undecided: the median misses it, not every round",
            Some(Verdict::Missed) => "not reached",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_reached_only_when_every_round_keeps_it() {
        let goal = Goal::all().into_iter().next().unwrap();
        let of = |values: &[f64]| goal.verdict(Range::of(values.iter().copied()));
        assert_eq!(of(&[1.0, 1.2, 1.25]), "reached");
        assert!(of(&[1.0, 1.2, 1.3]).starts_with("undecided: the median keeps"));
        assert!(of(&[1.2, 1.3, 1.4]).starts_with("undecided: the median misses"));
        assert_eq!(of(&[1.3, 1.4]), "not reached");
        assert_eq!(of(&[]), "not measured");
    }

    #[test]
    fn reads_what_it_is_about() {
        let mut samples = Samples::default();
        let work = Work::Busy(Size::Small);
        samples.add(0, work, Peer::Plain.name(), Metric::Cpu, 30.0);
        samples.add(0, work, Peer::Nginx.name(), Metric::Cpu, 20.0);
        samples.add(0, work, Peer::Envoy.name(), Metric::Cpu, 120.0);
        let medians: Vec<_> = Goal::all()
            .iter()
            .map(|goal| goal.range(&samples).map(|range| range.median))
            .collect();
        assert_eq!(medians[0], Some(1.5));
        assert_eq!(medians[1], None);
        assert_eq!(medians[3], Some(0.25));
    }
}
