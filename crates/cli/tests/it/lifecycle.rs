//! Start and end.

use std::net::TcpListener;

use agw_testkit::{Agw, Mock, sse};
use serde_json::json;

use crate::setup::{BINARY, LARGE, MINI, chat, examples, one_route, streamed_chat};

#[test]
fn a_stream_under_way_is_finished_before_the_end() {
    let setup = examples();
    let rig = setup.start();
    rig.mock
        .fault(LARGE, &json!({ "chunk-delay": "60ms" }))
        .unwrap();
    let mut stream = streamed_chat(setup.path.large)
        .open(rig.agw.at(8080))
        .unwrap();
    let mut body = stream.next_bytes().unwrap().unwrap();
    rig.agw.signal("TERM").unwrap();
    while let Some(bytes) = stream.next_bytes().unwrap() {
        body.extend_from_slice(&bytes);
    }
    assert!(sse::is_done(&body), "{}", String::from_utf8_lossy(&body));
    let address = rig.agw.at(8080);
    let ended = rig.agw.wait().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(ended.stdout.len(), 1, "the stream's log line is written");
    assert!(chat(setup.path.mini, "Hi").send(address).is_err());
}

#[test]
fn a_second_signal_ends_at_once() {
    let setup = examples();
    let rig = setup.start();
    rig.mock.fault(LARGE, &json!({ "silence": true })).unwrap();
    let address = rig.agw.at(8080);
    let request = chat(setup.path.large, "Hi");
    let waiting = std::thread::spawn(move || request.send(address));
    // The request is under way once the mock has it.
    while rig
        .mock
        .requests()
        .unwrap()
        .iter()
        .all(|r| r["method"] != "POST")
    {
        std::thread::yield_now();
    }
    rig.agw.signal("TERM").unwrap();
    // Sooner it would count as the same request.
    std::thread::sleep(std::time::Duration::from_millis(400));
    rig.agw.signal("INT").unwrap();
    rig.agw.wait().unwrap();
    assert!(waiting.join().unwrap().is_err());
}

#[test]
fn says_which_port_is_taken() {
    let manifest = one_route(MINI);
    let builder = Agw::builder(BINARY)
        .unwrap()
        .manifest("m.yaml", &manifest)
        .unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let manifest = manifest.replace("8080", &port.to_string());
    let ended = builder
        .manifest("m.yaml", &manifest)
        .unwrap()
        .argument("--bind=127.0.0.1")
        .argument("--mock")
        .run_to_end()
        .unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let stderr = ended.stderr.join("\n");
    assert!(stderr.contains(&format!("127.0.0.1:{port}")), "{stderr}");
    assert!(ended.stdout.is_empty(), "{:?}", ended.stdout);
}

#[test]
fn a_taken_admin_port_that_was_asked_for_is_an_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let builder = Agw::builder(BINARY)
        .unwrap()
        .manifest("m.yaml", &one_route(MINI))
        .unwrap();
    let ended = builder
        .argument("--mock")
        .argument(format!("--admin={address}"))
        .run_to_end()
        .unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        ended.stderr.join("\n").contains(&address),
        "{:?}",
        ended.stderr
    );
}

#[test]
fn the_banner_has_the_addresses_and_a_command_to_paste() {
    let setup = examples();
    let agw = Agw::builder(BINARY)
        .unwrap()
        .path(&setup.manifests)
        .argument("--mock")
        .argument("--banner")
        .start()
        .unwrap();
    let command = agw
        .stderr()
        .wait_for(0, |line| line.trim_start().starts_with("curl "))
        .unwrap();
    assert!(
        command.contains(&format!("curl {}/models/mini", agw.at(8080))),
        "{command}"
    );
    assert!(!command.contains('$'), "{command}");
    let text = agw.stderr().all().join("\n");
    for part in [agw.at(15000), agw.at(15020), agw.at(15021)] {
        assert!(text.contains(&part.to_string()), "{part} in {text}");
    }
    // The command does what it says, in a shell.
    let output = std::process::Command::new("sh")
        .arg("-c")
        .arg(command.trim())
        .output()
        .unwrap();
    if output.status.code() == Some(127) {
        eprintln!("SKIPPED: there is no curl to paste the command into");
        return;
    }
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["model"], MINI, "{answer}");
}

#[test]
fn the_mock_gets_no_real_key_and_asks_for_one_when_told() {
    let mock = Mock::start_with(BINARY, &["--require-key"]).unwrap();
    let auth = "  policies:\n    auth:\n      secretRef:\n        name: nowhere\n";
    let manifest = format!("{}{auth}", one_route(MINI));
    let builder = Agw::builder(BINARY)
        .unwrap()
        .manifest("m.yaml", &manifest)
        .unwrap();
    let agw = builder
        .mock(&mock)
        .environment("OPENAI_API_KEY", "sk-real")
        .start()
        .unwrap();
    let answer = agw.send(&chat("/v1/chat/completions", "Hi")).unwrap();
    assert_eq!(
        answer.status,
        200,
        "a placeholder stands in: {}",
        answer.text()
    );
    // SHA-256 of `sk-real`, first twelve digits.
    let seen = mock.requests().unwrap().pop().unwrap();
    assert_ne!(seen["authorization_sha"], sha_of_real_key(), "{seen}");
}

/// What the mock calls the key `sk-real`, learnt by sending it.
fn sha_of_real_key() -> serde_json::Value {
    let mock = Mock::start(BINARY).unwrap();
    let request = chat("/v1/chat/completions", "Hi").header("Authorization", "Bearer sk-real");
    request.send(mock.address()).unwrap();
    mock.requests().unwrap().pop().unwrap()["authorization_sha"].clone()
}
