//! What a start says: where things are and what to try.

use std::fmt::Write as _;

use agw_core::id::ObjectKey;
use agw_runtime::build_info::BUILD;

pub(crate) struct Banner {
    /// Each Gateway with the URL of one of its ports.
    pub(crate) gateways: Vec<(ObjectKey, String)>,
    /// What each server of pages is called, and the address of its main page.
    pub(crate) servers: Vec<(&'static str, String)>,
    pub(crate) mock: Option<String>,
    /// A command to paste.
    pub(crate) try_it: Option<String>,
}

impl Banner {
    pub(crate) fn text(&self) -> String {
        let mut text = format!("\nAgentGateway {}\n", BUILD.version);
        let mut row = |what: &str, url: &str| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {what:<24} {url}");
        };
        for (key, url) in &self.gateways {
            row(&format!("gateway {key}"), url);
        }
        for (what, url) in &self.servers {
            row(what, url);
        }
        if let Some(mock) = &self.mock {
            row("mock provider", mock);
        }
        if let Some(command) = &self.try_it {
            let _ = write!(text, "\nTry it:\n  {command}\n");
        }
        text.push('\n');
        text
    }

    pub(crate) fn log(&self) {
        for (key, url) in &self.gateways {
            tracing::info!(target: "agw", gateway = %key, url, "listening");
        }
        for (what, url) in &self.servers {
            tracing::info!(target: "agw", url, "{what}");
        }
        if let Some(url) = &self.mock {
            tracing::info!(target: "agw", url, "providers without a host of their own are mocked");
        }
        if let Some(command) = &self.try_it {
            tracing::info!(target: "agw", command, "try it");
        }
    }
}
