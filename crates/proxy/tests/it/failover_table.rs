//! What a client sees, and what the upstreams are asked, for each way in which a primary can fail.

use std::time::Duration;

use agw_core::policy::TrafficPolicy;
use agw_core::retry::Retry;
use agw_mock_provider::FaultRule;

use crate::client::{Answered, HELLO, HELLO_STREAM, chat, send};
use crate::gateway::{Gateway, Plan, ai, ai_with, refused};

const PRIMARY: &str = "gpt-4o";
const STANDBY: &str = "gpt-4o-mini";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// The answer is one JSON document.
    Whole,
    /// The answer is a stream of events.
    Stream,
}

/// How the answer to the client ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// As that of a healthy upstream does.
    Proper,
    /// With an error: the document, or the last event.
    Error,
    /// Not at all: the connection breaks.
    Cut,
}
use End::{Cut, Error, Proper};
use Shape::{Stream, Whole};

/// A case: what fails, how it is asked, and what has to come of it.
struct Case {
    /// What the primary does; `refused` is an address where nothing listens.
    primary: &'static str,
    /// What the standby does; nothing is an answer.
    standby: &'static str,
    shape: Shape,
    status: u16,
    end: End,
    /// How often the primary and the standby are asked.
    asked: (usize, usize),
    /// `reason` of each failed attempt in the log line, and then of the request if it has one.
    reasons: &'static [&'static str],
    /// `Retry-After` of the answer.
    retry_after: Option<&'static str>,
}

const fn case(
    primary: &'static str,
    standby: &'static str,
    shape: Shape,
    (status, end): (u16, End),
    asked: (usize, usize),
    reasons: &'static [&'static str],
) -> Case {
    Case {
        primary,
        standby,
        shape,
        status,
        end,
        asked,
        reasons,
        retry_after: None,
    }
}

const fn asking_to_wait(case: Case, retry_after: &'static str) -> Case {
    Case {
        retry_after: Some(retry_after),
        ..case
    }
}

const STATUS: &[&str] = &["upstream_status"];
const ALL_STATUSES: &[&str] = &["upstream_status", "upstream_status", "upstream_status"];

