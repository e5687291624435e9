//! Where providers are and how requests prove themselves to them, as far as files leave it open.

use std::net::{Ipv4Addr, SocketAddr};

use agw_core::backend::Endpoint;
use agw_core::secret::Secret;
use agw_translate::{Settings, key_variables};

use crate::command::MockUrl;
use crate::mock_provider::RunningMock;

/// What a mock gets in place of a key that no file defines: never a real one.
const PLACEHOLDER: &str = "sk-mock";

/// The translation's settings, and the mock that they may point to.
pub(crate) struct Providers {
    settings: Settings,
    mock: Mock,
}

enum Mock {
    None,
    Elsewhere(MockUrl),
    Here(RunningMock),
}

impl Providers {
    /// Starts a mock in this process if one is asked for without its address.
    pub(crate) async fn start(mock: Option<Option<MockUrl>>) -> anyhow::Result<Self> {
        let mock = match mock {
            None => Mock::None,
            Some(Some(url)) => Mock::Elsewhere(url),
            Some(None) => {
                let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                Mock::Here(RunningMock::start(any, agw_mock_provider::Settings::default()).await?)
            }
        };
        let provider_override = match &mock {
            Mock::None => None,
            Mock::Elsewhere(url) => Some((url.host.clone(), url.port)),
            Mock::Here(here) => Some((here.address.ip().to_string(), here.address.port())),
        };
        let credentials = key_variables()
            .filter_map(|(kind, variable)| {
                let key = match &mock {
                    Mock::None => std::env::var(variable)
                        .ok()
                        .filter(|key| !key.trim().is_empty())?,
                    Mock::Elsewhere(_) | Mock::Here(_) => PLACEHOLDER.to_owned(),
                };
                Some((kind, Secret::new(bare(&key))))
            })
            .collect();
        let settings = Settings {
            provider_override: provider_override.map(|(host, port)| Endpoint {
                host: host.into(),
                port,
                tls: None,
            }),
            credentials,
            ..Settings::default()
        };
        Ok(Self { settings, mock })
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where the mock is reached, if there is one.
    pub(crate) fn mock_address(&self) -> Option<String> {
        let endpoint = self.settings.provider_override.as_ref()?;
        Some(if endpoint.host.contains(':') {
            format!("http://[{}]:{}", endpoint.host, endpoint.port)
        } else {
            format!("http://{}:{}", endpoint.host, endpoint.port)
        })
    }

    pub(crate) async fn stop(self) {
        if let Mock::Here(mock) = self.mock {
            mock.stop().await;
        }
    }
}

/// A key without the scheme that some people keep in the variable.
fn bare(key: &str) -> &str {
    let key = key.trim();
    key.strip_prefix("Bearer ").unwrap_or(key).trim_start()
}
