//! The objects that are tried.

use std::path::{Path, PathBuf};

use agw_translate::Mode;
use agw_translate::manifest::{ManifestFile, Object, load};
use serde_json::{Value, json};

use super::change::{object, value};

/// What is read together.
pub(super) struct Unit {
    pub(super) mode: Mode,
    pub(super) objects: Vec<Object>,
}

/// Folders with manifests, each file of which is read by itself.
const ALONE: &[&str] = &[
    "crates/translate/testdata",
    "crates/translate/testdata/coverage",
];

/// Group and kind of a policy.
const OPEN: [&str; 2] = ["agentgateway.dev", "AgentgatewayPolicy"];
const ENTERPRISE: [&str; 2] = [
    "enterpriseagentgateway.solo.io",
    "EnterpriseAgentgatewayPolicy",
];

/// Every unit, and what is made of it: what one dialect or place may say, another may say too.
pub(super) fn units() -> Vec<Unit> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut groups: Vec<Vec<PathBuf>> = Vec::new();
    for folder in ALONE {
        groups.extend(files(&root.join(folder)).into_iter().map(|file| vec![file]));
    }
    let mut folders = Vec::new();
    below(&root.join("examples"), &mut folders);
    groups.extend(folders.iter().map(|folder| files(folder)));
    let mut units = Vec::new();
    for group in groups {
        let unit = unit(&group, |text| text);
        units.push(moved(&unit, in_group));
        units.push(moved(&unit, into_backend));
        units.push(moved(&unit, |objects| out_of_backend(objects, OPEN)));
        units.push(moved(&unit, |objects| out_of_backend(objects, ENTERPRISE)));
        units.push(unit);
        units.push(self::unit(&group, enterprise));
    }
    units
}

/// The same in the enterprise dialect.
fn enterprise(text: String) -> String {
    const GROUP: &str = "enterpriseagentgateway.solo.io";
    ["AgentgatewayPolicy", "AgentgatewayParameters"]
        .iter()
        .fold(text, |text, kind| {
            let object = format!("apiVersion: agentgateway.dev/v1alpha1\nkind: {kind}\n");
            let other = format!("apiVersion: {GROUP}/v1alpha1\nkind: Enterprise{kind}\n");
            let reference = format!("group: agentgateway.dev, kind: {kind}");
            let other_reference = format!("group: {GROUP}, kind: Enterprise{kind}");
            text.replace(&object, &other)
                .replace(&reference, &other_reference)
        })
}

fn moved(unit: &Unit, change: impl Fn(&[Object]) -> Vec<Object>) -> Unit {
    Unit {
        mode: unit.mode,
        objects: change(&unit.objects),
    }
}

/// A backend's provider as the only one of a group.
fn in_group(objects: &[Object]) -> Vec<Object> {
    let moved = objects.iter().map(|before| {
        let mut value = value(before);
        let spec = &mut value["spec"];
        if !spec["ai"]["provider"].is_object() {
            return before.clone();
        }
        let mut provider = spec["ai"]["provider"].take();
        provider["name"] = json!("one");
        provider["policies"] = spec["policies"].take();
        spec["ai"] = json!({ "groups": [{ "providers": [provider] }] });
        object(before, value).unwrap_or_else(|| before.clone())
    });
    moved.collect()
}

/// What policies say of backends, said by every backend itself.
fn into_backend(objects: &[Object]) -> Vec<Object> {
    let mut said = json!({});
    for policy in objects {
        let backend = value(policy)["spec"]["backend"].clone();
        let (Some(said), Value::Object(more)) = (said.as_object_mut(), backend) else {
            continue;
        };
        said.extend(more);
    }
    let moved = objects.iter().map(|before| {
        let mut value = value(before);
        let is_ai = value["spec"]["ai"].is_object();
        if !is_ai || said == json!({}) {
            return before.clone();
        }
        value["spec"]["policies"] = said.clone();
        object(before, value).unwrap_or_else(|| before.clone())
    });
    moved.collect()
}

/// What each backend says of itself, said by a policy on it.
fn out_of_backend(objects: &[Object], [group, kind]: [&str; 2]) -> Vec<Object> {
    let mut moved = Vec::new();
    for before in objects {
        let mut value = value(before);
        let Value::Object(policies) = value["spec"]["policies"].take() else {
            moved.push(before.clone());
            continue;
        };
        let metadata = value["metadata"].clone();
        let target = json!({
            "group": "agentgateway.dev",
            "kind": "AgentgatewayBackend",
            "name": metadata["name"],
        });
        let policy = json!({
            "apiVersion": format!("{group}/v1alpha1"),
            "kind": kind,
            "metadata": metadata,
            "spec": { "targetRefs": [target], "backend": policies },
        });
        let text = policy.to_string();
        moved.extend(load(&[ManifestFile::new("policy.yaml", text)]).objects);
        moved.push(object(before, value).unwrap_or_else(|| before.clone()));
    }
    moved
}

fn below(folder: &Path, out: &mut Vec<PathBuf>) {
    out.push(folder.to_owned());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            below(&path, out);
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let files = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    files.sort();
    files
}

fn unit(paths: &[PathBuf], change: impl Fn(String) -> String) -> Unit {
    let read = |path: &PathBuf| {
        let text = change(std::fs::read_to_string(path).unwrap());
        ManifestFile::new(path.to_string_lossy(), text)
    };
    let files: Vec<_> = paths.iter().map(read).collect();
    let in_cluster = files
        .iter()
        .any(|f| f.text.starts_with("# mode: cluster\n"));
    Unit {
        mode: match in_cluster {
            true => Mode::Cluster,
            false => Mode::Files,
        },
        objects: load(&files).objects,
    }
}
