//! Requests that belong together go to the same place: rendezvous hashing.
//!
//! Everybody who may take a request gets a number that follows from what the requests have in
//! common and from who it is; the highest takes it. Who leaves hands on its own requests and moves
//! nobody else's, and who comes back gets the same ones again. Proxies agree without talking.

use std::cmp::Ordering;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::expr::Expression;
use crate::header::FieldName;
use crate::session::Persistence;

/// By what a backend's requests belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sticky {
    /// The value of a header that clients send.
    Header(FieldName),
    /// A session that the gateway begins.
    Session(Arc<Persistence>),
    /// What an expression says of them.
    Expression(Expression),
}

/// What requests have in common, as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StickyKey(u64);

/// Who may take requests, as a number: the same in every proxy, whatever order they stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seat(u64);

/// Positions from the highest number to the lowest. The next one is looked for when it is asked
/// for: the first costs one walk, and nothing is kept.
#[derive(Debug)]
pub struct Ranked<F> {
    key: StickyKey,
    count: usize,
    seat: F,
    last: Option<(u64, usize)>,
}

impl StickyKey {
    /// The same bytes are the same key.
    pub fn of(bytes: &[u8]) -> Self {
        Self(hashed(OFFSET, bytes))
    }

    /// Positions below `count` in the order in which they are asked.
    pub fn rank<F: Fn(usize) -> Seat>(self, count: usize, seat: F) -> Ranked<F> {
        Ranked {
            key: self,
            count,
            seat,
            last: None,
        }
    }

    /// The position of the seat that takes the key, each in proportion to its weight: a change of
    /// weights moves keys only towards those that gain. Without a weight above 0, none does.
    pub fn heaviest(self, seats: impl Iterator<Item = (usize, Seat, u32)>) -> Option<usize> {
        let weighed = seats.filter(|(_, _, weight)| *weight > 0);
        let weighed = weighed.map(|(at, seat, weight)| (self.weight(seat, weight), at));
        let best = weighed.max_by(|(a, at), (b, bt)| a.total_cmp(b).then_with(|| bt.cmp(at)));
        best.map(|(_, at)| at)
    }

    fn weight(self, seat: Seat, weight: u32) -> f64 {
        // 32 bits are enough for any proportion, and are exact in a float.
        let high = u32::try_from(self.number(seat) >> 32).unwrap_or(u32::MAX);
        let uniform = (f64::from(high) + 0.5) / (f64::from(u32::MAX) + 1.0);
        -f64::from(weight) / uniform.ln()
    }

    fn number(self, seat: Seat) -> u64 {
        mixed(self.0 ^ seat.0)
    }
}

impl Seat {
    /// Who is named by these parts, in this order.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        let parts = parts.into_iter();
        Self(mixed(parts.fold(OFFSET, |state, part| {
            // Parts do not run into each other: no name has this byte.
            hashed(hashed(state, part.as_bytes()), &[0xff])
        })))
    }

    /// One that stands there again, told from its equals by `number`.
    #[must_use]
    pub fn again(self, number: usize) -> Self {
        Self(self.0 ^ mixed(u64::try_from(number).unwrap_or(u64::MAX)))
    }
}

impl<F: Fn(usize) -> Seat> Iterator for Ranked<F> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let numbers = (0..self.count).map(|at| (self.key.number((self.seat)(at)), at));
        let rest = numbers.filter(|found| {
            let last = self.last.as_ref();
            last.is_none_or(|last| by_rank(found, last) == Ordering::Less)
        });
        let next = rest.max_by(by_rank)?;
        self.last = Some(next);
        Some(next.1)
    }
}