#[rustfmt::skip]
const CASES: &[Case] = &[
    // What is the client's own fault is the client's answer, whatever the upstream asks for.
    case("status=400", "", Whole, (400, Error), (1, 0), &[]),
    case("status=401", "", Whole, (401, Error), (1, 0), &[]),
    case("status=403", "", Whole, (403, Error), (1, 0), &[]),
    case("status=404", "", Whole, (404, Error), (1, 0), &[]),
    case("status=409", "", Whole, (409, Error), (1, 0), &[]),
    case("status=422", "", Whole, (422, Error), (1, 0), &[]),
    case("status=400", "", Stream, (400, Error), (1, 0), &[]),
    case("status=401", "", Stream, (401, Error), (1, 0), &[]),
    asking_to_wait(case("status=400;retry-after=9", "", Whole, (400, Error), (1, 0), &[]), "9"),
    // What is the upstream's is not, and none of its headers is seen.
    case("status=429", "", Whole, (200, Proper), (1, 1), STATUS),
    case("status=429;retry-after=9", "", Whole, (200, Proper), (1, 1), STATUS),
    case("status=500", "", Whole, (200, Proper), (1, 1), STATUS),
    case("status=502", "", Whole, (200, Proper), (1, 1), STATUS),
    case("status=503", "", Whole, (200, Proper), (1, 1), STATUS),
    case("status=503;retry-after=9", "", Whole, (200, Proper), (1, 1), STATUS),
    case("status=504", "", Whole, (200, Proper), (1, 1), STATUS),
    case("status=529", "", Whole, (200, Proper), (1, 1), STATUS),
    case("refused", "", Whole, (200, Proper), (0, 1), &["connect_failure"]),
    case("reset", "", Whole, (200, Proper), (1, 1), &["upstream_reset"]),
    case("silence", "", Whole, (200, Proper), (1, 1), &["timeout"]),
    case("error-in-200", "", Whole, (200, Proper), (1, 1), &["upstream_error"]),
    case("garbage", "", Whole, (200, Proper), (1, 1), &["upstream_garbage"]),
    case("cut-after=0", "", Whole, (200, Proper), (1, 1), &["upstream_reset"]),
    case("cut-after=1", "", Whole, (200, Proper), (1, 1), &["upstream_reset"]),
    case("end-after=1", "", Whole, (200, Proper), (1, 1), &["upstream_garbage"]),
    // A stream is the primary's once its first content has come.
    case("status=429", "", Stream, (200, Proper), (1, 1), STATUS),
    case("status=429;retry-after=9", "", Stream, (200, Proper), (1, 1), STATUS),
    case("status=500", "", Stream, (200, Proper), (1, 1), STATUS),
    case("status=503", "", Stream, (200, Proper), (1, 1), STATUS),
    case("status=529", "", Stream, (200, Proper), (1, 1), STATUS),
    case("refused", "", Stream, (200, Proper), (0, 1), &["connect_failure"]),
    case("reset", "", Stream, (200, Proper), (1, 1), &["upstream_reset"]),
    case("silence", "", Stream, (200, Proper), (1, 1), &["timeout"]),
    case("error-in-200", "", Stream, (200, Proper), (1, 1), &["upstream_error"]),
    case("garbage", "", Stream, (200, Proper), (1, 1), &["stream_cut"]),
    case("empty-stream", "", Stream, (200, Proper), (1, 1), &["stream_cut"]),
    case("cut-after=0", "", Stream, (200, Proper), (1, 1), &["stream_cut"]),
    case("cut-after=1", "", Stream, (200, Proper), (1, 1), &["stream_cut"]),
    case("end-after=1", "", Stream, (200, Proper), (1, 1), &["stream_cut"]),
    case("error-in-200=3", "", Stream, (200, Error), (1, 0), &["upstream_error"]),
    case("cut-after=3", "", Stream, (200, Error), (1, 0), &["stream_cut"]),
    case("end-after=3", "", Stream, (200, Error), (1, 0), &["stream_cut"]),
    // Where all fail the client gets the last one's answer, in its own words.
    case("status=500", "status=503", Whole, (503, Error), (1, 1), ALL_STATUSES),
    case("status=503", "status=400", Whole, (400, Error), (1, 1), STATUS),
    asking_to_wait(case("status=503", "status=429;retry-after=7", Whole, (429, Error), (1, 1), ALL_STATUSES), "7"),
    case("status=429;retry-after=7", "status=500", Whole, (500, Error), (1, 1), ALL_STATUSES),
    case("reset", "reset", Whole, (502, Error), (1, 1), &["upstream_reset", "upstream_reset", "upstream_reset"]),
    case("silence", "silence", Whole, (504, Error), (1, 1), &["timeout", "timeout", "timeout"]),
    case("status=503", "status=503", Stream, (503, Error), (1, 1), ALL_STATUSES),
    case("empty-stream", "cut-after=0", Stream, (502, Error), (1, 1), &["stream_cut", "stream_cut", "stream_cut"]),
    case("status=503", "cut-after=3", Stream, (200, Error), (1, 1), &["upstream_status", "stream_cut"]),
];

async fn gateway(primary: &str) -> Gateway {
    Gateway::start(|mock| {
        let at = if primary == "refused" {
            refused()
        } else {
            mock
        };
        let impatient = |rule: &mut agw_core::route::Rule| {
            rule.backend_request_timeout = Some(Duration::from_secs(1));
        };
        Plan {
            rule: Some(Box::new(impatient)),
            backends: vec![(ai(PRIMARY, at), 1), (ai(STANDBY, mock), 0)],
            policy: TrafficPolicy::default(),
        }
    })
    .await
}

