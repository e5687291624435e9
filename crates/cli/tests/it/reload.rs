//! Edits of files while requests are served.

use agw_testkit::Agw;

use crate::setup::{BINARY, LARGE, MINI, Rig, one_route};

const CHAT: &str = "/v1/chat/completions";

fn model(rig: &Rig) -> Option<String> {
    rig.chat(CHAT, "Hi").model()
}

fn wait_for(agw: &Agw, from: usize, text: &str) -> String {
    let line = agw.stderr().wait_for(from, |line| line.contains(text));
    line.unwrap_or_else(|| panic!("no `{text}` in {:#?}", agw.stderr().all()))
}

#[test]
fn an_edit_is_in_force_when_it_is_announced() {
    let rig = Rig::with(&one_route(MINI));
    wait_for(
        &rig.agw,
        0,
        "configuration 1 applied: 1 gateway, 1 route, 1 backend",
    );
    assert_eq!(model(&rig).as_deref(), Some(MINI));
    for (version, wanted) in [(2, LARGE), (3, MINI)] {
        rig.agw.edit("m.yaml", &one_route(wanted)).unwrap();
        wait_for(&rig.agw, 0, &format!("configuration {version} applied"));
        assert_eq!(model(&rig).as_deref(), Some(wanted));
    }
}

#[test]
fn a_file_that_is_added_counts() {
    let rig = Rig::with(&one_route(MINI));
    let gateway = one_route(MINI)
        .replace("name: g,", "name: g2,")
        .replace("8080", "8081");
    rig.agw
        .edit("second.yaml", gateway.split("---").next().unwrap())
        .unwrap();
    wait_for(&rig.agw, 0, "configuration 2 applied: 2 gateways");
    let answer = crate::setup::chat(CHAT, "Hi")
        .send(rig.agw.at(8081))
        .unwrap();
    assert_eq!(
        answer.status, 404,
        "its port listens and no route is attached"
    );
    assert_eq!(model(&rig).as_deref(), Some(MINI));
}

#[test]
fn a_broken_edit_is_named_and_changes_nothing() {
    let rig = Rig::with(&one_route(MINI));
    let good = one_route(LARGE);
    for (broken, place, says) in [
        (
            good.replace("        model:", "        modle:"),
            "m.yaml:25:9",
            "AGW0105",
        ),
        (
            good.replace("spec:\n  ai:", "spec:\n\t ai:"),
            "m.yaml:",
            "AGW0101",
        ),
        (
            good.replace("port: 8080", "port: eighty"),
            "m.yaml:7:43",
            "AGW0106",
        ),
        (
            good.replace("name: b }\n---", "name: gone }\n---"),
            "m.yaml:",
            "AGW0202",
        ),
    ] {
        assert_ne!(broken, good);
        let from = rig.agw.stderr().count();
        rig.agw.edit("m.yaml", &broken).unwrap();
        wait_for(&rig.agw, from, "configuration 1 stays in force");
        let finding = wait_for(&rig.agw, from, says);
        assert!(finding.contains(place), "{finding}");
        assert_eq!(model(&rig).as_deref(), Some(MINI));
    }
    rig.agw.edit("m.yaml", &good).unwrap();
    wait_for(&rig.agw, 0, "configuration 2 applied");
    assert_eq!(model(&rig).as_deref(), Some(LARGE));
}

#[test]
fn a_finding_for_machines_has_its_parts_in_keys() {
    let rig = Rig::with(&one_route(MINI));
    rig.agw
        .edit(
            "m.yaml",
            &one_route(MINI).replace("        model:", "        modle:"),
        )
        .unwrap();
    let line = wait_for(&rig.agw, 0, "AGW0105");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["level"], "error");
    assert_eq!(
        (&line["line"], &line["column"]),
        (&25.into(), &9.into()),
        "{line}"
    );
    assert!(line["file"].as_str().unwrap().ends_with("m.yaml"), "{line}");
    assert!(line["field"].as_str().unwrap().contains("modle"), "{line}");
    assert!(line["remedy"].as_str().unwrap().contains("model"), "{line}");
}

#[test]
fn no_watch_means_that_edits_are_ignored() {
    let mock = agw_testkit::Mock::start(BINARY).unwrap();
    let builder = Agw::builder(BINARY)
        .unwrap()
        .manifest("m.yaml", &one_route(MINI))
        .unwrap();
    let agw = builder.mock(&mock).argument("--no-watch").start().unwrap();
    let rig = Rig { agw, mock };
    rig.agw.edit("m.yaml", &one_route(LARGE)).unwrap();
    // Longer than an edit takes with a watch.
    std::thread::sleep(std::time::Duration::from_millis(600));
    assert_eq!(model(&rig).as_deref(), Some(MINI));
}
