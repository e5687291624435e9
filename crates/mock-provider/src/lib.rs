//! A fake provider that answers without a key, deterministically, and breaks on demand.
//!
//! It speaks HTTP/1.1 and h2c, answers in the dialect that a request's path belongs to with token counts from a
//! real tokenizer, and names the asked-for model in its text, so that a caller can see where a request
//! went. Faults are given by request header or armed per model over the control API under `/_mock/`;
//! see [`Fault`]. The last requests are kept in a bounded journal with credentials redacted.
//!
//! | Control request | |
//! |---|---|
//! | `PUT /_mock/faults/{model}` | arms a model: `{"status":503,"retry_after":2,"times":3}`; `*` is every request, `_models` the model list |
//! | `GET /_mock/faults` | what is armed, by model; `times` is what is left |
//! | `DELETE /_mock/faults[/{model}]` | disarms |
//! | `GET /_mock/requests`, `DELETE …` | the journal, oldest first |
//! | `GET /_mock/healthz` | 200 |
//!
//! ```text
//! server ─> provider ─┬─> control (/_mock/…)
//!                     └─> dialect (by path) ─> reply (pace, cut) ─> stream ─> connection
//! ```

mod anthropic;
mod ask;
mod bedrock;
mod cache;
mod calling;
mod control;
mod credential;
mod dialect;
mod error;
mod fault;
mod gemini;
mod ids;
mod journal;
mod openai;
mod percent;
mod prompt;
mod provider;
mod reply;
mod rerank;
mod schema;
mod seal;
mod server;
mod settings;
mod shape;
mod stream;
mod text;
mod tokens;
mod vector;
mod wire;

pub use fault::{Action, Fault, FaultError, FaultRule, ModelSelector, TableFull};
pub use journal::{Outcome, RequestRecord};
pub use provider::MockProvider;
pub use server::serve;
pub use settings::{AwsKey, KeyCheck, ModelCheck, Settings};