fn fail(gateway: &Gateway, model: &str, fault: &str) {
    if !matches!(fault, "" | "refused") {
        let fault = fault.parse().unwrap();
        let rule = FaultRule { fault, times: None };
        gateway.mock.set_fault(model.into(), rule).unwrap();
    }
}

fn asked(gateway: &Gateway, model: &str) -> usize {
    let requests = gateway.mock.requests();
    let requests = requests
        .iter()
        .map(|record| serde_json::to_value(record).unwrap());
    requests.filter(|record| record["model"] == model).count()
}

fn end(answered: &Answered, shape: Shape) -> End {
    let text = answered.text();
    match (answered.whole, shape) {
        (false, _) => Cut,
        (true, Stream) if answered.status() == 200 => {
            let last = text.trim_end().rsplit("\n\n").next().unwrap_or_default();
            match last {
                "data: [DONE]" => Proper,
                _ if last.contains(r#""error""#) => Error,
                _ => panic!("a stream without an end: {text}"),
            }
        }
        _ if answered.json()["error"]["message"].is_string() => Error,
        _ => Proper,
    }
}

#[tokio::test]
async fn each_failure_has_its_one_outcome() {
    let mut wrong = Vec::new();
    for case in CASES {
        let gateway = gateway(case.primary).await;
        fail(&gateway, PRIMARY, case.primary);
        fail(&gateway, STANDBY, case.standby);
        let body = match case.shape {
            Whole => HELLO,
            Stream => HELLO_STREAM,
        };
        let answered = send(gateway.address, chat(body)).await;
        let log = gateway.log(1).await.remove(0);
        let attempts = log["attempts"].as_array().cloned().unwrap_or_default();
        let mut reasons: Vec<_> = attempts
            .iter()
            .filter_map(|attempt| attempt["reason"].as_str().map(str::to_owned))
            .collect();
        reasons.extend(log["reason"].as_str().map(str::to_owned));
        let header = answered.response.headers().get("retry-after");
        let header = header.map(|value| value.to_str().unwrap().to_owned());
        let asked = (asked(&gateway, PRIMARY), asked(&gateway, STANDBY));
        let got = format!(
            "{} {:?} {asked:?} {reasons:?} {header:?}",
            answered.status(),
            end(&answered, case.shape),
        );
        let retry_after = case.retry_after.map(str::to_owned);
        let wanted = format!(
            "{} {:?} {:?} {:?} {retry_after:?}",
            case.status, case.end, case.asked, case.reasons
        );
        if got != wanted {
            let (primary, standby, shape) = (case.primary, case.standby, case.shape);
            wrong.push(format!(
                "{primary} | {standby} | {shape:?}: wanted {wanted}, got {got}"
            ));
        }
        gateway.stop().await;
    }
    assert!(CASES.len() >= 40);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn an_outage_of_everything_costs_the_upstreams_little_more_than_was_asked() {
    const CALLS: usize = 1000;
    let patient = |provider: &mut agw_core::backend::AiProvider| {
        provider.policy.retry = Some(Retry {
            attempts: 2,
            base_interval: Duration::from_millis(1),
            max_interval: Duration::from_millis(1),
            ..Retry::default()
        });
    };
    for fault in ["status=503", "status=429", "reset"] {
        let gateway = Gateway::start(|mock| Plan {
            backends: vec![
                (ai_with(PRIMARY, mock, patient), 1),
                (ai_with(STANDBY, mock, patient), 0),
            ],
            ..Plan::default()
        })
        .await;
        fail(&gateway, PRIMARY, fault);
        fail(&gateway, STANDBY, fault);
        for _ in 0..CALLS {
            assert_ne!(send(gateway.address, chat(HELLO)).await.status(), 200);
        }
        let upstream = gateway.metric("agentgateway_attempts_total{", 1.0).await;
        assert!(
            upstream >= CALLS as f64 && upstream <= 1.2 * CALLS as f64,
            "{fault}: {upstream}"
        );
        gateway.stop().await;
    }
}
