//! A request's way through the proxy, phase by phase.
//!
//! listener → pre-routing policies → match → post-routing policies → filters → attempts → response

mod access;
mod ai;
mod attempt;
mod conditional;
mod external;
mod gate;
mod global_limit;
mod guard;
mod health;
mod inbound;
mod mirror;
mod models;
mod outbound;
mod plain;
mod policies;
pub(crate) mod preview;
mod question;
mod sticky;
mod transform;
mod translated;

use std::pin::pin;
use std::sync::Arc;

use agw_ai::operation::{self, Operation};
use agw_core::access::{HeaderEdit, Location};
use agw_core::filter::{Cors, Filter, RedirectScheme, Target};
use agw_core::matcher::PathMatch;
use agw_core::snapshot::{Bind, ListenerTable, RulePlan, TargetKind, Way};
use agw_core::transform::Transformation;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use tokio::time::Instant;

use crate::access::Identity;
use crate::body::Answer;
use crate::candidates::Candidates;
use crate::connection::{Arrival, Flight, Peer, Upgrade};
use crate::error::Error;
use crate::live::{Live, now_millis};
use crate::respond::{self, Dialect};
use crate::stream::BoxStream;
use crate::telemetry::{Outcome, Reason, Record};
pub(crate) use global_limit::Debt;
use guard::Guarded;
use inbound::Inbound;
use sticky::Visits;

pub(crate) use inbound::without_port;
pub(crate) use policies::cors_of;

/// One request and what is known of it so far.
pub(crate) struct Exchange {
    peer: Peer,
    live: Arc<Live>,
    inbound: Inbound,
    record: Box<Record>,
    /// Policies whose response part is still to run, in order.
    response_policies: Vec<Arc<Transformation>>,
    /// What servers that were asked do to the response.
    response_edits: Vec<HeaderEdit>,
    metadata: serde_json::Map<String, serde_json::Value>,
    identity: Identity,
    /// Whose pages may read answers, before a route says it.
    early_cors: Option<Arc<Cors>>,
    /// Where good credentials stand on the request.
    used: Vec<Location>,
    /// Headers with good credentials, taken off the request.
    kept: Vec<(HeaderName, HeaderValue)>,
    dialect: Dialect,
    guarded: Option<Guarded>,
    /// Sessions that the request belongs to.
    visits: Visits,
    /// What the upstream goes on with after its answer.
    upgraded: Option<BoxStream>,
    /// End of the whole request's time, when a route or policy bounds it.
    deadline: Option<Instant>,
}

/// Answers one request. Never fails: an error becomes its response here.
pub(crate) async fn handle(peer: Peer, arrival: Arrival) -> Response<Box<Answer>> {
    let Arrival {
        request,
        flight,
        framing,
    } = arrival;
    let Some(live) = peer.worker.live.load_full() else {
        // Sockets are opened after the first snapshot is in place.
        let mut response = Response::new(Answer::whole("no configuration yet\n".into()));
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        return response;
    };
    let record = Record::new(
        peer.worker.clone(),
        live.snapshot.gateway_label.clone(),
        peer.client.clone(),
        request.method().clone(),
        request.version(),
    );
    let inbound = Inbound::new(request, flight.clone(), framing);
    let mut exchange = Exchange {
        peer,
        live,
        inbound,
        record,
        response_policies: Vec::new(),
        response_edits: Vec::new(),
        metadata: serde_json::Map::new(),
        identity: Identity::default(),
        early_cors: None,
        used: Vec::new(),
        kept: Vec::new(),
        dialect: Dialect::Text,
        guarded: None,
        visits: Visits::new(),
        upgraded: None,
        deadline: None,
    };
    exchange.identify();
    let outcome = exchange.run().await;
    exchange.inbound.discard().await;
    let response = match outcome {
        Ok(response) => exchange.answer(response, &flight),
        Err(error) => exchange.refuse(&error, &flight),
    };
    response.map(|body| body.carried(flight))
}

/// 32 hexadecimal digits.
fn hex(numbers: [u64; 2]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble & 15)]);
    let bytes = numbers.into_iter().flat_map(u64::to_be_bytes);
    bytes
        .flat_map(|byte| [digit(byte >> 4), digit(byte)])
        .collect()
}

