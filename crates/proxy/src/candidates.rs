//! The order in which a request's targets are tried.

use agw_core::health::{Availability, Millis};
use agw_core::load::{is_better, two};
use agw_core::snapshot::{RulePlan, Target, Way};
use agw_core::sticky::{Sticky, StickyKey};

use crate::error::Error;
use crate::live::Live;

/// Hands out targets for one request: the choice whose turn it is, then what may stand in for it.
/// Nothing is handed out twice.
pub(crate) struct Candidates<'a> {
    live: &'a Live,
    plan: &'a RulePlan,
    /// Choices in the order they are tried: the one picked, the other actives, the standbys.
    order: Vec<usize>,
    tried: Vec<usize>,
    /// What this request may not ask.
    barred: Vec<usize>,
    /// What the request has in common with others, by the first target of a group; empty where
    /// nothing is asked about it.
    keys: Vec<(usize, StickyKey)>,
}

/// A target to try, and the backend reference that led to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) choice: usize,
    pub(crate) target: usize,
}

/// The first step of a request: where its turn falls.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum First<'a> {
    Choice(usize),
    /// Its share of requests has no backend.
    Invalid(&'a str),
    /// No choice has a weight.
    Nothing,
}

impl<'a> Candidates<'a> {
    /// Takes the rule's next turn, or the choice that a session's key falls on. Healthy actives take turns by weight; when none is healthy the
    /// turn stands as it falls. An invalid reference keeps its share.
    pub(crate) fn first(
        live: &'a Live,
        plan: &'a RulePlan,
        key: Option<StickyKey>,
        now: Millis,
    ) -> First<'a> {
        let usable = |choice: usize| match &plan.choices[choice].way {
            Way::Invalid(_) => true,
            Way::Targets(groups) => groups
                .iter()
                .flatten()
                .any(|&t| !live.target(t).1.is_out(now)),
        };
        let picked = match key {
            None => {
                let turn = live.next_turn(plan);
                let healthy = plan.actives.pick(turn, usable);
                healthy.or_else(|| plan.actives.pick(turn, |_| true))
            }
            Some(key) => {
                let seats = || {
                    let choices = plan.choices.iter().zip(&plan.rule.backends);
                    let seats = choices.map(|(choice, reference)| (choice.seat, reference.weight));
                    let seats = seats.enumerate();
                    seats.map(|(at, (seat, weight))| (at, seat, weight))
                };
                let healthy = key.heaviest(seats().filter(|(at, ..)| usable(*at)));
                healthy.or_else(|| key.heaviest(seats()))
            }
        };
        match picked.map(|choice| (choice, &plan.choices[choice].way)) {
            None => First::Nothing,
            Some((_, Way::Invalid(reason))) => First::Invalid(reason),
            Some((choice, Way::Targets(_))) => First::Choice(choice),
        }
    }

    /// The choice whose turn it is, and the first of its targets.
    pub(crate) fn pick(
        live: &Live,
        plan: &RulePlan,
        key: Option<StickyKey>,
        now: Millis,
    ) -> Result<(usize, usize), Error> {
        let nothing = |why: &str| Error::NoBackend(why.to_owned());
        let choice = match Candidates::first(live, plan, key, now) {
            First::Choice(choice) => choice,
            First::Invalid(reason) => return Err(nothing(reason)),
            First::Nothing => return Err(nothing("the rule has no backend with a weight")),
        };
        Self::of(live, plan, choice)
    }

    /// A choice, and the first of its targets; where it has none now, the first that may stand in.
    pub(crate) fn of(live: &Live, plan: &RulePlan, choice: usize) -> Result<(usize, usize), Error> {
        let groups = match &plan.choices[choice].way {
            Way::Targets(groups) => groups,
            Way::Invalid(reason) => return Err(Error::NoBackend(reason.to_string())),
        };
        let first = groups.iter().flatten().next().copied();
        let ai = |&target: &usize| live.target(target).0.is_ai();
        let stand_ins = || stand_ins(plan, choice).find_map(|c| targets(plan, c).find(ai));
        let first = first.or_else(stand_ins).ok_or(Error::NoEndpoint)?;
        Ok((choice, first))
    }

    /// Everything that may answer a request whose turn fell on `first`: then the other actives in
    /// manifest order, then the standbys.
    pub(crate) fn new(live: &'a Live, plan: &'a RulePlan, first: usize) -> Self {
        Self {
            live,
            plan,
            order: [first].into_iter().chain(stand_ins(plan, first)).collect(),
            tried: Vec::new(),
            barred: Vec::new(),
            keys: Vec::new(),
        }
    }

    /// Keeps the request with those that it belongs to: by what a group goes by, else by `session`.
    pub(crate) fn stick(
        &mut self,
        session: Option<StickyKey>,
        mut key: impl FnMut(&Sticky) -> Option<StickyKey>,
    ) {
        let (live, plan) = (self.live, self.plan);
        let groups = self.order.iter().flat_map(|&choice| groups(plan, choice));
        let leaders = groups.filter_map(|group| group.first().copied());
        let keys = leaders.filter_map(|first| {
            let own = live.target(first).0.policy().sticky.as_ref();
            let key = own.and_then(&mut key).or(session)?;
            Some((first, key))
        });
        self.keys.extend(keys);
    }

    /// Takes out what the request may not ask, before it could take the one trial of a target that
    /// was ejected.
    pub(crate) fn bar(&mut self, mut is_barred: impl FnMut(&Target) -> bool) {
        let (live, plan) = (self.live, self.plan);
        let all = self.order.iter().flat_map(|&choice| targets(plan, choice));
        let barred = all.filter(|&target| is_barred(live.target(target).0));
        self.barred.extend(barred);
    }

    pub(crate) fn has_barred(&self) -> bool {
        !self.barred.is_empty()
    }

    fn is_open(&self, target: usize) -> bool {
        !self.tried.contains(&target) && !self.barred.contains(&target)
    }

    /// The next target that may take a request now. When all are ejected and none was tried yet,
    /// the one whose ejection ends first: trying the best beats answering 503.
    pub(crate) fn next(&mut self, now: Millis) -> Option<Candidate> {
        let admitted = self
            .all(now)
            .find(|c| self.live.target(c.target).1.admit(now));
        let found = admitted.or_else(|| {
            let untried = self.tried.is_empty();
            untried.then(|| {
                self.all(now)
                    .min_by_key(|c| ejected_until(self.live, c.target, now))
            })?
        });
        if let Some(candidate) = found {
            self.tried.push(candidate.target);
        }
        found
    }

    /// The position in a priority group that a walk through it starts at. Taken anew for each walk:
    /// a walk that starts elsewhere still visits everybody once, for what was tried is passed over.
    fn start(&self, group: &[usize], now: Millis) -> usize {
        if group.len() < 2 {
            return 0;
        }
        let open = |at: &usize| {
            let target = group[*at];
            self.is_open(target) && !self.live.target(target).1.is_out(now)
        };
        let open: Vec<usize> = (0..group.len()).filter(open).collect();
        first_of(self.live, group, &open, now)
    }

    /// A priority group in the order in which it is asked.
    fn walk<'b>(&'b self, group: &'b [usize], now: Millis) -> impl Iterator<Item = usize> + 'b {
        let mut keys = self.keys.iter();
        let key = keys.find(|(first, _)| group.first() == Some(first));
        let key = key.map(|(_, key)| *key);
        let seat = move |at: usize| self.live.target(group[at]).0.seats[0];
        let ranked = key.map(|key| key.rank(group.len(), seat));
        let turns = key.is_none().then(|| {
            let start = self.start(group, now);
            (0..group.len()).map(move |i| (start + i) % group.len())
        });
        let ranked = ranked.into_iter().flatten();
        ranked
            .chain(turns.into_iter().flatten())
            .map(|at| group[at])
    }

    /// Untried AI targets in order. Within a priority group turns rotate, and whose turn it is
    /// makes way for one that is less busy; what belongs together has an order of its own.
    fn all(&self, now: Millis) -> impl Iterator<Item = Candidate> {
        self.order.iter().flat_map(move |&choice| {
            groups(self.plan, choice)
                .iter()
                .flat_map(move |group| self.walk(group, now))
                .filter(|&target| self.is_open(target) && self.live.target(target).0.is_ai())
                .map(move |target| Candidate { choice, target })
        })
    }
}

