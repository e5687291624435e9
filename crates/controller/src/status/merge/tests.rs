use serde_json::json;

use super::*;

const THEN: &str = "2026-01-01T00:00:00Z";
const NOW: &str = "2026-02-02T00:00:00Z";
const ROUTE: Status = Status::Entries("parents");

fn condition(kind: &str, status: &str, time: Option<&str>) -> Value {
    let mut condition = json!({
        "type": kind, "status": status, "reason": "R", "message": "", "observedGeneration": 1,
    });
    if let Some(time) = time {
        condition["lastTransitionTime"] = json!(time);
    }
    condition
}

fn parent(controller: &str, name: &str, conditions: Value) -> Value {
    json!({ "parentRef": { "name": name }, "controllerName": controller, "conditions": conditions })
}

fn patch(shape: Status, live: &Value, wanted: &Value) -> Option<Value> {
    difference(shape, live, wanted, NOW).map(|d| d.patch)
}

#[test]
fn what_is_so_already_is_not_written() {
    let live = json!({ "conditions": [condition("Accepted", "True", Some(THEN))] });
    let wanted = json!({ "conditions": [condition("Accepted", "True", None)] });
    assert_eq!(patch(Status::Whole, &live, &wanted), None);

    let entry = |time| {
        parent(
            CONTROLLER_NAME,
            "gw",
            json!([condition("Accepted", "True", time)]),
        )
    };
    let live = json!({ "parents": [entry(Some(THEN))] });
    assert_eq!(
        patch(ROUTE, &live, &json!({ "parents": [entry(None)] })),
        None
    );
    assert_eq!(patch(ROUTE, &Value::Null, &json!({ "parents": [] })), None);
}

#[test]
fn the_time_of_transition_changes_with_the_status_alone() {
    let live = json!({ "conditions": [condition("Accepted", "True", Some(THEN))] });
    let mut wanted = json!({ "conditions": [condition("Accepted", "True", None)] });
    wanted["conditions"][0]["observedGeneration"] = json!(2);
    let written = patch(Status::Whole, &live, &wanted).unwrap();
    assert_eq!(written["conditions"][0]["lastTransitionTime"], THEN);
    assert_eq!(written["conditions"][0]["observedGeneration"], 2);

    wanted["conditions"][0]["status"] = json!("False");
    let written = patch(Status::Whole, &live, &wanted).unwrap();
    assert_eq!(written["conditions"][0]["lastTransitionTime"], NOW);
}

#[test]
fn conditions_of_others_stay_and_ours_that_are_not_wanted_go() {
    let foreign = condition("example.com/Audited", "True", Some(THEN));
    let ours = condition("PartiallyInvalid", "True", Some(THEN));
    let live = json!({ "conditions": [foreign, ours], "attachedListenerSets": 3 });
    let wanted = json!({ "conditions": [condition("Accepted", "True", None)] });
    let written = patch(Status::Whole, &live, &wanted).unwrap();
    let expected = json!({ "conditions": [foreign, condition("Accepted", "True", Some(NOW))] });
    assert_eq!(written, expected);
}

#[test]
fn entries_of_others_keep_their_content_and_place() {
    let foreign = |name: &str| parent("example.com/other", name, json!([{ "odd": 1 }]));
    let accepted = |time| json!([condition("Accepted", "True", time)]);
    let live = json!({ "parents": [
        foreign("x"),
        parent(CONTROLLER_NAME, "gone", accepted(Some(THEN))),
        parent(CONTROLLER_NAME, "gw", accepted(Some(THEN))),
        foreign("gw"),
    ]});
    let wanted = json!({ "parents": [
        parent(CONTROLLER_NAME, "new", accepted(None)),
        parent(CONTROLLER_NAME, "gw", accepted(None)),
    ]});
    let written = patch(ROUTE, &live, &wanted).unwrap();
    let expected = json!({ "parents": [
        foreign("x"),
        parent(CONTROLLER_NAME, "gw", accepted(Some(THEN))),
        foreign("gw"),
        parent(CONTROLLER_NAME, "new", accepted(Some(NOW))),
    ]});
    assert_eq!(written, expected);

    let written = patch(ROUTE, &live, &json!({ "parents": [] })).unwrap();
    assert_eq!(written, json!({ "parents": [foreign("x"), foreign("gw")] }));
    assert!(has_ours(ROUTE, &live) && !has_ours(ROUTE, &written));
}

#[test]
fn listeners_keep_their_own_times() {
    let listener = |name: &str, time| {
        json!({
            "name": name,
            "attachedRoutes": 0,
            "conditions": [condition("Accepted", "True", time)],
        })
    };
    let live = json!({ "listeners": [listener("a", Some(THEN))], "addresses": [{ "value": "1" }] });
    let wanted = json!({ "listeners": [listener("b", None), listener("a", None)] });
    let written = patch(Status::Whole, &live, &wanted).unwrap();
    let expected = json!([listener("b", Some(NOW)), listener("a", Some(THEN))]);
    assert_eq!(written["listeners"], expected);
    assert_eq!(written["addresses"], Value::Null, "no longer wanted");
}

#[test]
fn health_alone_is_told_from_the_rest() {
    let status = |healthy: &str, accepted: &str| {
        json!({ "conditions": [
            condition("Accepted", accepted, None),
            condition("Healthy", healthy, None),
        ]})
    };
    let live = difference(Status::Whole, &Value::Null, &status("True", "True"), THEN).unwrap();
    assert_eq!(live.extent, Extent::More);
    let extent = |wanted| {
        difference(Status::Whole, &live.patch, &wanted, NOW)
            .unwrap()
            .extent
    };
    assert_eq!(extent(status("False", "True")), Extent::HealthOnly);
    assert_eq!(extent(status("False", "False")), Extent::More);
}