impl Exchange {
    /// Fills in what the record needs of the request's head.
    fn identify(&mut self) {
        if respond::is_grpc(&self.inbound.headers) {
            self.dialect = Dialect::Grpc;
        }
        let record = &mut self.record;
        record.host.clone_from(&self.inbound.host);
        record.path.clone_from(&self.inbound.path);
        record.trace_id = self.inbound.trace_id();
        record.request_id = self.inbound.request_id().unwrap_or_else(|| {
            let worker = &self.peer.worker;
            hex([worker.random(), worker.random()])
        });
    }

    async fn run(&mut self) -> Result<Response<Box<Answer>>, Error> {
        let live = self.live.clone();
        self.inbound.check()?;
        let bind = live.snapshot.bind(self.peer.port).ok_or(Error::NoRoute)?;
        let listener = bind.listener(&self.inbound.host).ok_or(Error::NoRoute)?;
        self.record.listener = Some(listener.name.clone());
        self.check_server_name(bind, listener)?;
        let before = &listener.policy;
        self.early_cors.clone_from(&before.pre_cors);
        if let Some(response) = self.preflight(before.pre_cors.as_deref()) {
            return Ok(response);
        }
        if let Err(error) = self.admit(&before.pre_access).await {
            self.speak_by_path();
            return Err(error);
        }
        if let Some(policy) = &before.pre_routing {
            self.transform_by(policy, "pre_routing").await?;
        }
        self.note_headers();
        let mut unread = None;
        if listener.models.are_matched() {
            unread = self.find_model().await?;
        }
        let Some(selected) = listener.select(&self.inbound.head()) else {
            return self.without_route(listener, unread).await;
        };
        let plan = selected.plan.clone();
        self.record.plan = Some(plan.clone());
        self.deadline = plan
            .request_timeout()
            .map(|timeout| self.started() + timeout);
        let deadline = self.deadline;
        let matched = selected.matched.path.clone();
        match deadline {
            None => self.answer_by(&plan, matched).await,
            Some(deadline) => {
                let timeout = plan.request_timeout().unwrap_or_default();
                let reached = pin!(self.answer_by(&plan, matched));
                let bounded = tokio::time::timeout_at(deadline, reached);
                bounded.await.unwrap_or(Err(Error::Timeout(timeout)))
            }
        }
    }

    /// A connection shows the certificate of one listener: a request for another's host came the
    /// wrong way (RFC 9110 §15.5.20, RFC 9113 §9.1.2).
    fn check_server_name(&self, bind: &Bind, listener: &ListenerTable) -> Result<(), Error> {
        if self.peer.scheme == RedirectScheme::Http {
            return Ok(());
        }
        let shown = bind.listener(&self.peer.server_name);
        if shown.is_some_and(|shown| shown.name == listener.name) {
            return Ok(());
        }
        Err(Error::Misdirected)
    }

    /// From here on errors are in the words of the API that is asked for.
    fn speak(&mut self, plan: &RulePlan) {
        let asks_models = plan.choices.iter().any(|choice| match &choice.way {
            Way::Targets(groups) => {
                let mut targets = groups.iter().flatten();
                targets.any(|&target| self.live.snapshot.targets[target].is_ai())
            }
            Way::Invalid(_) => false,
        });
        if asks_models && self.dialect == Dialect::Text {
            self.dialect = Dialect::Api(Operation::Passthrough);
            self.speak_by_path();
        }
    }

    /// The same where no route is known yet: only a path that is an API's own tells.
    fn speak_by_path(&mut self) {
        if self.dialect != Dialect::Grpc
            && let Some(spoken) = operation::detect(&self.inbound.path)
        {
            self.dialect = Dialect::Api(spoken.operation);
        }
    }

    /// The words of the API that the path is of.
    fn spoken(&self) -> Dialect {
        let spoken = operation::detect(&self.inbound.path);
        Dialect::Api(spoken.map_or(Operation::Passthrough, |d| d.operation))
    }

    fn started(&self) -> Instant {
        Instant::from_std(self.record.started)
    }

