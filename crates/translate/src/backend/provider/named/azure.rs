//! Models on Azure: by the name of their resource, or by its host.

use agw_ai::dialect::azure::{deployment, project};
use agw_api::backend::{Azure, AzureOpenAi, AzureResource};
use agw_core::backend::ProviderKind;

use super::{Context, Named, is_label};
use crate::expression::Rejected;
use crate::finding::Code;
use crate::report::Report;

impl Context<'_> {
    /// A resource's name is the first part of its host's.
    pub(super) fn azure(
        self,
        azure: &Azure,
        field: &str,
        report: &mut Report,
    ) -> Result<Named, Rejected> {
        let field = format!("{field}.azure");
        if !is_label(&azure.resource_name, |byte| byte.is_ascii_alphabetic()) {
            let message = format!("{:?} is no name of a resource", azure.resource_name);
            let remedy = "write it alone, of letters, digits and `-`";
            let field = format!("{field}.resourceName");
            report.add(self.subject, Code::InvalidBackend, &field, message, remedy);
            return Err(Rejected);
        }
        let domain = match azure.resource_type {
            AzureResource::OpenAI => "openai.azure.com",
            AzureResource::Foundry => "services.ai.azure.com",
        };
        let host = format!("{}.{domain}", azure.resource_name);
        let named = Named {
            host: Some(host.into()),
            ..Named::new(ProviderKind::Azure, azure.model.as_ref())
        };
        let dated = azure.api_version.as_deref().filter(|v| *v != "v1");
        match (azure.resource_type, &azure.project_name) {
            (AzureResource::OpenAI, None) => {
                let place = (format!("{field}.model"), "model");
                self.versioned(named, dated, place, report)
            }
            (AzureResource::Foundry, Some(name)) if dated.is_none() => Ok(Named {
                path_prefix: Some(project(name).into()),
                ..named
            }),
            (AzureResource::Foundry, Some(_)) => {
                let message = "a project of Foundry has version `v1` of the API alone";
                let field = format!("{field}.apiVersion");
                report.add(
                    self.subject,
                    Code::InvalidBackend,
                    &field,
                    message,
                    "remove it",
                );
                Err(Rejected)
            }
            _ => {
                let message = "`projectName` belongs to `resourceType: Foundry`, which needs it";
                let field = format!("{field}.projectName");
                let remedy = "write both or none";
                report.add(self.subject, Code::InvalidBackend, &field, message, remedy);
                Err(Rejected)
            }
        }
    }

    pub(super) fn azure_openai(
        self,
        azure: &AzureOpenAi,
        field: &str,
        report: &mut Report,
    ) -> Result<Named, Rejected> {
        let named = Named {
            host: Some(azure.endpoint.trim_start_matches("https://").into()),
            ..Named::new(ProviderKind::Azure, azure.deployment_name.as_ref())
        };
        let dated = azure.api_version.as_deref().filter(|v| *v != "v1");
        let place = (
            format!("{field}.azureopenai.deploymentName"),
            "deploymentName",
        );
        self.versioned(named, dated, place, report)
    }

    /// Versions with a date name the deployment in the path, `v1` as the model. `place` is where
    /// the deployment is written.
    fn versioned(
        self,
        named: Named,
        dated: Option<&str>,
        (field, name): (String, &str),
        report: &mut Report,
    ) -> Result<Named, Rejected> {
        let Some(version) = dated else {
            return Ok(named);
        };
        let Some(model) = &named.model else {
            let message = format!(
                "version {version} of Azure's API names the deployment in the path, and none is written"
            );
            let remedy = format!("write `{name}`, or use `apiVersion: v1`");
            report.add(self.subject, Code::InvalidBackend, &field, message, remedy);
            return Err(Rejected);
        };
        Ok(Named {
            kind: ProviderKind::AzureDeployment,
            path_prefix: Some(deployment(model).into()),
            query: Some(format!("api-version={version}").into()),
            ..named
        })
    }
}
