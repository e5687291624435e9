//! What processes and the machine spent, from `/proc`.

use std::collections::HashMap;
use std::fs;

/// CPU time of the whole machine, in nanoseconds with a granularity of 10 ms.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Machine {
    /// Spent in programs and on their behalf in the kernel.
    pub(crate) busy: u64,
    /// Wanted, but given to another guest of the same host.
    pub(crate) steal: u64,
    /// All of it, idle time included.
    pub(crate) all: u64,
}

/// Nanoseconds of CPU time of process `root` and its descendants since each started. What is gone,
/// processes or threads, counts as nothing.
pub(crate) fn cpu_below(root: u32) -> u64 {
    tree(root).into_iter().map(cpu).sum()
}

/// Resident memory in bytes of process `root` and its descendants. Pages that they share count once
/// for each.
pub(crate) fn resident_below(root: u32) -> u64 {
    tree(root).into_iter().map(resident).sum()
}

pub(crate) fn machine() -> Machine {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    parse_machine(&text, rustix::param::clock_ticks_per_second())
}

fn parse_machine(text: &str, ticks_per_second: u64) -> Machine {
    let line = text.lines().find(|line| line.starts_with("cpu "));
    let fields: Vec<u64> = line
        .unwrap_or("cpu ")
        .split_whitespace()
        .skip(1)
        .map(|field| field.parse().unwrap_or(0))
        .collect();
    let tick = 1_000_000_000 / ticks_per_second.max(1);
    let field = |index: usize| fields.get(index).copied().unwrap_or(0) * tick;
    Machine {
        // user, nice, system; interrupts are nobody's.
        busy: field(0) + field(1) + field(2),
        steal: field(7),
        // Guest time is in user time already.
        all: (0..8).map(field).sum(),
    }
}

/// Process `root` and its descendants, each after its parent.
pub(crate) fn tree(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let parent = stat(pid).and_then(|fields| fields.get(1)?.parse().ok());
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        if let Some(below) = children.get(pid) {
            found.extend_from_slice(below);
        }
        next += 1;
    }
    found
}

/// The fields of `/proc/PID/stat` after the name, which may itself hold blanks: state first.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

/// Nanoseconds on a CPU: exact where the kernel keeps `schedstat`, else to the tick.
fn cpu(pid: u32) -> u64 {
    let mut total = 0;
    let mut exact = false;
    for task in fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let Ok(text) = fs::read_to_string(task.path().join("schedstat")) else {
            continue;
        };
        if let Some(nanos) = text
            .split_whitespace()
            .next()
            .and_then(|n| n.parse::<u64>().ok())
        {
            exact = true;
            total += nanos;
        }
    }
    if exact {
        return total;
    }
    let field = |fields: &[String], index: usize| {
        fields
            .get(index)
            .and_then(|text| text.parse::<u64>().ok())
            .unwrap_or(0)
    };
    let tick = 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1);
    stat(pid).map_or(0, |fields| (field(&fields, 11) + field(&fields, 12)) * tick)
}

fn resident(pid: u32) -> u64 {
    let pages = fs::read_to_string(format!("/proc/{pid}/statm"))
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok())
        .unwrap_or(0);
    pages * u64::try_from(rustix::param::page_size()).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_line_of_all_processors() {
        let text = "cpu  10 20 30 40 1 2 3 50 60 70\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
        let machine = parse_machine(text, 100);
        assert_eq!(machine.busy, 600_000_000);
        assert_eq!(machine.steal, 500_000_000);
        assert_eq!(machine.all, 1_560_000_000);
    }

    #[test]
    fn counts_what_this_process_burns() {
        let own = std::process::id();
        let before = cpu_below(own);
        let mut sum = 0_u64;
        while cpu_below(own) < before + 20_000_000 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(resident_below(own) > 0);
    }
}
