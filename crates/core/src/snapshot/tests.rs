use http::{HeaderMap, Method};
use proptest::prelude::*;

use super::*;
use crate::backend::{
    AppProtocol, Backend, BackendPolicy, BackendTarget, Endpoint, EndpointBackend,
};
use crate::header::FieldName;
use crate::matcher::{HeaderMatch, PathMatch, Pattern, QueryMatch, ValueMatch};
use crate::route::{BackendRef, Destination, Route, Rule};

fn path(text: &str) -> PathMatch {
    match text.split_once(':') {
        Some(("exact", p)) => PathMatch::Exact(p.into()),
        Some(("regex", p)) => PathMatch::Regex(Pattern::compile(p).unwrap()),
        _ => PathMatch::prefix(text),
    }
}

fn matching(p: &str, method: Option<&str>, headers: &[&str], query: &[&str]) -> Match {
    Match {
        path: path(p),
        method: method.map(|m| m.parse().unwrap()),
        headers: headers
            .iter()
            .map(|n| HeaderMatch {
                name: FieldName::parse(n).unwrap(),
                value: ValueMatch::Exact("1".into()),
            })
            .collect(),
        query: query
            .iter()
            .map(|n| QueryMatch {
                name: (*n).into(),
                value: ValueMatch::Exact("1".into()),
            })
            .collect(),
        model: None,
    }
}

fn rule(matches: Vec<Match>) -> Arc<Rule> {
    Arc::new(Rule {
        name: None,
        matches,
        filters: vec![],
        request_timeout: None,
        backend_request_timeout: None,
        retry: None,
        session: None,
        backends: vec![],
        policy: TrafficPolicy::default(),
        broken: None,
    })
}

fn route(
    name: &str,
    created: Option<i64>,
    hostnames: &[&str],
    rules: Vec<Arc<Rule>>,
) -> Arc<Route> {
    Arc::new(Route {
        kind: crate::id::RouteKind::Http,
        key: ObjectKey::new("ns", name),
        listeners: vec!["http".into()],
        hostnames: hostnames
            .iter()
            .map(|h| Hostname::parse(h).unwrap())
            .collect(),
        created,
        rules,
        policy: TrafficPolicy::default(),
    })
}

fn listener(name: &str, hostname: &str) -> Listener {
    Listener {
        name: name.into(),
        port: 80,
        protocol: Protocol::Http,
        hostname: Hostname::parse(hostname).unwrap(),
        policy: TrafficPolicy::default(),
    }
}

fn snapshot(listeners: Vec<Listener>, routes: Vec<Arc<Route>>) -> Snapshot {
    let config = GatewayConfig {
        gateway: ObjectKey::new("ns", "gw"),
        listeners,
        policy: TrafficPolicy::default(),
        routes,
        backends: vec![],
        logged_headers: vec![],
        prices: Arc::default(),
    };
    Snapshot::build(1, Arc::new(config))
}

/// The same listeners with these routes, after `before`.
fn with_routes(before: &Snapshot, routes: &[Arc<Route>]) -> Snapshot {
    let config = GatewayConfig {
        routes: routes.to_vec(),
        ..(*before.config).clone()
    };
    Snapshot::build_after(Some(before), before.version + 1, Arc::new(config))
}

struct Request {
    method: Method,
    host: String,
    path: String,
    query: String,
    headers: HeaderMap,
}

impl Request {
    fn new(target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (method, host) = (Method::GET, "a.example".to_owned());
        Self {
            method,
            host,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: HeaderMap::new(),
        }
    }

    fn header(mut self, name: &'static str) -> Self {
        self.headers.append(name, "1".parse().unwrap());
        self
    }

    fn head(&self) -> RequestHead<'_> {
        RequestHead {
            method: &self.method,
            host: &self.host,
            path: &self.path,
            query: Some(&self.query),
            headers: &self.headers,
            model: None,
        }
    }
}

/// `route/rule` of the winner.
fn winner(snapshot: &Snapshot, request: &Request) -> Option<String> {
    let selected = snapshot
        .bind(80)?
        .listener(&request.host)?
        .select(&request.head())?;
    Some(format!(
        "{}/{}",
        selected.plan.route.key.name, selected.plan.name
    ))
}