/// Where the walk through a group begins.
fn first_of(live: &Live, group: &[usize], open: &[usize], now: Millis) -> usize {
    let turn = match group.first() {
        Some(&first) => live.target(first).1.next_turn(),
        None => return 0,
    };
    if open.is_empty() {
        return turn % group.len();
    }
    let (own, other) = two(turn, open.len());
    let (own, other) = (open[own], open[other]);
    let cost = |at: usize| live.target(group[at]).1.cost(now);
    match own != other && is_better(cost(other), cost(own)) {
        true => other,
        false => own,
    }
}

/// What may take a request whose turn fell on `first`. A condition lets nothing else take it.
fn stand_ins(plan: &RulePlan, first: usize) -> impl Iterator<Item = usize> {
    let any = !plan.is_conditional();
    let others = (0..plan.choices.len()).filter(|&c| plan.rule.backends[c].weight > 0);
    let all = others.chain(plan.standbys.iter().copied());
    all.filter(move |&choice| any && choice != first)
}

/// The priority groups of a choice.
fn groups(plan: &RulePlan, choice: usize) -> &[Vec<usize>] {
    match &plan.choices[choice].way {
        Way::Targets(groups) => groups,
        Way::Invalid(_) => &[],
    }
}

/// The targets of a choice.
fn targets(plan: &RulePlan, choice: usize) -> impl Iterator<Item = usize> {
    groups(plan, choice).iter().flatten().copied()
}

fn ejected_until(live: &Live, target: usize, now: Millis) -> Millis {
    match live.target(target).1.availability(now) {
        Availability::Ejected { until } => until,
        _ => 0,
    }
}
