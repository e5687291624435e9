//! The last requests, for tests and for people who wonder where a request went.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use http::{HeaderMap, request::Parts};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::credential;

/// Requests kept.
const CAPACITY: usize = 1000;
/// Bytes of a body kept.
const BODY_CAPACITY: usize = 64 << 10;
/// How far an answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Everything meant for the client was handed to the connection; a fault that cut the answer counts as meant.
    Completed,
    /// The client went away, or reset its stream, before that.
    Disconnected,
    /// Still being answered.
    Pending,
}

/// One request as it arrived. Credentials are redacted on arrival.
#[derive(Clone, Serialize)]
pub struct RequestRecord {
    /// Counts up from 1 over the provider's life.
    pub id: u64,
    /// Arrival, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// The method.
    pub method: String,
    /// Path and query, a key in the query redacted.
    pub path: String,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub version: String,
    /// Name to value in order of arrival; values of a repeated name are joined by `, `.
    pub headers: Map<String, Value>,
    /// First 12 hexadecimal digits of the SHA-256 of the credential (without `Bearer `; of an AWS signature, of its
    /// access key id): tells keys apart.
    pub authorization_sha: Option<String>,
    /// The same of every credential in the request, by header name, or `?key` for Google's in the query.
    pub credentials: BTreeMap<String, String>,
    /// The model asked for, in the body or the path.
    pub model: Option<String>,
    /// The body as text, at most 64 KiB of it.
    pub body: String,
    /// Whether the body was longer than what is kept.
    pub body_truncated: bool,
    /// The applied fault in its header form.
    pub fault: Option<String>,
    /// `header` or `table`.
    pub fault_source: Option<&'static str>,
    /// Status of the answer, once there is one.
    pub status: Option<u16>,
    /// The id of the answer, which its headers carry where the dialect has such a header.
    pub request_id: String,
    /// How far the answer came.
    pub outcome: Outcome,
}

/// A bounded list of records, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    last_id: u64,
    records: VecDeque<RequestRecord>,
}

/// The open record of one request. Dropped before [`Entry::complete`], the client has disconnected.
#[derive(Debug)]
pub(crate) struct Entry {
    journal: Arc<Journal>,
    id: u64,
    settled: bool,
}

// === impl RequestRecord ===

impl RequestRecord {
    /// The record of a request whose body was not read yet.
    pub(crate) fn arrived(parts: &Parts, request_id: String) -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let credentials = credential::all(parts);
        Self {
            id: 0,
            time_ms: u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX),
            method: parts.method.to_string(),
            path: credential::redacted_path(parts),
            version: format!("{:?}", parts.version),
            headers: headers(&parts.headers),
            authorization_sha: credential::first(&credentials).cloned(),
            credentials,
            model: None,
            body: String::new(),
            body_truncated: false,
            fault: None,
            fault_source: None,
            status: None,
            request_id,
            outcome: Outcome::Pending,
        }
    }

    pub(crate) fn set_body(&mut self, body: &[u8]) {
        self.body_truncated = body.len() > BODY_CAPACITY;
        let kept = &body[..body.len().min(BODY_CAPACITY)];
        let mut text = String::from_utf8_lossy(kept).into_owned();
        // A replacement character is longer than the byte it stands for.
        text.truncate(text.floor_char_boundary(BODY_CAPACITY));
        self.body = text;
    }
}

impl fmt::Debug for RequestRecord {
    /// Prompts do not print.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestRecord")
            .field("id", &self.id)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("model", &self.model)
            .field("fault", &self.fault)
            .field("status", &self.status)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

fn headers(headers: &HeaderMap) -> Map<String, Value> {
    let mut kept = Map::new();
    for (name, value) in headers {
        let value = if credential::is_header(name) {
            "REDACTED".into()
        } else {
            String::from_utf8_lossy(value.as_bytes())
        };
        match kept.get_mut(name.as_str()) {
            Some(Value::String(earlier)) => {
                earlier.push_str(", ");
                earlier.push_str(&value);
            }
            _ => {
                kept.insert(name.as_str().to_owned(), Value::String(value.into_owned()));
            }
        }
    }
    kept
}

// === impl Journal ===

impl Journal {
    /// Keeps a record, forgetting the oldest past the bound.
    pub(crate) fn begin(self: &Arc<Self>, mut record: RequestRecord) -> Entry {
        let mut book = self.book.lock();
        book.last_id += 1;
        let id = book.last_id;
        record.id = id;
        if book.records.len() == CAPACITY {
            book.records.pop_front();
        }
        book.records.push_back(record);
        Entry {
            journal: Arc::clone(self),
            id,
            settled: false,
        }
    }

