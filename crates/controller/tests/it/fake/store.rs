//! Objects, their versions, and the watches on them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use super::Known;
use super::patch;
use super::path::Path;

/// A refusal.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

type Key = (String, String, String);

#[derive(Default)]
pub(crate) struct Store {
    /// By resource, namespace and name.
    objects: BTreeMap<Key, Value>,
    /// What was applied last by server-side apply.
    applied: HashMap<Key, Value>,
    version: u64,
    watches: Vec<Watch>,
    unknown: BTreeSet<&'static str>,
    failures: Vec<(&'static str, u16, usize)>,
}

struct Watch {
    path: Path,
    sender: UnboundedSender<Bytes>,
}

fn failure(status: u16, reason: &'static str, message: impl Into<String>) -> Failure {
    Failure {
        status,
        reason,
        message: message.into(),
    }
}

/// Names that a plural cannot be made of by rule.
fn plural(kind: &str) -> String {
    let kind = kind.to_ascii_lowercase();
    match kind.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o']) => format!("{stem}ies"),
        _ if kind.ends_with("class") => format!("{kind}es"),
        _ if kind.ends_with("parameters") => kind,
        _ => format!("{kind}s"),
    }
}

fn text(object: &Value, field: &str) -> String {
    object["metadata"][field]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

impl Store {
    pub(crate) fn apply(&mut self, object: Value) {
        let resource = plural(object["kind"].as_str().expect("a kind"));
        let found = self.find(
            &resource,
            &text(&object, "namespace"),
            &text(&object, "name"),
        );
        let mut object = object;
        if let Some(found) = found {
            let mut merged = found.clone();
            for (key, value) in object.as_object_mut().into_iter().flatten() {
                if key != "metadata" {
                    merged[key.as_str()] = value.take();
                }
            }
            object = merged;
        }
        self.put(&resource, object);
    }

    pub(crate) fn find(&self, resource: &str, namespace: &str, name: &str) -> Option<&Value> {
        let key = (resource.to_owned(), namespace.to_owned(), name.to_owned());
        self.objects.get(&key)
    }

    pub(crate) fn all(&self, resource: &str) -> Vec<Value> {
        let of_resource = self.objects.iter().filter(|((r, ..), _)| r == resource);
        of_resource.map(|(_, object)| object.clone()).collect()
    }

    pub(crate) fn count(&self, resource: &str) -> usize {
        self.objects.keys().filter(|(r, ..)| r == resource).count()
    }

    /// Stores an object, as a new one or in place of what it was. Nothing happens, as with a real
    /// server, when it is what it was.
    pub(crate) fn put(&mut self, resource: &str, mut object: Value) -> Value {
        let key = (
            resource.to_owned(),
            text(&object, "namespace"),
            text(&object, "name"),
        );
        let before = self.objects.get(&key).cloned();
        if let Some(before) = &before {
            object["metadata"]["uid"] = before["metadata"]["uid"].clone();
            object["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"].clone();
            if object == *before {
                return object;
            }
        }
        self.version += 1;
        let number = self.version;
        let same_spec = before
            .as_ref()
            .is_some_and(|before| before["spec"] == object["spec"]);
        let generation = before
            .as_ref()
            .map_or(0, |b| b["metadata"]["generation"].as_i64().unwrap_or(0));
        let metadata = &mut object["metadata"];
        metadata["resourceVersion"] = json!(number.to_string());
        if before.is_none() {
            metadata["uid"] = json!(format!("uid-{number}"));
            if metadata["creationTimestamp"].is_null() {
                metadata["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
            }
        }
        metadata["generation"] = json!(if same_spec {
            generation
        } else {
            generation + 1
        });
        let kind = if before.is_some() {
            "MODIFIED"
        } else {
            "ADDED"
        };
        self.tell(kind, resource, &object);
        self.objects.insert(key.clone(), object.clone());
        if before.is_none() && self.is_orphan(&object) {
            self.delete(resource, &key.1, &key.2);
        }
        object
    }

    /// Whether the object's owner is gone: the garbage collector deletes it.
    fn is_orphan(&self, object: &Value) -> bool {
        let mut owners = object["metadata"]["ownerReferences"]
            .as_array()
            .into_iter()
            .flatten();
        let gone = |owner: &Value| {
            !self
                .objects
                .values()
                .any(|o| o["metadata"]["uid"] == owner["uid"])
        };
        owners.any(gone)
    }

    /// Deletes an object, and what it owns.
    pub(crate) fn delete(&mut self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        let key = (resource.to_owned(), namespace.to_owned(), name.to_owned());
        let mut object = self.objects.remove(&key)?;
        self.applied.remove(&key);
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.tell("DELETED", resource, &object);
        let owns = |other: &Value| {
            let mut owners = other["metadata"]["ownerReferences"]
                .as_array()
                .into_iter()
                .flatten();
            owners.any(|owner| owner["uid"] == object["metadata"]["uid"])
        };
        let owned = self.objects.iter().filter(|(_, other)| owns(other));
        let owned: Vec<Key> = owned.map(|(key, _)| key.clone()).collect();
        for (resource, namespace, name) in owned {
            self.delete(&resource, &namespace, &name);
        }
        Some(object)
    }

    fn tell(&mut self, kind: &str, resource: &str, object: &Value) {
        self.watches.retain(|watch| {
            if watch.path.resource != resource || !matches(&watch.path, object) {
                return !watch.sender.is_closed();
            }
            let line = format!("{}\n", json!({ "type": kind, "object": object }));
            watch.sender.send(line.into()).is_ok()
        });
    }

    pub(crate) fn expire_watches(&mut self) {
        let status = json!({
            "kind": "Status", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old",
        });
        let line = format!("{}\n", json!({ "type": "ERROR", "object": status }));
        for watch in self.watches.drain(..) {
            let _ = watch.sender.send(line.clone().into());
        }
    }

    pub(crate) fn define(&mut self, resource: &'static str, known: Known) {
        match known {
            Known::Yes => self.unknown.remove(resource),
            Known::No => self.unknown.insert(resource),
        };
    }

    pub(crate) fn fail(&mut self, resource: &'static str, status: u16, times: usize) {
        self.failures.push((resource, status, times));
    }

    fn refused(&mut self, path: &Path) -> Result<(), Failure> {
        let versioned = format!("{}/{}", path.api_version, path.resource);
        if self.unknown.contains(path.resource.as_str())
            || self.unknown.contains(versioned.as_str())
        {
            return Err(failure(
                404,
                "NotFound",
                "the server could not find the requested resource",
            ));
        }
        Ok(())
    }

    pub(crate) fn watch(
        &mut self,
        path: &Path,
        sender: UnboundedSender<Bytes>,
    ) -> Result<(), Failure> {
        self.refused(path)?;
        let since: u64 = path.parameter("resourceVersion").parse().unwrap_or(0);
        // What changed between list and watch: deletions are not remembered, no test needs them.
        for ((resource, ..), object) in &self.objects {
            let version: u64 = text(object, "resourceVersion").parse().unwrap_or(0);
            if *resource == path.resource && version > since && matches(path, object) {
                let line = format!("{}\n", json!({ "type": "MODIFIED", "object": object }));
                let _ = sender.send(line.into());
            }
        }
        self.watches.push(Watch {
            path: path.clone(),
            sender,
        });
        Ok(())
    }

    pub(crate) fn carry_out(
        &mut self,
        verb: &str,
        path: &Path,
        body: Value,
        content: &str,
    ) -> Result<Value, Failure> {
        self.refused(path)?;
        if !matches!(verb, "get" | "list") {
            let resource = path.resource_name();
            let planned = self.failures.iter_mut();
            let mut planned = planned.filter(|(r, _, times)| *r == resource && *times > 0);
            if let Some((_, status, times)) = planned.next() {
                *times -= 1;
                return Err(failure(*status, "InternalError", "as planned"));
            }
        }
        if path.resource == "tokenreviews" {
            return Ok(review(body));
        }
        let found = self
            .find(&path.resource, &path.namespace, &path.name)
            .cloned();
        let missing = || failure(404, "NotFound", format!("{} not found", path.name));
        match verb {
            "list" => Ok(self.list(path)),
            "get" => found.ok_or_else(missing),
            "create" => self.create(path, body),
            "update" => {
                let found = found.ok_or_else(missing)?;
                expect_version(&found, &body)?;
                Ok(self.put(&path.resource, body))
            }
            "patch" if content.contains("apply-patch") => Ok(self.server_side_apply(path, body)),
            "patch" => self.merge(path, found.ok_or_else(missing)?, &body),
            "delete" => {
                let found = found.ok_or_else(missing)?;
                let wanted = &body["preconditions"]["uid"];
                if !wanted.is_null() && *wanted != found["metadata"]["uid"] {
                    return Err(failure(409, "Conflict", "it is another object"));
                }
                self.delete(&path.resource, &path.namespace, &path.name);
                Ok(json!({ "kind": "Status", "apiVersion": "v1", "status": "Success" }))
            }
            verb => Err(failure(405, "MethodNotAllowed", verb)),
        }
    }

    fn list(&self, path: &Path) -> Value {
        let items: Vec<_> = self
            .all(&path.resource)
            .into_iter()
            .filter(|object| {
                path.namespace.is_empty() || text(object, "namespace") == path.namespace
            })
            .filter(|object| matches(path, object))
            .collect();
        json!({
            "kind": "List",
            "apiVersion": path.api_version,
            "metadata": { "resourceVersion": self.version.to_string() },
            "items": items,
        })
    }

    fn create(&mut self, path: &Path, mut body: Value) -> Result<Value, Failure> {
        if !path.namespace.is_empty() {
            body["metadata"]["namespace"] = json!(path.namespace);
        }
        let (namespace, name) = (text(&body, "namespace"), text(&body, "name"));
        if self.find(&path.resource, &namespace, &name).is_some() {
            return Err(failure(
                409,
                "AlreadyExists",
                format!("{name} already exists"),
            ));
        }
        Ok(self.put(&path.resource, body))
    }

    fn merge(&mut self, path: &Path, found: Value, body: &Value) -> Result<Value, Failure> {
        expect_version(&found, body)?;
        let mut merged = found;
        if path.subresource == "status" {
            patch::merge(&mut merged["status"], &body["status"]);
        } else {
            patch::merge(&mut merged, body);
        }
        Ok(self.put(&path.resource, merged))
    }

    fn server_side_apply(&mut self, path: &Path, body: Value) -> Value {
        let key = (
            path.resource.clone(),
            path.namespace.clone(),
            path.name.clone(),
        );
        let mut object = self.objects.get(&key).cloned().unwrap_or(Value::Null);
        let before = self.applied.get(&key).cloned().unwrap_or_default();
        if object.is_null() {
            object = body.clone();
            defaults(&path.resource, &mut object);
        } else {
            patch::apply(&mut object, &before, &body);
        }
        self.applied.insert(key, body);
        self.put(&path.resource, object)
    }
}

/// What a real server adds to objects that are created.
fn defaults(resource: &str, object: &mut Value) {
    match resource {
        "services" => {
            object["spec"]["clusterIP"] = json!("10.96.0.10");
            object["spec"]["clusterIPs"] = json!(["10.96.0.10"]);
            object["spec"]["sessionAffinity"] = json!("None");
        }
        "deployments" => object["spec"]["revisionHistoryLimit"] = json!(10),
        _ => {}
    }
}

fn expect_version(found: &Value, body: &Value) -> Result<(), Failure> {
    let expected = &body["metadata"]["resourceVersion"];
    if !expected.is_null() && *expected != found["metadata"]["resourceVersion"] {
        return Err(failure(409, "Conflict", "the object has been modified"));
    }
    Ok(())
}

fn matches(path: &Path, object: &Value) -> bool {
    let labels = &object["metadata"]["labels"];
    let selects = |term: &str| match term.split_once('=') {
        Some((name, value)) => labels[name] == value,
        None => !labels[term].is_null(),
    };
    let excludes = |term: &str| match term.split_once("!=") {
        Some((field, value)) => object[field] != value,
        None => true,
    };
    let terms = |name: &str| -> Vec<String> {
        let parts = path.parameter(name).split(',');
        parts
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    };
    terms("labelSelector").iter().all(|term| selects(term))
        && terms("fieldSelector").iter().all(|term| excludes(term))
}

/// Tokens of this server are `AUDIENCE/USER`.
fn review(mut body: Value) -> Value {
    let token = body["spec"]["token"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let audiences = body["spec"]["audiences"].clone();
    let good = token.split_once('/').filter(|(audience, _)| {
        audiences
            .as_array()
            .is_some_and(|all| all.iter().any(|a| a == audience))
    });
    body["status"] = match good {
        Some((audience, user)) => json!({
            "authenticated": true,
            "audiences": [audience],
            "user": { "username": user },
        }),
        None => json!({ "authenticated": false, "error": "no" }),
    };
    body
}
