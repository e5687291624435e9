//! The report, in Markdown.

use std::fmt::Write as _;

use crate::claim;
use crate::goals::{FEW_ROUTES, Goal};
use crate::peers::{PASSED, Peer};
use crate::samples::{Metric, Samples, Size, Work};
use crate::setting::Setting;
use crate::stats::Range;

/// All that a report tells.
pub(crate) struct Report<'a> {
    pub(crate) setting: &'a Setting,
    pub(crate) samples: &'a Samples,
    /// How long and how often.
    pub(crate) protocol: String,
    /// Names beside versions.
    pub(crate) versions: Vec<(&'static str, String)>,
    /// Names beside what is missing.
    pub(crate) skipped: Vec<(&'static str, String)>,
    /// What befell the measurement and has to be known beside the figures.
    pub(crate) remarks: Vec<String>,
}

/// A column of a table: its heading, and what it shows of a target.
struct Column<'a> {
    heading: &'static str,
    cell: Box<Cell<'a>>,
}

/// Of the target of that name; `None` when it was not measured.
type Cell<'a> = dyn Fn(&str) -> Option<String> + 'a;

impl Report<'_> {
    pub(crate) fn render(&self) -> String {
        let mut text = String::from("# Benchmark\n\n");
        self.preamble(&mut text);
        self.goals(&mut text);
        for size in Size::ALL {
            self.busy(&mut text, size);
        }
        for size in Size::ALL {
            self.paced(&mut text, size);
        }
        self.streams(&mut text);
        self.memory(&mut text);
        self.routes(&mut text);
        self.slow(&mut text);
        self.translation(&mut text);
        text
    }

    // Writing to a String cannot fail.
    fn preamble(&self, text: &mut String) {
        let _ = writeln!(text, "- Machine: {}", self.setting.machine);
        let _ = writeln!(text, "- The machine was {}", self.setting.verdict());
        let _ = writeln!(text, "- {}", self.protocol);
        for (name, version) in &self.versions {
            let _ = writeln!(text, "- {name}: {version}");
        }
        for (name, missing) in &self.skipped {
            let _ = writeln!(text, "- Skipped: {name}, {missing}");
        }
        for remark in &self.remarks {
            let _ = writeln!(text, "- {remark}");
        }
        text.push_str(
            "\nFigures are medians of the rounds, with the lowest and the highest round in brackets. \"× nginx\" is \
             the ratio to nginx in the same round. The gateway writes its access log to a file and counts tokens on \
             the AI path; nginx, Envoy and the floor log nothing.\n",
        );
    }

    fn goals(&self, text: &mut String) {
        text.push_str("\n## Goals\n\n| Goal | at most | measured | |\n|---|---|---|---|\n");
        for goal in Goal::all() {
            let range = goal.range(self.samples);
            let measured = range.map_or_else(String::new, |range| range.shown(2));
            let _ = writeln!(
                text,
                "| {} | {:.2} {} | {measured} | {} |",
                goal.what,
                goal.bound,
                goal.unit,
                goal.verdict(range)
            );
        }
    }

    fn busy(&self, text: &mut String, size: Size) {
        let work = Work::Busy(size);
        let title = format!("{} as fast as it goes", size.name());
        let columns = [
            self.absolute("CPU µs a request", work, Metric::Cpu, 1),
            self.ratio("× nginx", work, Metric::Cpu),
            self.absolute("requests a second", work, Metric::Throughput, 0),
        ];
        self.table(text, &title, work, &columns);
        self.claims(text, work);
    }

    fn paced(&self, text: &mut String, size: Size) {
        let work = Work::Paced(size);
        let title = format!("{} at a fixed rate", size.name());
        let columns = [
            self.absolute("median µs", work, Metric::Median, 0),
            self.beyond("beyond direct", work, Peer::Direct, Metric::Median),
            self.absolute("p99 µs", work, Metric::Tail, 0),
            self.beyond("beyond direct", work, Peer::Direct, Metric::Tail),
            self.absolute("CPU µs a request", work, Metric::Cpu, 1),
            self.ratio("× nginx", work, Metric::Cpu),
        ];
        self.table(text, &title, work, &columns);
    }

    fn streams(&self, text: &mut String) {
        let work = Work::Streams;
        let columns = [
            self.absolute("first token: median µs", work, Metric::FirstMedian, 0),
            self.beyond("beyond nginx", work, Peer::Nginx, Metric::FirstMedian),
            self.absolute("p99 µs", work, Metric::FirstTail, 0),
            self.absolute("chunk: median µs", work, Metric::ChunkMedian, 0),
            self.absolute("p99 µs", work, Metric::ChunkTail, 0),
            self.absolute("CPU µs a stream", work, Metric::Cpu, 0),
            self.ratio("× nginx", work, Metric::Cpu),
        ];
        self.table(text, "Streams at a fixed rate", work, &columns);
        self.claims(text, work);
    }

    fn memory(&self, text: &mut String) {
        let work = Work::Memory;
        let columns = [
            self.absolute("idle process MiB", work, Metric::IdleMib, 1),
            self.absolute("KiB an idle stream", work, Metric::StreamKib, 1),
        ];
        self.table(text, "Resident memory of a fresh process", work, &columns);
    }

    fn routes(&self, text: &mut String) {
        let work = Work::Routes;
        let base = move |target: &str| {
            let ratio = self.samples.ratio(work, target, FEW_ROUTES, Metric::Cpu)?;
            Some(ratio.shown(2))
        };
        let columns = [
            self.absolute("CPU µs a request", work, Metric::Cpu, 1),
            Column {
                heading: "× 10 routes",
                cell: Box::new(base),
            },
            self.absolute("process MiB", work, Metric::IdleMib, 1),
        ];
        self.table(text, "Routes on one host, 1 KB", work, &columns);
    }

    fn slow(&self, text: &mut String) {
        let work = Work::Slow;
        let beside_envoy = move |samples: &Samples, target: &str| {
            let ratio = samples.ratio(work, target, Peer::Envoy.name(), Metric::EventCpu)?;
            Some(ratio.shown(2))
        };
        let columns = [
            self.absolute("KiB a stream", work, Metric::StreamKib, 1),
            self.absolute("CPU µs an event", work, Metric::EventCpu, 1),
            self.beside("× Envoy", beside_envoy),
            self.absolute("idle process MiB", work, Metric::IdleMib, 1),
        ];
        self.table(text, "Slow streams at once, all completed", work, &columns);
    }

    fn translation(&self, text: &mut String) {
        let work = Work::Translation;
        let passed = move |metric| {
            move |samples: &Samples, target: &str| {
                let ratio = samples.ratio(work, target, PASSED, metric)?;
                Some(ratio.shown(2))
            }
        };
        let columns = [
            self.absolute("CPU µs a request", work, Metric::Cpu, 1),
            self.beside("× passed through", passed(Metric::Cpu)),
            self.absolute("CPU µs an event", work, Metric::EventCpu, 2),
            self.beside("× passed through", passed(Metric::EventCpu)),
        ];
        let title = "OpenAI's chat completions, by the provider's format, 1 KB";
        self.table(text, title, work, &columns);
    }

    /// Nothing for work that nobody did.
    fn table(&self, text: &mut String, title: &str, work: Work, columns: &[Column<'_>]) {
        let targets = self.samples.targets(work);
        if targets.is_empty() {
            return;
        }
        let _ = write!(text, "\n## {title}\n\n|");
        for column in columns {
            let _ = write!(text, " | {}", column.heading);
        }
        let _ = writeln!(text, " |\n|---|{}", "---|".repeat(columns.len()));
        for target in targets {
            let _ = write!(text, "| {target}");
            for column in columns {
                let _ = write!(text, " | {}", (column.cell)(target).unwrap_or_default());
            }
            text.push_str(" |\n");
        }
    }

    /// What the rounds say of the gateway beside each other.
    fn claims(&self, text: &mut String, work: Work) {
        let own = [Peer::Plain, Peer::Ai];
        let others = self.samples.targets(work).into_iter().filter(|name| {
            own.iter().all(|peer| peer.name() != *name) && *name != Peer::Direct.name()
        });
        let mut lines = Vec::new();
        for other in others {
            for own in own.map(Peer::name) {
                let ratio = self.samples.ratio(work, own, other, Metric::Cpu);
                lines.extend(ratio.map(|ratio| claim::sentence(own, other, ratio)));
            }
        }
        if !lines.is_empty() {
            text.push_str("\nCPU:\n\n");
        }
        for line in lines {
            let _ = writeln!(text, "- {line}");
        }
    }

    fn absolute(
        &self,
        heading: &'static str,
        work: Work,
        metric: Metric,
        decimals: usize,
    ) -> Column<'_> {
        let cell = move |target: &str| {
            let range = self.samples.absolute(work, target, metric)?;
            Some(range.shown(decimals))
        };
        Column {
            heading,
            cell: Box::new(cell),
        }
    }

    fn ratio(&self, heading: &'static str, work: Work, metric: Metric) -> Column<'_> {
        self.beside(heading, move |samples, target| {
            samples
                .ratio(work, target, Peer::Nginx.name(), metric)
                .map(|range| range.shown(2))
        })
    }

    fn beyond(&self, heading: &'static str, work: Work, base: Peer, metric: Metric) -> Column<'_> {
        self.beside(heading, move |samples, target| {
            samples
                .beyond(work, target, base.name(), metric)
                .map(|range| range.shown(0))
        })
    }

    fn beside(
        &self,
        heading: &'static str,
        cell: impl Fn(&Samples, &str) -> Option<String> + 'static,
    ) -> Column<'_> {
        Column {
            heading,
            cell: Box::new(move |target| cell(self.samples, target)),
        }
    }
}