/// Of equals the first comes first.
fn by_rank(a: &(u64, usize), b: &(u64, usize)) -> Ordering {
    a.0.cmp(&b.0).then_with(|| b.1.cmp(&a.1))
}

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a: short, and the same everywhere and in every release.
fn hashed(state: u64, bytes: &[u8]) -> u64 {
    let step = |state: u64, byte: &u8| (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(state, step)
}

/// Spreads what differs in few bits over all of them (the end of SplitMix64).
fn mixed(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Serialize for Sticky {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Header(name) => {
                serializer.collect_str(&format_args!("header {}", name.written()))
            }
            Self::Session(persistence) => persistence.serialize(serializer),
            Self::Expression(e) => serializer.collect_str(&format_args!("= {}", e.source())),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seats(names: &[String]) -> Vec<Seat> {
        names.iter().map(|name| Seat::of(["pool", name])).collect()
    }

    /// The same by sorting everybody.
    fn naive(key: StickyKey, seats: &[Seat]) -> Vec<usize> {
        let mut all: Vec<_> = (0..seats.len()).collect();
        all.sort_by_key(|&at| (std::cmp::Reverse(mixed(key.0 ^ seats[at].0)), at));
        all
    }

    fn key(number: u32) -> StickyKey {
        StickyKey::of(format!("user-{number}").as_bytes())
    }

    fn first(key: StickyKey, seats: &[Seat]) -> Option<usize> {
        key.rank(seats.len(), |at| seats[at]).next()
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_the_naive_twin(
            names in prop::collection::vec("[a-d]{1,2}", 0..9),
            number: u32,
        ) {
            let seats = seats(&names);
            let ours: Vec<_> = key(number).rank(seats.len(), |at| seats[at]).collect();
            prop_assert_eq!(ours, naive(key(number), &seats));
        }

        #[test]
        fn who_leaves_moves_its_own_keys_alone(
            names in prop::collection::btree_set("[a-z]{3}", 2..9),
            leaver in any::<prop::sample::Index>(),
        ) {
            let names: Vec<_> = names.into_iter().collect();
            let leaver = leaver.index(names.len());
            let mut left = names.clone();
            left.remove(leaver);
            let (before, after) = (seats(&names), seats(&left));
            for number in 0..200 {
                let was = first(key(number), &before).unwrap();
                let is = first(key(number), &after).unwrap();
                if was != leaver {
                    prop_assert_eq!(&names[was], &left[is]);
                    continue;
                }
                // The one who stands in is the second, so nothing moves again while it is away.
                let second = key(number).rank(names.len(), |at| before[at]).nth(1).unwrap();
                prop_assert_eq!(&names[second], &left[is]);
            }
        }

        #[test]
        fn a_weight_that_grows_only_takes(weights in prop::collection::vec(1u32..50, 2..6), more in 1u32..50) {
            let weigh = |weights: &[u32], number| {
                let seats = weights.iter().enumerate();
                let seats = seats.map(|(at, weight)| (at, Seat::of([format!("b{at}").as_str()]), *weight));
                key(number).heaviest(seats)
            };
            let mut grown = weights.clone();
            grown[0] += more;
            for number in 0..200 {
                let (was, is) = (weigh(&weights, number), weigh(&grown, number));
                prop_assert!(was == is || is == Some(0), "{:?} {:?}", was, is);
            }
        }
    }

    #[test]
    fn keys_are_spread_evenly_and_by_weight() {
        let names: Vec<_> = (0..5).map(|n| format!("10.0.0.{n}:8080")).collect();
        let seats = seats(&names);
        let mut taken = [0; 5];
        for number in 0..10_000 {
            taken[first(key(number), &seats).unwrap()] += 1;
        }
        assert!(
            taken.iter().all(|n| (1_800..2_200).contains(n)),
            "{taken:?}"
        );
        let mut taken = [0; 3];
        for number in 0..10_000 {
            let weighed = [(0, seats[0], 80), (1, seats[1], 20), (2, seats[2], 0)];
            taken[key(number).heaviest(weighed.into_iter()).unwrap()] += 1;
        }
        assert!((7_800..8_200).contains(&taken[0]), "{taken:?}");
        assert_eq!(taken[2], 0);
    }

    #[test]
    fn equals_are_told_apart() {
        let seat = Seat::of(["a", "b"]);
        assert_ne!(seat, Seat::of(["ab", ""]));
        assert_ne!(seat, seat.again(1));
        assert_eq!(key(1).heaviest(std::iter::empty()), None);
        assert_eq!(key(1).heaviest([(0, seat, 0)].into_iter()), None);
    }
}
