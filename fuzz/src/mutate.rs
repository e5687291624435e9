//! New inputs from old ones.

use std::ops::Range;

use crate::random::Random;

/// Inputs are kept this short.
pub(crate) const MAX_LENGTH: usize = 16 * 1024;

/// One to eight changes of `input`; `other` is what it is spliced with.
pub(crate) fn mutate(
    input: &[u8],
    other: &[u8],
    dictionary: &[&str],
    random: &mut Random,
) -> Vec<u8> {
    let mut made = input.to_vec();
    for _ in 0..=random.below(8) {
        change(&mut made, other, dictionary, random);
        made.truncate(MAX_LENGTH);
    }
    made
}

fn change(input: &mut Vec<u8>, other: &[u8], dictionary: &[&str], random: &mut Random) {
    match random.below(12) {
        0 => {
            if let Some(byte) = pick(input, random) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => {
            if let Some(byte) = pick(input, random) {
                *byte = random.byte();
            }
        }
        2..=4 => {
            let token = dictionary.get(random.below(dictionary.len()));
            let token = token.copied().unwrap_or_default().as_bytes();
            let at = random.below(input.len() + 1);
            // In place of something, or between.
            let end = if random.one_in(2) {
                word_end(input, at)
            } else {
                at
            };
            input.splice(at..end, token.iter().copied());
        }
        5 => {
            let from = range(other, random);
            let at = random.below(input.len() + 1);
            input.splice(at..at, other[from].iter().copied());
        }
        6 => {
            // The start of one with the end of the other.
            let at = random.below(input.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[random.below(other.len() + 1)..]);
        }
        7 => {
            let end = random.below(input.len() + 1);
            input.truncate(end);
        }
        8 => {
            let range = range(input, random);
            let copy = input[range.clone()].to_vec();
            let most = if random.one_in(16) { 64 } else { 2 };
            for _ in 0..=random.below(most) {
                if input.len() + copy.len() <= MAX_LENGTH {
                    input.splice(range.end..range.end, copy.iter().copied());
                }
            }
        }
        9 => {
            let range = range(input, random);
            input.drain(range);
        }
        10 => number(input, random),
        _ => {
            let at = random.below(input.len() + 1);
            let bytes: Vec<u8> = (0..=random.below(4)).map(|_| random.byte()).collect();
            input.splice(at..at, bytes);
        }
    }
}

fn pick<'a>(input: &'a mut [u8], random: &mut Random) -> Option<&'a mut u8> {
    let at = random.below(input.len());
    input.get_mut(at)
}

/// A short range mostly, sometimes a long one.
fn range(input: &[u8], random: &mut Random) -> Range<usize> {
    let start = random.below(input.len() + 1);
    let left = input.len() - start;
    let most = if random.one_in(4) { left } else { left.min(32) };
    start..start + random.below(most + 1)
}

fn word_end(input: &[u8], at: usize) -> usize {
    let word = input[at..].iter().take_while(|b| b.is_ascii_alphanumeric());
    at + word.count()
}

/// Puts a number at a bound in place of a number.
fn number(input: &mut Vec<u8>, random: &mut Random) {
    const BOUNDS: [&str; 12] = [
        "0",
        "-1",
        "1",
        "255",
        "65535",
        "65536",
        "2147483647",
        "2147483648",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "1e400",
    ];
    let starts: Vec<usize> = (0..input.len())
        .filter(|&i| input[i].is_ascii_digit() && (i == 0 || !input[i - 1].is_ascii_digit()))
        .collect();
    if let Some(&start) = starts.get(random.below(starts.len())) {
        let digits = input[start..].iter().take_while(|b| b.is_ascii_digit());
        let end = start + digits.count();
        let bound = BOUNDS[random.below(BOUNDS.len())];
        input.splice(start..end, bound.bytes());
    }
}
