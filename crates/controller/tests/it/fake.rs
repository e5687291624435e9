//! An API server in the test's own process: it keeps objects, tells watches, and writes down who
//! asked for what.

mod patch;
mod path;
mod store;

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use kube::Client;
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::mpsc;

pub(crate) use path::Path;
use store::{Failure, Store};

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// One request that changed, or meant to change, something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Write {
    /// Name of the client.
    pub(crate) by: &'static str,
    pub(crate) verb: &'static str,
    /// `httproutes/status`.
    pub(crate) resource: String,
    /// `namespace/name`.
    pub(crate) object: String,
    pub(crate) status: u16,
}

/// The server. Clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Fake(Arc<Inner>);

#[derive(Default)]
struct Inner {
    store: Mutex<Store>,
    writes: Mutex<Vec<Write>>,
    /// Every verb and resource that was asked for.
    asked: Mutex<std::collections::BTreeSet<(String, String)>>,
    interference: Mutex<Option<Interference>>,
}

/// Something that happens just before the next write of a resource is carried out.
struct Interference {
    resource: &'static str,
    act: Box<dyn FnOnce(&Fake) + Send>,
}

impl Fake {
    pub(crate) fn client(&self, name: &'static str) -> Client {
        let fake = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let fake = fake.clone();
            async move { Ok::<_, Infallible>(fake.answer(name, request).await) }
        });
        Client::new(service, "agw-system")
    }

    /// Creates or replaces objects as a user would.
    pub(crate) fn apply(&self, objects: impl IntoIterator<Item = Value>) {
        for object in objects {
            self.0.store.lock().apply(object);
        }
    }

    pub(crate) fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        self.0.store.lock().find(resource, namespace, name).cloned()
    }

    /// How many there are: polls ask often.
    pub(crate) fn count(&self, resource: &str) -> usize {
        self.0.store.lock().count(resource)
    }

    pub(crate) fn list(&self, resource: &str) -> Vec<Value> {
        self.0.store.lock().all(resource)
    }

    /// Changes an object as another controller would.
    pub(crate) fn edit(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        edit: impl FnOnce(&mut Value),
    ) {
        let mut store = self.0.store.lock();
        let mut object = store
            .find(resource, namespace, name)
            .cloned()
            .expect("it is there");
        edit(&mut object);
        store.put(resource, object);
    }

    pub(crate) fn delete(&self, resource: &str, namespace: &str, name: &str) {
        self.0.store.lock().delete(resource, namespace, name);
    }

    /// Ends every watch, so that everything is listed again.
    pub(crate) fn expire_watches(&self) {
        self.0.store.lock().expire_watches();
    }

    /// From now on the resource is not known, or is again.
    pub(crate) fn define(&self, resource: &'static str, known: Known) {
        self.0.store.lock().define(resource, known);
    }

    /// The next `times` writes of the resource fail.
    pub(crate) fn fail(&self, resource: &'static str, status: u16, times: usize) {
        self.0.store.lock().fail(resource, status, times);
    }

    /// Acts just before the next write of the resource.
    pub(crate) fn interfere(
        &self,
        resource: &'static str,
        act: impl FnOnce(&Self) + Send + 'static,
    ) {
        let act = Box::new(act);
        *self.0.interference.lock() = Some(Interference { resource, act });
    }

    /// Writes so far, those of Leases left out.
    pub(crate) fn writes(&self) -> Vec<Write> {
        let writes = self.0.writes.lock();
        writes
            .iter()
            .filter(|write| write.resource != "leases")
            .cloned()
            .collect()
    }

    pub(crate) fn writes_of(&self, resource: &str) -> Vec<Write> {
        let mut writes = self.writes();
        writes.retain(|write| write.resource == resource);
        writes
    }

    /// Every verb that was used, and on what.
    pub(crate) fn asked(&self) -> std::collections::BTreeSet<(String, String)> {
        self.0.asked.lock().clone()
    }

    async fn answer(&self, by: &'static str, request: Request<Body>) -> Answer {
        let (parts, body) = request.into_parts();
        let path = Path::parse(parts.uri.path(), parts.uri.query().unwrap_or_default());
        let body = body
            .collect()
            .await
            .map(|body| body.to_bytes())
            .unwrap_or_default();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let verb = verb(&parts.method, &path);
        self.0
            .asked
            .lock()
            .insert((verb.to_owned(), path.resource_name()));
        if verb == "watch" {
            return self.watch(&path);
        }
        let is_write = !matches!(verb, "get" | "list");
        if is_write {
            self.let_interfere(&path);
        }
        let content = parts
            .headers
            .get("content-type")
            .and_then(|v| v.to_str().ok());
        let result = self
            .0
            .store
            .lock()
            .carry_out(verb, &path, body, content.unwrap_or_default());
        let status = match &result {
            Ok(_) => 200,
            Err(failure) => failure.status,
        };
        if is_write {
            self.0.writes.lock().push(Write {
                by,
                verb,
                resource: path.resource_name(),
                object: format!("{}/{}", path.namespace, path.name),
                status,
            });
        }
        match result {
            Ok(value) => full(StatusCode::OK, &value),
            Err(failure) => refuse(&failure),
        }
    }

    fn let_interfere(&self, path: &Path) {
        let mut interference = self.0.interference.lock();
        let act = interference.take_if(|i| i.resource == path.resource_name());
        drop(interference);
        if let Some(Interference { act, .. }) = act {
            act(self);
        }
    }

    fn watch(&self, path: &Path) -> Answer {
        let (sender, receiver) = mpsc::unbounded_channel();
        if let Err(failure) = self.0.store.lock().watch(path, sender) {
            return refuse(&failure);
        }
        let lines = stream::unfold(receiver, |mut receiver| async move {
            let line: Bytes = receiver.recv().await?;
            Some((Ok::<_, Infallible>(http_body::Frame::data(line)), receiver))
        });
        Response::new(UnsyncBoxBody::new(StreamBody::new(lines)))
    }
}

/// Whether the API server has a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    Yes,
    No,
}

fn verb(method: &Method, path: &Path) -> &'static str {
    match *method {
        Method::GET if path.is_watch() => "watch",
        Method::GET if path.name.is_empty() => "list",
        Method::GET => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "other",
    }
}

fn full(status: StatusCode, value: &Value) -> Answer {
    let body = Full::new(Bytes::from(value.to_string()));
    let mut response = Response::new(UnsyncBoxBody::new(body));
    *response.status_mut() = status;
    response
}

fn refuse(failure: &Failure) -> Answer {
    let status = StatusCode::from_u16(failure.status).expect("a status");
    let body = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": failure.message,
        "reason": failure.reason,
        "code": failure.status,
    });
    full(status, &body)
}
