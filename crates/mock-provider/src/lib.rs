//! A fake OpenAI provider that answers without a key, deterministically, and breaks on demand.
//!
//! It speaks HTTP/1.1 and h2c, answers every endpoint in OpenAI's own shapes with token counts from a
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
//!                     └─> openai (/v1/…) ─> stream (pace, cut) ─> connection
//! ```

mod cache;
mod control;
mod fault;
mod ids;
mod journal;
mod openai;
mod percent;
mod provider;
mod schema;
mod server;
mod settings;
mod stream;
mod text;
mod tokens;

pub use fault::{Action, Fault, FaultError, FaultRule, ModelSelector, TableFull};
pub use journal::{Outcome, RequestRecord};
pub use provider::MockProvider;
pub use server::serve;
pub use settings::{KeyCheck, ModelCheck, Settings};
