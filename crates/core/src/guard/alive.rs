//! Whether a match may still come of what stands at the end of a text.

use regex_automata::hybrid::dfa::{Cache, Config, DFA};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::prefilter::Prefilter;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::{Hir, HirKind, Repetition};

/// A pattern without its conditions on what stands around a match: it goes on at least as long as
/// the pattern itself.
pub(super) struct Alive(DFA);

impl Alive {
    /// `None` for a pattern that is too large.
    pub(super) fn new(pattern: Hir, limit: usize) -> Option<Self> {
        let config = thompson::Config::new()
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(Some(limit));
        let nfa = thompson::Compiler::new()
            .configure(config)
            .build_from_hir(&without_conditions(pattern))
            .ok()?;
        let config = Config::new()
            .match_kind(MatchKind::All)
            .prefilter(None::<Prefilter>)
            .skip_cache_capacity_check(true);
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa).ok()?;
        Some(Self(dfa))
    }

    pub(super) fn cache(&self) -> Cache {
        self.0.create_cache()
    }

    /// Whether more text might make, extend or unmake a match that starts at `start`.
    pub(super) fn at(&self, cache: &mut Cache, text: &str, start: usize) -> bool {
        let bytes = text.as_bytes();
        let input = Input::new(bytes).range(start..).anchored(Anchored::Yes);
        // What the automaton gives up on may be anything.
        let Ok(mut state) = self.0.start_state_forward(cache, &input) else {
            return true;
        };
        for byte in &bytes[start..] {
            match self.0.next_state(cache, state, *byte) {
                Ok(next) if next.is_dead() => return false,
                Ok(next) if next.is_quit() => return true,
                Ok(next) => state = next,
                Err(_) => return true,
            }
        }
        true
    }
}

fn without_conditions(pattern: Hir) -> Hir {
    match pattern.into_kind() {
        HirKind::Look(_) | HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Capture(capture) => without_conditions(*capture.sub),
        HirKind::Concat(all) => Hir::concat(all.into_iter().map(without_conditions).collect()),
        HirKind::Alternation(all) => {
            Hir::alternation(all.into_iter().map(without_conditions).collect())
        }
        HirKind::Repetition(Repetition {
            min,
            max,
            greedy,
            sub,
        }) => Hir::repetition(Repetition {
            min,
            max,
            greedy,
            sub: Box::new(without_conditions(*sub)),
        }),
    }
}