fn candidates<'a>(snapshot: &'a Snapshot, request: &Request) -> Vec<Candidate<'a>> {
    let bind = snapshot.bind(80).unwrap();
    let listener = bind.listener(&request.host).unwrap();
    snapshot.candidates(listener, &request.head())
}

fn standings_of(snapshot: &Snapshot, request: &Request) -> Vec<Standing> {
    let all = candidates(snapshot, request).into_iter();
    all.map(|candidate| candidate.standing).collect()
}

#[test]
fn precedence_follows_the_api_in_every_step() {
    let everything = Request::new("/a/b?q=1&r=1").header("x").header("y");
    // (what the step decides by, its name, winner's match, loser's match)
    let steps = [
        (
            "exact over regex",
            Precedence::Path,
            matching("exact:/a/b", None, &[], &[]),
            matching("regex:/a/b.*", None, &["x"], &[]),
        ),
        (
            "exact over prefix",
            Precedence::Path,
            matching("exact:/a/b", None, &[], &[]),
            matching("/a/b", Some("GET"), &["x"], &["q"]),
        ),
        (
            "regex over prefix",
            Precedence::Path,
            matching("regex:/a.*", None, &[], &[]),
            matching("/a/b", None, &["x"], &[]),
        ),
        (
            "longer prefix",
            Precedence::Path,
            matching("/a/b", None, &[], &[]),
            matching("/a", Some("GET"), &["x", "y"], &["q"]),
        ),
        (
            "method",
            Precedence::Method,
            matching("/a", Some("GET"), &[], &[]),
            matching("/a", None, &["x", "y"], &["q"]),
        ),
        (
            "header count",
            Precedence::Headers,
            matching("/a", None, &["x", "y"], &[]),
            matching("/a", None, &["x"], &["q", "r"]),
        ),
        (
            "query count",
            Precedence::Query,
            matching("/a", None, &["x"], &["q", "r"]),
            matching("/a", None, &["x"], &["q"]),
        ),
    ];
    for (step, by, wins, loses) in steps {
        // The loser is older, has the smaller name and stands first: none of that may count.
        let routes = vec![
            route("a-loses", Some(1), &[], vec![rule(vec![loses])]),
            route("b-wins", Some(2), &[], vec![rule(vec![wins])]),
        ];
        let snapshot = snapshot(vec![listener("http", "")], routes);
        let got = winner(&snapshot, &everything);
        assert_eq!(got.as_deref(), Some("b-wins/0"), "{step}");
        let standings = [Standing::Wins, Standing::Behind(by)];
        assert_eq!(standings_of(&snapshot, &everything), standings, "{step}");
    }
}

#[test]
fn ties_go_to_the_older_then_the_name_then_the_order() {
    let same = || matching("/a", None, &[], &[]);
    let cases: [(Precedence, Vec<Arc<Route>>, &str); 4] = [
        (
            Precedence::Age,
            vec![
                route("a", Some(2), &[], vec![rule(vec![same()])]),
                route("b", Some(1), &[], vec![rule(vec![same()])]),
            ],
            "b/0",
        ),
        (
            Precedence::Name,
            vec![
                route("b", Some(1), &[], vec![rule(vec![same()])]),
                route("a", Some(1), &[], vec![rule(vec![same()])]),
            ],
            "a/0",
        ),
        (
            Precedence::Order,
            vec![route(
                "a",
                None,
                &[],
                vec![rule(vec![same()]), rule(vec![same()])],
            )],
            "a/0",
        ),
        (
            Precedence::Path,
            vec![route(
                "a",
                None,
                &[],
                vec![
                    rule(vec![same()]),
                    rule(vec![matching("/a/b", None, &[], &[])]),
                ],
            )],
            "a/1",
        ),
    ];
    for (by, routes, want) in cases {
        let (snapshot, request) = (
            snapshot(vec![listener("http", "")], routes),
            Request::new("/a/b"),
        );
        assert_eq!(winner(&snapshot, &request).as_deref(), Some(want), "{by:?}");
        let standings = [Standing::Wins, Standing::Behind(by)];
        assert_eq!(standings_of(&snapshot, &request), standings);
    }
}

