//! The machine, and how quiet it was.

use std::fs;

use crate::stats::Range;
use crate::window::Noise;

/// Requests waiting for a CPU, above which the machine was not idle before the start.
const LOAD: f64 = 1.0;
/// Of the machine, in one window.
const FOREIGN: f64 = 0.05;
const STEAL: f64 = 0.02;

/// What the figures depend on besides the programs.
#[derive(Debug, Default)]
pub(crate) struct Setting {
    pub(crate) machine: String,
    /// Load average of a minute before the start.
    pub(crate) load: f64,
    noises: Vec<Noise>,
}

impl Setting {
    pub(crate) fn look(cores: usize) -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let cpu = read("/proc/cpuinfo");
        let model = cpu
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
            .map_or("unknown processor", |(_, name)| name.trim());
        let kernel = read("/proc/sys/kernel/osrelease");
        Self {
            machine: format!("{cores} × {model}, Linux {}", kernel.trim()),
            load: load_average(&read("/proc/loadavg")),
            noises: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, noise: Noise) {
        self.noises.push(noise);
    }

    /// A sentence that begins with `contended` or `quiet`.
    pub(crate) fn verdict(&self) -> String {
        let foreign = Range::of(self.noises.iter().map(|noise| noise.foreign));
        let steal = Range::of(self.noises.iter().map(|noise| noise.steal));
        let (foreign, steal) = (foreign.unwrap_or(Range::ZERO), steal.unwrap_or(Range::ZERO));
        let contended = self.load > LOAD || foreign.high > FOREIGN || steal.high > STEAL;
        let word = if contended { "contended" } else { "quiet" };
        format!(
            "{word}: load average {:.1} before the start; in the windows other programs took {:.0} % of the \
             machine in the median and {:.0} % at most, other guests of the host {:.0} % and {:.0} %",
            self.load,
            foreign.median * 100.0,
            foreign.high * 100.0,
            steal.median * 100.0,
            steal.high * 100.0,
        )
    }
}

fn load_average(text: &str) -> f64 {
    let first = text.split_whitespace().next();
    first.and_then(|text| text.parse().ok()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_loud_window_is_enough() {
        let mut setting = Setting::default();
        setting.add(Noise {
            foreign: 0.01,
            steal: 0.0,
        });
        assert!(setting.verdict().starts_with("quiet"));
        setting.add(Noise {
            foreign: 0.3,
            steal: 0.0,
        });
        assert!(
            setting.verdict().starts_with("contended"),
            "{}",
            setting.verdict()
        );
    }

    #[test]
    fn so_are_load_before_the_start_and_steal() {
        let setting = Setting {
            load: load_average("2.50 1.0 0.5 1/100 9"),
            ..Setting::default()
        };
        assert!(setting.verdict().starts_with("contended: load average 2.5"));
        let mut setting = Setting::default();
        setting.add(Noise {
            foreign: 0.0,
            steal: 0.1,
        });
        assert!(setting.verdict().starts_with("contended"));
    }
}
