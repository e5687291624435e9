use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};

use super::*;

fn fault(action: Action) -> Fault {
    Fault {
        action: Some(action),
        ..Fault::default()
    }
}

fn unavailable(retry_after: Option<u32>) -> Action {
    Action::Status {
        code: StatusCode::SERVICE_UNAVAILABLE,
        retry_after,
    }
}

#[test]
fn reads_header_lists() {
    for (list, expected) in [
        ("status=503", fault(unavailable(None))),
        (
            " Status = 503 ; retry_after=2;",
            fault(unavailable(Some(2))),
        ),
        ("retry-after=0;status=503", fault(unavailable(Some(0)))),
        ("cut-after=0", fault(Action::CutAfter(0))),
        ("end-after=4", fault(Action::EndAfter(4))),
        ("error-in-200", fault(Action::ErrorIn200 { after: 0 })),
        ("error-in-200=3", fault(Action::ErrorIn200 { after: 3 })),
        ("empty-stream", fault(Action::EmptyStream)),
        ("garbage", fault(Action::Garbage)),
        ("silence", fault(Action::Silence)),
        ("reset", fault(Action::Reset)),
        (
            "delay=200ms",
            Fault {
                delay: Duration::from_millis(200),
                ..Fault::default()
            },
        ),
        (
            "delay=150",
            Fault {
                delay: Duration::from_millis(150),
                ..Fault::default()
            },
        ),
        (
            "delay=2s;chunk-delay=20ms;cut-after=3",
            Fault {
                delay: Duration::from_secs(2),
                chunk_delay: Some(Duration::from_millis(20)),
                action: Some(Action::CutAfter(3)),
            },
        ),
    ] {
        assert_eq!(list.parse::<Fault>().as_ref(), Ok(&expected), "{list}");
    }
}

#[test]
fn rejects_bad_lists_naming_the_field_and_what_is_allowed() {
    for (list, field, needle) in [
        (
            "",
            None,
            "status, retry-after, delay, chunk-delay, cut-after",
        ),
        (" ; ", None, "at least one of"),
        (
            "latency=3",
            Some("latency"),
            "allowed are: status, retry-after",
        ),
        (
            "times=3;garbage",
            Some("times"),
            "unknown fault field 'times'",
        ),
        ("status", Some("status"), "from 300 to 599"),
        ("status=200", Some("status"), "from 300 to 599"),
        ("status=600", Some("status"), "'600'"),
        ("status=5xx", Some("status"), "'5xx'"),
        ("retry-after=1", Some("retry-after"), "needs 'status'"),
        ("reset;retry-after=1", Some("retry-after"), "needs 'status'"),
        (
            "status=503;retry-after=soon",
            Some("retry-after"),
            "seconds",
        ),
        ("delay=-1ms", Some("delay"), "'ms' or 's'"),
        ("delay=2h", Some("delay"), "'ms' or 's'"),
        ("delay=3601s", Some("delay"), "one hour"),
        ("cut-after=x", Some("cut-after"), "number of chunks"),
        ("cut-after", Some("cut-after"), "number of chunks"),
        ("garbage=1", Some("garbage"), "no value"),
        (
            "reset;silence",
            Some("silence"),
            "cannot be combined with 'reset'",
        ),
        ("delay=1;delay=2", Some("delay"), "twice"),
    ] {
        let error = list.parse::<Fault>().unwrap_err();
        assert_eq!(error.field(), field, "{list}");
        assert!(error.to_string().contains(needle), "{list}: {error}");
    }
}

#[test]
fn reads_control_objects() {
    let rule = FaultRule::from_json(&json!({"status": 503, "retry_after": 2, "times": 3})).unwrap();
    assert_eq!(rule.fault, fault(unavailable(Some(2))));
    assert_eq!(rule.times, NonZeroU32::new(3));
    for (object, expected) in [
        (
            json!({"error_in_200": true}),
            fault(Action::ErrorIn200 { after: 0 }),
        ),
        (
            json!({"error-in-200": 2}),
            fault(Action::ErrorIn200 { after: 2 }),
        ),
        (
            json!({"garbage": true, "silence": false, "reset": null}),
            fault(Action::Garbage),
        ),
        (
            json!({"delay": 5, "chunk_delay": "1s"}),
            Fault {
                delay: Duration::from_millis(5),
                chunk_delay: Some(Duration::from_secs(1)),
                action: None,
            },
        ),
    ] {
        assert_eq!(
            FaultRule::from_json(&object).unwrap().fault,
            expected,
            "{object}"
        );
    }
}

#[test]
fn rejects_bad_control_objects() {
    for (object, field) in [
        (json!([]), None),
        (json!({}), None),
        (json!({"times": 3}), None),
        (json!({"garbage": false}), None),
        (json!({"garbage": true, "times": 0}), Some("times")),
        (json!({"status": 503.5}), Some("status")),
        (json!({"status": [503]}), Some("status")),
        (json!({"statuss": 503}), Some("statuss")),
        (json!({"status": 503, "cut_after": 1}), Some("cut-after")),
    ] {
        let error = FaultRule::from_json(&object).unwrap_err();
        assert_eq!(error.field(), field, "{object}: {error}");
    }
}

fn actions() -> impl Strategy<Value = Action> {
    prop_oneof![
        (300_u16..600, any::<Option<u32>>()).prop_map(|(code, retry_after)| Action::Status {
            code: StatusCode::from_u16(code).unwrap(),
            retry_after
        }),
        any::<u32>().prop_map(Action::CutAfter),
        any::<u32>().prop_map(Action::EndAfter),
        any::<u32>().prop_map(|after| Action::ErrorIn200 { after }),
        Just(Action::EmptyStream),
        Just(Action::Garbage),
        Just(Action::Silence),
        Just(Action::Reset),
    ]
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        action in actions(),
        delay in 0_u64..=3_600_000,
        gap in proptest::option::of(0_u64..=3_600_000),
        times in proptest::option::of(1_u32..),
    ) {
        let fault = Fault {
            delay: Duration::from_millis(delay),
            chunk_delay: gap.map(Duration::from_millis),
            action: Some(action),
        };
        prop_assert_eq!(fault.to_string().parse::<Fault>(), Ok(fault.clone()));
        let rule = FaultRule { fault, times: times.and_then(NonZeroU32::new) };
        prop_assert_eq!(FaultRule::from_json(&rule.to_json()), Ok(rule));
    }

    #[test]
    fn no_text_panics(list in ".{0,40}") {
        let _ = list.parse::<Fault>();
    }
}
