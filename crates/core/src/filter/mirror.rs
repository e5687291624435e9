//! `RequestMirror`: copies of requests for a backend whose answers nobody waits for.

use serde::Serialize;

use crate::id::BackendKey;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mirror {
    pub to: BackendKey,
    pub share: Share,
}

/// So many of so many requests, by turn and not by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Share {
    part: u32,
    whole: u32,
}

impl Share {
    /// Every request.
    pub const ALL: Self = Self { part: 1, whole: 1 };

    /// `None` when it is more than all, or a part of nothing.
    pub fn new(part: u32, whole: u32) -> Option<Self> {
        (part <= whole && whole > 0).then_some(Self { part, whole })
    }

    pub fn part(self) -> u32 {
        self.part
    }

    pub fn whole(self) -> u32 {
        self.whole
    }

    /// Whether the request of this turn is among them: of any `whole` in a row exactly `part`
    /// are, spread evenly.
    pub fn takes(self, turn: usize) -> bool {
        let (part, whole) = (u64::from(self.part), u64::from(self.whole));
        let turn = turn as u64 % whole;
        (turn + 1) * part / whole > turn * part / whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_just_its_share_of_any_turns_in_a_row() {
        for (part, whole) in [(0, 1), (1, 1), (1, 100), (37, 100), (2, 3), (99, 100)] {
            let share = Share::new(part, whole).unwrap();
            for start in [0, 1, 17, 1000] {
                let taken = (start..start + whole as usize).filter(|&turn| share.takes(turn));
                assert_eq!(taken.count(), part as usize, "{share:?} from {start}");
            }
        }
    }

    #[test]
    fn is_never_more_than_all() {
        assert_eq!(Share::new(2, 1), None);
        assert_eq!(Share::new(0, 0), None);
        assert!(Share::ALL.takes(usize::MAX));
    }
}
