//! The certificate authority that proxies trust: kept in a Secret, renewed before it ends.
//!
//! A renewal has two steps. First the next certificate is trusted, then, once every proxy has had
//! the time to read that, it signs. The one before stays trusted until it ends.

mod authority;
mod keyring;
mod server;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use kube::{Api, Client};
use rustls::ServerConfig;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Retry, within};
use crate::lease::Leadership;
use crate::metrics::Metrics;
pub(crate) use keyring::BUNDLE;
use keyring::{Keyring, Step};
use server::ServerCertificate;

const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks at the Secret.
const LOOK: Duration = Duration::from_secs(30);
/// After a look that failed.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// What the authority is kept in, and whom it certifies.
#[derive(Debug, Clone)]
pub struct CaSettings {
    pub namespace: String,
    /// Name of the Secret.
    pub secret: String,
    /// Names that proxies call the controller by.
    pub server_names: Vec<String>,
}

/// The certificates that proxies are to trust, in PEM. Not a secret.
pub(crate) type Bundle = Arc<str>;

/// What the authority yields, once there is one.
pub(crate) struct Outputs {
    pub(crate) tls: watch::Receiver<Option<Arc<ServerConfig>>>,
    pub(crate) bundle: watch::Receiver<Option<Bundle>>,
}

pub(crate) struct Keeper {
    api: Api<Secret>,
    settings: CaSettings,
    leadership: Leadership,
    metrics: Metrics,
    tls: watch::Sender<Option<Arc<ServerConfig>>>,
    bundle: watch::Sender<Option<Bundle>>,
    served: Option<ServerCertificate>,
}

impl Keeper {
    pub(crate) fn new(
        client: Client,
        settings: CaSettings,
        leadership: Leadership,
        metrics: Metrics,
    ) -> (Self, Outputs) {
        let (tls, tls_out) = watch::channel(None);
        let (bundle, bundle_out) = watch::channel(None);
        let keeper = Self {
            api: Api::namespaced(client, &settings.namespace),
            settings,
            leadership,
            metrics,
            tls,
            bundle,
            served: None,
        };
        let outputs = Outputs {
            tls: tls_out,
            bundle: bundle_out,
        };
        (keeper, outputs)
    }

    pub(crate) async fn run(mut self, end: CancellationToken) {
        loop {
            let pause = match self.look().await {
                Ok(()) => LOOK,
                // Another replica was faster: what it wrote is read at once.
                Err(error) if error.retry() == Retry::Conflict => Duration::ZERO,
                Err(error) => {
                    tracing::error!(%error, "the certificate authority is not available");
                    LOOK_AGAIN
                }
            };
            if end
                .run_until_cancelled(tokio::time::sleep(pause))
                .await
                .is_none()
            {
                return;
            }
        }
    }

    async fn look(&mut self) -> Result<(), Error> {
        let keyring = self.keyring(Timestamp::now()).await?;
        self.metrics
            .ca_expires(keyring.current().not_after().as_second());
        self.serve(&keyring, Timestamp::now())?;
        let bundle = keyring.bundle();
        self.bundle.send_if_modified(|known| {
            let differs = known.as_deref() != Some(bundle.as_str());
            if differs {
                *known = Some(bundle.into());
            }
            differs
        });
        Ok(())
    }

    /// The keyring as the Secret has it, created or brought a step further first if it is time.
    async fn keyring(&self, now: Timestamp) -> Result<Keyring, Error> {
        let name = &self.settings.secret;
        let get = self.api.get_opt(name);
        let secret = within("the CA's Secret cannot be read", ANSWER_WITHIN, get).await?;
        let Some(secret) = secret else {
            let keyring = Keyring::create(now)?;
            let secret = keyring.to_secret(name, None);
            let parameters = PostParams::default();
            let create = self.api.create(&parameters, &secret);
            within("the CA's Secret cannot be created", ANSWER_WITHIN, create).await?;
            tracing::info!(secret = name, "a certificate authority is created");
            return Ok(keyring);
        };
        let keyring = Keyring::from_secret(&secret).map_err(|reason| Error::BrokenCa {
            secret: format!("{}/{name}", self.settings.namespace),
            reason,
        })?;
        let step = keyring.step(now);
        if step == Step::Keep || !self.leadership.is_held() {
            return Ok(keyring);
        }
        let next = keyring.take(step, now)?;
        let secret = next.to_secret(name, Some(secret.metadata));
        let parameters = PostParams::default();
        let replace = self.api.replace(name, &parameters, &secret);
        within("the CA's Secret cannot be renewed", ANSWER_WITHIN, replace).await?;
        tracing::info!(secret = name, ?step, "the certificate authority is renewed");
        Ok(next)
    }

    /// Has a certificate of the authority that signs now, and that lasts.
    fn serve(&mut self, keyring: &Keyring, now: Timestamp) -> Result<(), Error> {
        let signer = keyring.current();
        if self
            .served
            .as_ref()
            .is_some_and(|served| served.serves(signer, now))
        {
            return Ok(());
        }
        let certificate = ServerCertificate::issue(signer, &self.settings.server_names, now)?;
        let config = certificate.config()?;
        self.served = Some(certificate);
        self.tls.send_replace(Some(Arc::new(config)));
        Ok(())
    }
}
