//! A snapshot together with what is learnt while serving it: health and turns, which outlive it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use agw_core::balance::Schedule;
use agw_core::health::{Availability, Change, Health, Millis};
use agw_core::id::{BackendKey, ObjectKey, RouteKind};
use agw_core::listener::Transport;
use agw_core::load::{Latency, Seen};
use agw_core::retry::RetryBudget;
use agw_core::snapshot::{MirrorPlan, RulePlan, Snapshot, Target};
use http::Extensions;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use crate::access::{Decisions, Verifiers};
use crate::allowances::Allowances;
use crate::case;
use crate::credentials::{Environment, Sources};
use crate::server_tls::{PortTls, ServerConfigs, TlsServers};
use crate::wiring::Wiring;

/// What the workers serve from. Swapped whole; a request keeps the one it started with.
pub(crate) struct Live {
    pub(crate) snapshot: Arc<Snapshot>,
    /// Parallel to `snapshot.targets`.
    targets: Vec<Arc<TargetState>>,
    /// Parallel to `snapshot.targets`.
    wirings: Vec<Arc<Wiring>>,
    /// Credentials that the wirings use and that expire.
    sources: Sources,
    /// Parallel to `snapshot.rules`; the same value as before where the plan is.
    rules: Vec<Arc<RuleState>>,
    tls: ServerConfigs,
    pub(crate) verifiers: Verifiers,
    pub(crate) allowances: Allowances,
    pub(crate) decisions: Decisions,
}

/// What is known of one target; the same value across snapshots while its identity stays.
pub(crate) struct TargetState {
    health: Mutex<Health>,
    /// Whether `health` holds anything but the default: lets the healthy path skip the lock.
    troubled: AtomicBool,
    /// Turns of a plain backend's endpoints, or of the providers in one priority group.
    turn: AtomicUsize,
    /// Requests that the budget has not been paid for yet.
    unpaid: AtomicU32,
    budget: Mutex<RetryBudget>,
    in_flight: AtomicU32,
    latency: Mutex<Latency>,
}

struct RuleState {
    turn: Arc<AtomicUsize>,
    /// By [`MirrorPlan::index`].
    mirror_turns: Vec<AtomicUsize>,
    /// What makes the rule's response header names keep their case.
    cased: Option<Extensions>,
}

impl TargetState {
    fn new() -> Self {
        Self {
            health: Mutex::new(Health::default()),
            troubled: AtomicBool::new(false),
            turn: AtomicUsize::new(0),
            unpaid: AtomicU32::new(0),
            budget: Mutex::new(RetryBudget::new(now_millis())),
            in_flight: AtomicU32::new(0),
            latency: Mutex::default(),
        }
    }

