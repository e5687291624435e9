//! `examples/policies`: each page's commands, run as they are written, give what it shows.

use std::path::Path;
use std::process::Command;

use agw_testkit::{Agw, Mock};

use crate::setup::{BINARY, Rig, top};

/// A command and the lines that it prints.
struct Step {
    command: String,
    output: Vec<String>,
}

/// The commands of a page's `console` blocks.
fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ if !inside => {}
            line => match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => steps.push(Step {
                    command: command.to_owned(),
                    output: Vec::new(),
                }),
                (None, Some(step)) => step.output.push(line.to_owned()),
                (None, None) => panic!("a block begins with output: {line}"),
            },
        }
    }
    steps
}

/// The gateway that a page describes; its port is another one here.
fn rig(folder: &Path) -> Rig {
    let mock = Mock::start(BINARY).unwrap();
    let builder = Agw::builder(BINARY).unwrap();
    let agw = builder.path(folder).mock(&mock).start().unwrap();
    Rig { agw, mock }
}

fn run(command: &str, rig: &Rig) -> Vec<String> {
    let here = command.replace("localhost:8080", &rig.agw.at(8080).to_string());
    assert_ne!(here, command, "the command asks no gateway");
    let output = Command::new("bash").arg("-c").arg(&here).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn every_command_gives_what_its_page_shows() {
    let tools = Command::new("bash")
        .arg("-c")
        .arg("command -v curl jq")
        .output();
    if !tools.unwrap().status.success() {
        eprintln!("SKIPPED: the pages of examples/policies use curl and jq, which are not here");
        return;
    }
    let folders = std::fs::read_dir(top().join("examples/policies")).unwrap();
    let mut folders: Vec<_> = folders.map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    assert!(folders.len() >= 4, "{folders:?}");
    for folder in folders {
        let page = std::fs::read_to_string(folder.join("README.md")).unwrap();
        let steps = steps(&page);
        assert!(!steps.is_empty(), "{}: no command", folder.display());
        let rig = rig(&folder);
        for step in steps {
            let got = run(&step.command, &rig);
            let place = folder.file_name().unwrap().to_string_lossy();
            assert_eq!(got, step.output, "{place}: $ {}", step.command);
        }
    }
}