#[test]
fn the_more_specific_hostname_wins_and_falls_through_when_it_does_not_match() {
    let only = |p: &str| vec![rule(vec![matching(p, None, &[], &[])])];
    let routes = vec![
        route("any", None, &[], only("/")),
        route("wild", None, &["*.example"], only("/w")),
        route("exact", None, &["a.example"], only("/x")),
    ];
    let snapshot = snapshot(vec![listener("http", "")], routes);
    let at = |host: &str, path: &str| {
        winner(
            &snapshot,
            &Request {
                host: host.to_owned(),
                ..Request::new(path)
            },
        )
    };
    assert_eq!(at("a.example", "/x").as_deref(), Some("exact/0"));
    assert_eq!(at("a.example", "/w").as_deref(), Some("wild/0"));
    assert_eq!(at("a.example", "/z").as_deref(), Some("any/0"));
    assert_eq!(at("b.example", "/x").as_deref(), Some("any/0"));
    assert_eq!(
        standings_of(&snapshot, &Request::new("/x")),
        [
            Standing::Wins,
            Standing::Behind(Precedence::Hostname),
            // `a.example` is under the wildcard too.
            Standing::Differs(vec![Mismatch::Path]),
        ]
    );
}

#[test]
fn a_listener_serves_only_what_its_hostname_and_attachment_allow() {
    let routes = vec![route(
        "r",
        None,
        &["a.example", "b.other"],
        vec![rule(vec![matching("/", None, &[], &[])])],
    )];
    let snapshot = snapshot(
        vec![listener("http", "*.example"), listener("rest", "")],
        routes,
    );
    let at = |host: &str| {
        winner(
            &snapshot,
            &Request {
                host: host.to_owned(),
                ..Request::new("/")
            },
        )
    };
    assert_eq!(at("a.example").as_deref(), Some("r/0"));
    // `b.other` belongs to listener `rest` by hostname, and the route is not attached to that one.
    assert_eq!(at("b.other"), None);
}

#[test]
fn weight_zero_is_standby_only_for_ai_backends_beside_actives() {
    let key = |name: &str| BackendKey::agentgateway(ObjectKey::new("ns", name));
    let plain = |name: &str| {
        Arc::new(Backend {
            key: key(name),
            target: BackendTarget::Endpoints(Box::new(EndpointBackend {
                endpoints: vec![Endpoint {
                    host: "127.0.0.1".into(),
                    port: 1,
                    tls: None,
                }],
                protocol: AppProtocol::Http1,
                policy: BackendPolicy::default(),
            })),
        })
    };
    let reference = |name: &str, weight| BackendRef {
        weight,
        to: Destination::Backend(key(name)),
        filters: vec![],
        model: None,
        when: None,
    };
    let mut r = (*rule(vec![matching("/", None, &[], &[])])).clone();
    r.backends = vec![reference("a", 1), reference("b", 0), reference("gone", 1)];
    let config = GatewayConfig {
        gateway: ObjectKey::new("ns", "gw"),
        listeners: vec![listener("http", "")],
        policy: TrafficPolicy::default(),
        routes: vec![route("r", None, &[], vec![Arc::new(r)])],
        backends: vec![plain("a"), plain("b")],
        logged_headers: vec![],
        prices: Arc::default(),
    };
    let plan = Snapshot::build(1, Arc::new(config)).rules[0].clone();
    assert!(
        plan.standbys.is_empty(),
        "a plain backend of weight 0 gets nothing at all"
    );
    assert!(matches!(plan.choices[2].way, Way::Invalid(_)));
}