    /// Counts a request that is not a retry.
    pub(crate) fn asked(&self) {
        self.unpaid.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the target's traffic pays for one more retry.
    pub(crate) fn may_retry(&self, now: Millis) -> bool {
        let requests = self.unpaid.swap(0, Ordering::Relaxed);
        self.budget.lock().spend(now, requests)
    }

    /// One request more that is not answered yet; see [`crate::in_flight::InFlight`].
    pub(crate) fn begun(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn ended(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes in how long an attempt took.
    pub(crate) fn took(&self, now: Millis, took: Duration, seen: Seen) {
        self.latency.lock().observe(now, took, seen);
    }

    /// What one more request costs it.
    pub(crate) fn cost(&self, now: Millis) -> f64 {
        let latency = *self.latency.lock();
        latency.cost(now, self.in_flight.load(Ordering::Relaxed))
    }

    pub(crate) fn next_turn(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether a request may go there now. Saying yes to a half-open target takes its one trial.
    pub(crate) fn admit(&self, now: Millis) -> bool {
        if !self.troubled.load(Ordering::Relaxed) {
            return true;
        }
        let mut health = self.health.lock();
        match health.availability(now) {
            Availability::Healthy => true,
            Availability::HalfOpen => health.try_trial(now),
            Availability::Ejected { .. } => false,
        }
    }

    /// Whether it is ejected now; asks for no trial.
    pub(crate) fn is_out(&self, now: Millis) -> bool {
        self.troubled.load(Ordering::Relaxed)
            && matches!(
                self.health.lock().availability(now),
                Availability::Ejected { .. }
            )
    }

    pub(crate) fn availability(&self, now: Millis) -> Availability {
        self.health.lock().availability(now)
    }

    pub(crate) fn succeeded(&self) {
        if self.troubled.load(Ordering::Relaxed) {
            let mut health = self.health.lock();
            health.succeeded();
            self.note(&health);
        }
    }

    pub(crate) fn failed(&self, target: &Target, now: Millis, retry_after: Option<Duration>) {
        let Some(policy) = &target.policy().ejection else {
            return;
        };
        let mut health = self.health.lock();
        let change = health.failed(now, policy, retry_after);
        self.note(&health);
        drop(health);
        report(target, change);
    }

    pub(crate) fn probed(&self, target: &Target, now: Millis, outcome: Result<(), ()>) {
        let Some(policy) = &target.policy().ejection else {
            return;
        };
        let mut health = self.health.lock();
        let change = health.probed(now, policy, outcome);
        self.note(&health);
        drop(health);
        report(target, change);
    }

    fn note(&self, health: &Health) {
        self.troubled
            .store(*health != Health::default(), Ordering::Relaxed);
    }
}

fn report(target: &Target, change: Change) {
    match change {
        Change::None => {}
        Change::Ejected(length) => tracing::warn!(
            backend = %target.key, provider = target.entry(), seconds = length.as_secs_f64(),
            "backend taken out after failures"
        ),
        Change::Restored => {
            tracing::info!(backend = %target.key, provider = target.entry(), "backend restored");
        }
    }
}

impl Live {
    /// State for `snapshot`, carrying over what `previous` learnt about targets and rules that
    /// are still there.
    pub(crate) async fn build(
        snapshot: Arc<Snapshot>,
        servers: &TlsServers,
        environment: &Arc<Environment>,
        previous: Option<&Self>,
    ) -> Self {
        let known = previous.map(known_targets).unwrap_or_default();
        let targets = snapshot.targets.iter().map(|target| {
            let kept = known.get(&(&target.key, target.entry())).cloned();
            kept.unwrap_or_else(|| Arc::new(TargetState::new()))
        });
        let targets = targets.collect();
        let rules = rules(&snapshot, previous).await;
        let mut sources = Sources::new(environment.clone());
        let before = previous.map(|live| &live.sources);
        let mut wire = |target| Arc::new(Wiring::new(target, &mut sources, before));
        let wirings = snapshot.targets.iter().map(|target| wire(target)).collect();
        let verifiers = Verifiers::new(&snapshot, previous.map(|live| &live.verifiers));
        let allowances = Allowances::new(&snapshot, previous.map(|live| &live.allowances));
        let decisions = Decisions::new(&snapshot, previous.map(|live| &live.decisions));
        Self {
            verifiers,
            allowances,
            decisions,
            wirings,
            sources,
            targets,
            rules,
            tls: servers.configs(&snapshot),
            snapshot,
        }
    }

    /// What connections to a port begin with. A port that is gone is one for requests, which are
    /// told so.
    pub(crate) fn transport(&self, port: u16) -> Transport {
        let bind = self.snapshot.bind(port);
        bind.map_or(Transport::Http, |bind| bind.transport)
    }

    /// TLS of a port; `None` where it cannot be served.
    pub(crate) fn tls(&self, port: u16) -> Option<&PortTls> {
        self.tls.get(&port)
    }

    pub(crate) fn target(&self, index: usize) -> (&Arc<Target>, &Arc<TargetState>) {
        (&self.snapshot.targets[index], &self.targets[index])
    }

    pub(crate) fn wiring(&self, index: usize) -> &Arc<Wiring> {
        &self.wirings[index]
    }

    pub(crate) fn wirings(&self) -> impl Iterator<Item = &Arc<Wiring>> {
        self.wirings.iter()
    }

    pub(crate) fn targets(&self) -> impl Iterator<Item = (&Arc<Target>, &Arc<TargetState>)> {
        self.snapshot.targets.iter().zip(&self.targets)
    }

    /// The next turn of a rule's weighted order, shared by all workers.
    pub(crate) fn next_turn(&self, plan: &RulePlan) -> usize {
        self.rules[plan.index].turn.fetch_add(1, Ordering::Relaxed)
    }

    /// The next turn of one of a rule's mirrors, shared by all workers.
    pub(crate) fn next_mirror_turn(&self, plan: &RulePlan, mirror: &MirrorPlan) -> usize {
        let turns = self.rules[plan.index].mirror_turns.get(mirror.index);
        turns.map_or(0, |turn| turn.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn cased(&self, plan: &RulePlan) -> Option<&Extensions> {
        self.rules[plan.index].cased.as_ref()
    }
}

/// Names with letter case that responses of this rule may carry, its listeners' policies'
/// included, and the extensions for them. Rules with the same names share the work.
async fn cased(
    plan: &RulePlan,
    snapshot: &Snapshot,
    by_names: &mut FxHashMap<Vec<String>, Option<Extensions>>,
) -> Option<Extensions> {
    let listeners = snapshot.config.listeners.iter();
    let pre = listeners.filter_map(|l| l.policy.pre_routing.as_ref());
    let pre = pre.chain(&snapshot.config.policy.pre_routing);
    let computed = pre
        .flat_map(|t| t.all())
        .map(|case| &case.then)
        .flat_map(|t| t.response.set.iter().chain(&t.response.add))
        .map(|(n, _)| n);
    let names = plan
        .response_names()
        .chain(computed)
        .filter(|name| name.has_case());
    let mut names: Vec<_> = names.map(|name| name.written().to_owned()).collect();
    names.sort();
    names.dedup();
    if names.is_empty() {
        return None;
    }
    if let Some(known) = by_names.get(&names) {
        return known.clone();
    }
    let extensions = case::extensions(&names).await;
    by_names.insert(names, extensions.clone());
    extensions
}

fn known_targets(live: &Live) -> FxHashMap<(&BackendKey, &str), Arc<TargetState>> {
    live.targets()
        .map(|(t, state)| ((&t.key, t.entry()), state.clone()))
        .collect()
}

/// The states of a snapshot's rules. Most changes are about one rule among thousands: the others'
/// are taken over as they are.
async fn rules(snapshot: &Snapshot, previous: Option<&Live>) -> Vec<Arc<RuleState>> {
    let alike = previous.filter(|live| has_same_names(&live.snapshot, snapshot));
    let kept = snapshot.rules.iter().map(|plan| {
        let live = alike?;
        let before = live.snapshot.rules.get(plan.index)?;
        Arc::ptr_eq(before, plan).then(|| live.rules[plan.index].clone())
    });
    let kept: Vec<_> = kept.collect();
    let turns = previous.map(|live| known_turns(live, &kept));
    let turns = turns.unwrap_or_default();
    let mut by_names = FxHashMap::default();
    let mut rules = Vec::with_capacity(kept.len());
    for (plan, kept) in std::iter::zip(&snapshot.rules, &kept) {
        if let Some(state) = kept {
            rules.push(state.clone());
            continue;
        }
        let turn = turns
            .get(&rule_identity(plan))
            .filter(|(order, _)| **order == plan.actives);
        rules.push(Arc::new(RuleState {
            mirror_turns: (0..plan.mirror_count)
                .map(|_| AtomicUsize::new(0))
                .collect(),
            turn: turn.map_or_else(Arc::default, |(_, turn)| (*turn).clone()),
            cased: cased(plan, snapshot, &mut by_names).await,
        }));
    }
    rules
}

/// Whether what is computed for a whole Gateway sets the same names in responses.
fn has_same_names(a: &Snapshot, b: &Snapshot) -> bool {
    let (a, b) = (&a.config, &b.config);
    a.policy.pre_routing == b.policy.pre_routing
        && a.listeners.len() == b.listeners.len()
        && std::iter::zip(&a.listeners, &b.listeners)
            .all(|(a, b)| a.policy.pre_routing == b.policy.pre_routing)
}

/// The turns of the rules whose states are not taken over.
fn known_turns<'a>(
    live: &'a Live,
    kept: &[Option<Arc<RuleState>>],
) -> FxHashMap<RuleIdentity<'a>, (&'a Schedule, &'a Arc<AtomicUsize>)> {
    let rules = live.snapshot.rules.iter().zip(&live.rules);
    let others = rules.filter(|(plan, state)| {
        let kept = kept.get(plan.index).and_then(Option::as_ref);
        !kept.is_some_and(|kept| Arc::ptr_eq(kept, state))
    });
    others
        .map(|(plan, state)| (rule_identity(plan), (&plan.actives, &state.turn)))
        .collect()
}

type RuleIdentity<'a> = (RouteKind, &'a ObjectKey, &'a str);

fn rule_identity(plan: &RulePlan) -> RuleIdentity<'_> {
    (plan.route.kind, &plan.route.key, &plan.name)
}

/// Milliseconds on the process's own monotonic clock: what health is kept in.
pub(crate) fn now_millis() -> Millis {
    static EPOCH: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let since = EPOCH.get_or_init(Instant::now).elapsed();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
