//! What a Gateway's parameters ask for.

use agw_api::external::Gateway;

use crate::infra::{Parameters, ParametersRef, Shape, follow};
use crate::report::{Report, Subject};
use crate::state::ClusterState;

/// What the Gateway's own parameters ask for.
pub(super) fn own(
    state: &ClusterState,
    parameters: &Parameters,
    gateway: &Gateway,
    subject: Subject<'_>,
    report: &mut Report,
) -> Result<Shape, String> {
    let infrastructure = gateway.spec.infrastructure.as_ref();
    let Some(reference) = infrastructure.and_then(|i| i.parameters_ref.as_ref()) else {
        return Ok(Shape::default());
    };
    let reference = ParametersRef {
        group: &reference.group,
        kind: &reference.kind,
        namespace: Some(&subject.key.namespace),
        name: &reference.name,
    };
    let field = "spec.infrastructure.parametersRef";
    follow(state, parameters, reference, subject, field, report)
}

/// The Gateway's own parameters, and what the class's ask for beside them.
pub(super) fn over(
    own: Result<Shape, String>,
    class: &Result<Shape, String>,
    name: &str,
) -> Result<Shape, String> {
    let own = own?;
    match class {
        Ok(class) => Ok(own.over(class.clone())),
        Err(why) => Err(format!("GatewayClass {name}: {why}")),
    }
}
