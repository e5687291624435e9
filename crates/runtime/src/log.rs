//! The process's own log on standard error: one JSON object a line, or lines for people.
//!
//! Standard output belongs to the access log alone.

use std::fmt;
use std::io::Write;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

const DEFAULT: &str = "info";

/// How the lines of the log are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One flat JSON object a line.
    #[default]
    Json,
    /// `time LEVEL scope: message key=value`: no event takes more than a line here either.
    Text,
}

/// Changes the filter of the running process.
#[derive(Clone, Debug)]
pub struct Filter(reload::Handle<EnvFilter, Registry>);

/// Why a filter is not taken: it was written wrongly; another try does not help.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    #[error("`{written}` is not a log filter such as `debug` or `info,agw_proxy=debug`: {reason}")]
    Invalid { written: String, reason: String },
    #[error("the log is gone")]
    Gone,
}

/// Starts the log. The filter is `level` (`debug`, or `info,agw_proxy=trace`), else `AGW_LOG`, else
/// `RUST_LOG`, else `info`; one that cannot be read is named in the log and `info` is used.
///
/// A second call in a process has no effect and its handle changes nothing.
pub fn init(level: Option<&str>, format: Format) -> Filter {
    let written = level
        .map(str::to_owned)
        .or_else(|| std::env::var("AGW_LOG").ok())
        .or_else(|| std::env::var("RUST_LOG").ok())
        .filter(|text| !text.trim().is_empty());
    let (filter, error) = match written.map(|text| parse(&text)).transpose() {
        Ok(filter) => (filter.unwrap_or_else(|| EnvFilter::new(DEFAULT)), None),
        Err(error) => (EnvFilter::new(DEFAULT), Some(error)),
    };
    let (filter, handle) = reload::Layer::new(filter);
    let _ = tracing_subscriber::registry()
        .with(filter)
        .with(Lines(format))
        .try_init();
    if let Some(error) = error {
        tracing::warn!(%error, "the log filter is not used");
    }
    Filter(handle)
}

fn parse(text: &str) -> Result<EnvFilter, FilterError> {
    EnvFilter::try_new(text).map_err(|error| FilterError::Invalid {
        written: text.chars().take(64).collect(),
        reason: error.to_string(),
    })
}

impl Filter {
    /// Uses `level` from now on.
    ///
    /// # Errors
    /// When it is no filter; the one in force stays.
    pub fn set(&self, level: &str) -> Result<(), FilterError> {
        self.0.reload(parse(level)?).map_err(|_| FilterError::Gone)
    }

    /// The filter in force.
    pub fn current(&self) -> String {
        self.0.with_current(ToString::to_string).unwrap_or_default()
    }
}

/// Writes each event as one line.
struct Lines(Format);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let now = Timestamp::now();
        let line = match self.0 {
            Format::Json => line(event, now),
            Format::Text => text(event, now),
        };
        // There is no other place to say that standard error takes no bytes.
        let _ = std::io::stderr().lock().write_all(&line);
    }
}

fn line(event: &Event<'_>, now: Timestamp) -> Vec<u8> {
    let metadata = event.metadata();
    let mut keys = Map::new();
    keys.insert("timestamp".to_owned(), Value::String(format!("{now:.6}")));
    keys.insert(
        "level".to_owned(),
        metadata.level().as_str().to_ascii_lowercase().into(),
    );
    keys.insert("scope".to_owned(), metadata.target().into());
    let mut fields = Fields(keys);
    event.record(&mut fields);
    let mut bytes = Value::Object(fields.0).to_string().into_bytes();
    bytes.push(b'\n');
    bytes
}

fn text(event: &Event<'_>, now: Timestamp) -> Vec<u8> {
    let metadata = event.metadata();
    let mut fields = Fields(Map::new());
    event.record(&mut fields);
    let message = fields.0.shift_remove("message").unwrap_or_default();
    let message = match &message {
        // As a JSON string has it, so that no line break and no escape gets to a terminal.
        Value::String(plain) if plain.chars().all(|c| !c.is_control()) => plain.clone(),
        other => other.to_string(),
    };
    let (level, scope) = (metadata.level(), metadata.target());
    let mut line = format!("{now:.6} {level:>5} {scope}: {message}");
    for (key, value) in &fields.0 {
        line += &format!(" {key}={value}");
    }
    line.push('\n');
    line.into_bytes()
}

/// Fields of an event, beside the keys that every line has.
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        let name = match field.name() {
            taken @ ("timestamp" | "level" | "scope") => format!("field.{taken}"),
            name => name.to_owned(),
        };
        self.0.insert(name, value);
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    /// Keeps lines instead of writing them.
    #[derive(Clone, Default)]
    struct Kept(Format, Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Kept {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let make = match self.0 {
                Format::Json => line,
                Format::Text => text,
            };
            let line = make(event, Timestamp::UNIX_EPOCH);
            self.1.lock().push(String::from_utf8(line).unwrap());
        }
    }

    #[test]
    fn an_event_is_one_flat_json_line() {
        let kept = Kept::default();
        let subscriber = tracing_subscriber::registry().with(kept.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(target: "agw", port = 8080, level = "x", "two\nlines \"here\"");
        });
        assert_eq!(
            kept.1.lock().concat(),
            "{\"timestamp\":\"1970-01-01T00:00:00.000000Z\",\"level\":\"warn\",\"scope\":\"agw\",\
             \"message\":\"two\\nlines \\\"here\\\"\",\"port\":8080,\"field.level\":\"x\"}\n"
        );
    }

    #[test]
    fn an_event_is_one_line_for_people() {
        let kept = Kept(Format::Text, Arc::default());
        let subscriber = tracing_subscriber::registry().with(kept.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(target: "agw", port = 8080, name = "x y", "it works");
            tracing::info!(target: "agw", "two\nlines");
        });
        assert_eq!(
            kept.1.lock().concat(),
            "1970-01-01T00:00:00.000000Z  WARN agw: it works port=8080 name=\"x y\"\n\
             1970-01-01T00:00:00.000000Z  INFO agw: \"two\\nlines\"\n"
        );
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_refused_with_its_text() {
        let error = parse("agw_proxy=loud").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`agw_proxy=loud` is not a log filter"),
            "{error}"
        );
    }
}
