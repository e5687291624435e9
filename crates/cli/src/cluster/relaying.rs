//! Telling the replica that leads of the proxies that are connected to this one.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use agw_controller::Controller;
use agw_xds::Report;
use agw_xds::relay::{self, RelayPorts, RelaySettings};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::command;

/// `None` when this replica has no token to prove with that it is one.
pub(super) fn settings(arguments: &command::Controller) -> Option<RelaySettings> {
    Some(RelaySettings {
        server_name: arguments.host(),
        token_file: arguments.token_file.clone()?,
        replica: arguments.name.as_str().into(),
        seed: RandomState::new().hash_one(&arguments.name),
    })
}

pub(super) fn ports(controller: &Controller, report: watch::Receiver<Arc<Report>>) -> RelayPorts {
    RelayPorts {
        report,
        leader: controller.leader(),
        trust: controller.trust(),
    }
}

/// Tells whoever leads until `end`.
pub(super) async fn relay(
    settings: Option<RelaySettings>,
    mut ports: RelayPorts,
    end: CancellationToken,
) -> anyhow::Result<()> {
    if let Some(settings) = settings {
        relay::run(settings, ports, end.clone()).await;
    } else {
        let led = ports.leader.wait_for(Option::is_some);
        if end.run_until_cancelled(led).await.is_some() {
            tracing::warn!(
                target: "agw",
                "another replica leads, and hears nothing of the proxies that are served here: \
                 that needs --token-file"
            );
        }
    }
    end.cancelled().await;
    Ok(())
}