impl Range {
    /// The median, and in brackets the ends.
    pub(crate) fn shown(self, decimals: usize) -> String {
        let Self { low, median, high } = self;
        format!("{median:.decimals$} [{low:.decimals$}–{high:.decimals$}]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(samples: &Samples) -> String {
        Report {
            setting: &Setting::default(),
            samples,
            protocol: "3 rounds".to_owned(),
            versions: vec![("nginx", "nginx/1".to_owned())],
            skipped: vec![("Envoy", "no envoy".to_owned())],
            remarks: Vec::new(),
        }
        .render()
    }

    #[test]
    fn names_what_was_skipped_and_what_was_not_measured() {
        let text = rendered(&Samples::default());
        assert!(text.contains("- Skipped: Envoy, no envoy\n"), "{text}");
        assert!(
            text.contains("| idle process | 12.00 MiB |  | not measured |"),
            "{text}"
        );
        assert!(!text.contains("as fast as it goes"), "{text}");
    }

    #[test]
    fn shows_ratios_and_claims_of_the_rounds() {
        let mut samples = Samples::default();
        let work = Work::Busy(Size::Small);
        for (round, own, nginx, floor) in [(0, 24.0, 20.0, 22.0), (1, 26.0, 20.0, 28.0)] {
            for (name, value) in [("agw plain", own), ("nginx", nginx), ("hyper floor", floor)] {
                samples.add(round, work, name, Metric::Cpu, value);
            }
        }
        let text = rendered(&samples);
        assert!(
            text.contains("| agw plain | 25.0 [24.0–26.0] | 1.25 [1.20–1.30] |  |"),
            "{text}"
        );
        assert!(
            text.contains("- agw plain costs more than nginx: 1.25 [1.20–1.30]×"),
            "{text}"
        );
        assert!(
            text.contains("- no claim on agw plain and hyper floor"),
            "{text}"
        );
        assert!(
            text.contains("| 1.25 [1.20–1.30] | undecided: the median keeps it"),
            "{text}"
        );
    }
}
