//! Whoever the gateway is where it runs: a token that says so is good for all that the gateway may
//! do, so it goes only to hosts of the cloud that knows it.

use agw_core::backend::{Auth, ProviderKind};
use agw_core::cloud::{AzureAuth, GcpAuth, GcpIdentity, GcpToken};

use super::Written;
use crate::backend::policies::Asked;
use crate::expression::Rejected;
use crate::report::Report;

/// A cloud whose tokens bear all that proves who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cloud {
    Google,
    Azure,
}

impl Cloud {
    fn name(self) -> &'static str {
        match self {
            Self::Google => "Google",
            Self::Azure => "Azure",
        }
    }

    /// What names of its APIs end in. Under none of these may anybody else have a name.
    fn domains(self) -> &'static [&'static str] {
        match self {
            Self::Google => &[".googleapis.com"],
            Self::Azure => &[
                ".openai.azure.com",
                ".openai.azure.us",
                ".openai.azure.cn",
                ".cognitiveservices.azure.com",
                ".cognitiveservices.azure.us",
                ".cognitiveservices.azure.cn",
                ".services.ai.azure.com",
            ],
        }
    }

    /// Whether `host` is one of its own. One that is not known yet is looked at with its backend.
    pub(super) fn owns(self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let domains = self.domains();
        host.is_empty() || domains.iter().any(|domain| host.ends_with(domain))
    }

    pub(super) fn check(self, at: &Written<'_>, report: &mut Report) -> Result<(), Rejected> {
        let host = at.purpose.host();
        if self.owns(host) {
            return Ok(());
        }
        let name = self.name();
        let message =
            format!("the gateway's own identity would be shown to {host}, which is not {name}'s");
        let remedy = "refer to a credential of your own with `secretRef`";
        Err(at.reject(&message, remedy, report))
    }
}

/// How a gateway proves itself to a provider of a cloud that may know it.
pub(super) fn default(asked: Asked<'_>) -> Option<Auth> {
    match asked.kind {
        ProviderKind::VertexAi if Cloud::Google.owns(asked.host) => {
            Some(Auth::Gcp(Box::new(GcpAuth {
                identity: GcpIdentity::Ambient,
                token: GcpToken::Access,
            })))
        }
        ProviderKind::Azure | ProviderKind::AzureDeployment if Cloud::Azure.owns(asked.host) => {
            Some(Auth::Azure(Box::new(AzureAuth::Ambient)))
        }
        // A signature is good for one request to one host.
        ProviderKind::Bedrock => Some(Auth::AwsAmbient(asked.region.into())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_clouds_own_hosts_are_shown_its_tokens() {
        let table = [
            (Cloud::Google, "aiplatform.googleapis.com", true),
            (Cloud::Google, "US-east5-aiplatform.GoogleAPIs.com.", true),
            (Cloud::Google, "googleapis.com.evil.example", false),
            (Cloud::Google, "evilgoogleapis.com", false),
            (Cloud::Azure, "r.openai.azure.com", true),
            (Cloud::Azure, "r.services.ai.azure.com", true),
            (Cloud::Azure, "vm.westeurope.cloudapp.azure.com", false),
            (Cloud::Azure, "aiplatform.googleapis.com", false),
        ];
        for (cloud, host, owns) in table {
            assert_eq!(cloud.owns(host), owns, "{host}");
        }
    }
}