    async fn answer_by(
        &mut self,
        plan: &Arc<RulePlan>,
        matched: PathMatch,
    ) -> Result<Response<Box<Answer>>, Error> {
        if let Some(why) = &plan.rule.broken {
            return Err(Error::BrokenRule(why.to_string()));
        }
        let policy = &plan.policy;
        if let Some(why) = &policy.refused {
            return Err(Error::BrokenRule(why.to_string()));
        }
        self.speak(plan);
        if let Some(response) = self.preflight(cors_of(plan)) {
            return Ok(response);
        }
        self.admit(&policy.access).await?;
        self.keep_credentials();
        if let Some(limits) = &policy.rate_limit {
            self.limit(limits).await?;
        }
        if let Some(edits) = &policy.post_routing {
            let place = plan.route.key.to_string();
            self.transform_by(edits, &place).await?;
        }
        if let Some(response) = self.treat(policy).await? {
            return Ok(response);
        }
        if let Some(redirect) = self.filter(&plan.rule.filters, &matched) {
            return Ok(redirect);
        }
        let live = self.live.clone();
        let session = plan.rule.session.as_ref();
        let key = session.map(|session| self.session_key(session));
        let picked = match plan.is_conditional() {
            true => Candidates::of(&live, plan, self.conditional(plan).await?),
            false => Candidates::pick(&live, plan, key, now_millis()),
        };
        let (choice, first) = picked.inspect_err(|error| {
            // Only providers of models are known to have no endpoint by now.
            if matches!(error, Error::NoEndpoint) {
                self.dialect = self.spoken();
            }
        })?;
        self.mirror(&live, plan, &plan.mirrors).await;
        self.mirror(&live, plan, &plan.choices[choice].mirrors)
            .await;
        let mut answered = match &live.target(first).0.kind {
            TargetKind::Ai { .. } => self.ask_model(&live, plan, (choice, key), &matched).await,
            TargetKind::Endpoints(_) => {
                if let Some(redirect) = self.filter(&plan.choices[choice].filters, &matched) {
                    return Ok(redirect);
                }
                self.forward(&live, plan, (choice, key), first).await
            }
        };
        if let Ok(response) = &mut answered {
            self.tell_sessions(response.headers_mut());
        }
        answered
    }

    /// Applies a rule's filters to the request, in order. A redirect is the answer.
    fn filter(&mut self, filters: &[Filter], matched: &PathMatch) -> Option<Response<Box<Answer>>> {
        for filter in filters {
            match filter {
                Filter::RequestHeaders(edits) => edits.apply(&mut self.inbound.headers),
                Filter::UrlRewrite(rewrite) => self.inbound.rewrite(rewrite, matched),
                Filter::Redirect(redirect) => {
                    let location = redirect.location(&Target {
                        scheme: self.peer.scheme,
                        host: &self.inbound.host,
                        listener_port: self.peer.port,
                        path: &self.inbound.path,
                        query: self.inbound.query.as_deref(),
                        matched,
                    });
                    self.record.outcome.reason = Reason::Redirect;
                    let mut response = Response::new(Answer::whole(bytes::Bytes::new()));
                    *response.status_mut() = redirect.status;
                    // A path that is no header value would be a request line hyper had refused.
                    let location = HeaderValue::try_from(location).ok()?;
                    response.headers_mut().insert(header::LOCATION, location);
                    return Some(response);
                }
                Filter::ResponseHeaders(_) | Filter::Cors(_) | Filter::Mirror(_) => {}
            }
        }
        None
    }

    fn note_headers(&mut self) {
        let names = &self.live.snapshot.logged_headers;
        let headers = &self.inbound.headers;
        let present = names
            .iter()
            .filter_map(|n| headers.get(n).map(|v| (n.clone(), v.clone())));
        self.record.headers = present.collect();
    }

    /// Says which origins may see the response, errors included: a page could not tell them from
    /// a lost connection.
    fn share(&self, response: &mut Response<Box<Answer>>) {
        let plan = self.record.plan.as_deref();
        let early = self.early_cors.as_deref();
        if let Some(cors) = plan.and_then(cors_of).or(early)
            && !self.inbound.is_preflight()
        {
            cors.apply(&self.inbound.headers, response.headers_mut());
        }
    }

    /// The response as it goes out, with the record tied to its end or to that of what follows it.
    fn answer(self, mut response: Response<Box<Answer>>, flight: &Flight) -> Response<Box<Answer>> {
        for edit in &self.response_edits {
            edit.apply(response.headers_mut());
        }
        self.share(&mut response);
        let mut record = self.record;
        record.status = Some(response.status());
        if let Some(cased) = record.plan.as_ref().and_then(|plan| self.live.cased(plan)) {
            *response.extensions_mut() = cased.clone();
        }
        match self.upgraded {
            Some(upstream) => {
                flight.upgrade(Upgrade::new(upstream, record));
                response
            }
            None => response.map(|body| body.recorded(record)),
        }
    }

    fn refuse(mut self, error: &Error, flight: &Flight) -> Response<Box<Answer>> {
        self.upgraded = None;
        let response = respond::response(error, self.dialect, &self.record.request_id);
        self.record.outcome = Outcome::failed(error.reason(), error.to_string());
        self.answer(response, flight)
    }
}