    /// Copies of all records, oldest first.
    pub(crate) fn records(&self) -> Vec<RequestRecord> {
        self.book.lock().records.iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.book.lock().records.clear();
    }

    /// The records as a JSON array.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.records()).expect("a record has string keys only")
    }

    fn update(&self, id: u64, change: impl FnOnce(&mut RequestRecord)) {
        let mut book = self.book.lock();
        // Ids in the book are consecutive: records only leave at the front or all together.
        let Some(first) = book.records.front().map(|record| record.id) else {
            return;
        };
        let index = id
            .checked_sub(first)
            .and_then(|index| usize::try_from(index).ok());
        if let Some(record) = index.and_then(|index| book.records.get_mut(index)) {
            change(record);
        }
    }
}

// === impl Entry ===

impl Entry {
    /// Adds what became known; does nothing once the record was forgotten.
    pub(crate) fn note(&self, change: impl FnOnce(&mut RequestRecord)) {
        self.journal.update(self.id, change);
    }

    /// The answer went out as it was meant to.
    pub(crate) fn complete(mut self) {
        self.settled = true;
        self.note(|record| record.outcome = Outcome::Completed);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.settled {
            self.note(|record| record.outcome = Outcome::Disconnected);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn record(authorization: &str) -> RequestRecord {
        let request = Request::post("/v1/chat/completions?x=1")
            .header("authorization", authorization)
            .header("x-api-key", "also-secret")
            .header("accept", "a")
            .header("accept", "b")
            .body(())
            .unwrap();
        RequestRecord::arrived(&request.into_parts().0, "req_1".to_owned())
    }

    #[test]
    fn never_keeps_a_credential_but_tells_keys_apart() {
        let kept = record("Bearer sk-secret-1");
        let json = serde_json::to_string(&kept).unwrap();
        assert!(!json.contains("secret"), "{json}");
        assert_eq!(kept.headers["authorization"], "REDACTED");
        assert_eq!(kept.headers["accept"], "a, b");
        assert_eq!(kept.path, "/v1/chat/completions?x=1");
        let sha = kept.authorization_sha.unwrap();
        assert_eq!(sha.len(), 12);
        assert_eq!(
            Some(&sha),
            record("bearer  sk-secret-1").authorization_sha.as_ref()
        );
        assert_eq!(Some(&sha), record("sk-secret-1").authorization_sha.as_ref());
        assert_ne!(
            Some(&sha),
            record("Bearer sk-secret-2").authorization_sha.as_ref()
        );
    }

    #[test]
    fn forgets_the_oldest_and_ignores_notes_on_it() {
        let journal = Arc::new(Journal::default());
        let oldest = journal.begin(record("k"));
        let entries: Vec<_> = (0..CAPACITY).map(|_| journal.begin(record("k"))).collect();
        oldest.note(|record| record.status = Some(200));
        let records = journal.records();
        assert_eq!(records.len(), CAPACITY);
        assert_eq!((records[0].id, records[0].status), (2, None));
        drop(entries);
        assert!(
            journal
                .records()
                .iter()
                .all(|record| record.outcome == Outcome::Disconnected)
        );
    }

    #[test]
    fn a_record_is_pending_until_settled_and_survives_a_clear() {
        let journal = Arc::new(Journal::default());
        let (first, second) = (journal.begin(record("k")), journal.begin(record("k")));
        assert_eq!(journal.records()[0].outcome, Outcome::Pending);
        first.complete();
        assert_eq!(journal.records()[0].outcome, Outcome::Completed);
        journal.clear();
        second.complete();
        assert!(journal.records().is_empty());
        journal.begin(record("k")).complete();
        assert_eq!(journal.records()[0].outcome, Outcome::Completed);
    }

    #[test]
    fn bounds_the_body_at_a_character() {
        let mut kept = record("k");
        kept.set_body("ä".repeat(BODY_CAPACITY).as_bytes());
        assert!(kept.body.len() <= BODY_CAPACITY && kept.body_truncated);
        kept.set_body(&[0xff; BODY_CAPACITY]);
        assert!(kept.body.len() <= BODY_CAPACITY && !kept.body_truncated);
    }
}