/// Every match tried one by one; the best by the ordering of the specification.
fn naive(routes: &[Arc<Route>], request: &Request) -> Option<String> {
    let mut best: Option<(Hostname, &Match, &Route, usize, String)> = None;
    for route in routes {
        let hosts = if route.hostnames.is_empty() {
            vec![Hostname::Any]
        } else {
            route.hostnames.clone()
        };
        for host in hosts.into_iter().filter(|h| h.matches(&request.host)) {
            for (position, rule) in route.rules.iter().enumerate() {
                for m in rule.matches.iter().filter(|m| m.matches(&request.head())) {
                    let wins = best.as_ref().is_none_or(|(bh, bm, br, bp, _)| {
                        bh.cmp(&host)
                            .then_with(|| m.by_precedence(bm))
                            .then_with(|| {
                                let age = |c: Option<i64>| c.unwrap_or(i64::MAX);
                                age(route.created).cmp(&age(br.created))
                            })
                            .then_with(|| route.key.cmp(&br.key))
                            .then_with(|| position.cmp(bp))
                            .is_lt()
                    });
                    if wins {
                        let name = format!("{}/{position}", route.key.name);
                        best = Some((host.clone(), m, route, position, name));
                    }
                }
            }
        }
    }
    best.map(|(.., name)| name)
}

fn some_path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "ab", ""]), 0..4)
        .prop_map(|p| format!("/{}", p.join("/")))
}

fn some_match() -> impl Strategy<Value = Match> {
    let names = |of: &'static [&'static str]| prop::sample::subsequence(of.to_vec(), 0..=of.len());
    let kind = prop::sample::select(vec!["", "exact:", "regex:"]);
    let method = prop::option::of(prop::sample::select(vec!["GET", "POST"]));
    (
        kind,
        some_path(),
        method,
        names(&["x", "y"]),
        names(&["q", "r"]),
    )
        .prop_map(|(kind, p, method, h, q)| matching(&format!("{kind}{p}"), method, &h, &q))
}

fn some_route() -> impl Strategy<Value = Arc<Route>> {
    let hosts = prop::sample::subsequence(vec!["a.example", "*.example", "*.b.example"], 0..=2);
    let rules = prop::collection::vec(prop::collection::vec(some_match(), 1..3), 1..3);
    (
        prop::sample::select(vec!["p", "q", "r", "s"]),
        prop::option::of(0i64..2),
        hosts,
        rules,
    )
        .prop_map(|(name, created, hosts, rules)| {
            route(name, created, &hosts, rules.into_iter().map(rule).collect())
        })
}

proptest! {
    #[test]
    fn selects_what_the_naive_twin_selects(
        routes in prop::collection::vec(some_route(), 1..6),
        target in some_path(),
        host in prop::sample::select(vec!["a.example", "b.example", "x.b.example", "other"]),
        post in any::<bool>(),
        headers in prop::sample::subsequence(vec!["x", "y"], 0..=2),
        query in prop::sample::select(vec!["", "q=1", "r=1&q=1", "q=2"]),
        there in prop::collection::vec(any::<(bool, bool)>(), 6),
    ) {
        // Two objects of one kind never share a name.
        let mut routes = routes;
        routes.sort_by(|a, b| a.key.cmp(&b.key));
        routes.dedup_by(|a, b| a.key == b.key);
        let mut request = Request::new(&format!("{target}?{query}"));
        request.host = host.to_owned();
        if post { request.method = Method::POST; }
        for name in headers { request = request.header(name); }
        let snapshot = snapshot(vec![listener("http", "")], routes.clone());
        prop_assert_eq!(winner(&snapshot, &request), naive(&routes, &request));
        // Whatever was there before it.
        let some = |second: bool| -> Vec<_> {
            let those = std::iter::zip(&routes, &there);
            let those = those.filter(|(_, there)| if second { there.1 } else { there.0 });
            those.map(|(route, _)| route.clone()).collect()
        };
        for candidate in candidates(&snapshot, &request) {
            let mut alone = (*candidate.plan.route).clone();
            alone.rules = vec![rule(vec![candidate.matched.clone()])];
            let takes = naive(&[Arc::new(alone)], &request).is_some();
            prop_assert_eq!(takes, !matches!(candidate.standing, Standing::Differs(_)));
        }
        let wins = standings_of(&snapshot, &request);
        let wins = wins.iter().filter(|s| **s == Standing::Wins).count();
        prop_assert_eq!(wins, usize::from(naive(&routes, &request).is_some()));
        let mut later = snapshot;
        for routes in [some(false), some(true), routes.clone()] {
            later = with_routes(&later, &routes);
            prop_assert_eq!(winner(&later, &request), naive(&routes, &request));
        }
    }
}
