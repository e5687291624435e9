//! What can be said to the halves that run in a cluster.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use agw_core::id::ObjectKey;
use agw_translate::infra::Image;
use clap::Args;

use super::{MockUrl, seconds};

/// Run the control plane in a Kubernetes cluster.
///
/// Watches Gateways, routes, backends and policies, deploys a proxy for each Gateway, gives proxies
/// their configuration over gRPC, and writes statuses and Events. Several replicas may run: all
/// serve proxies, one writes.
#[derive(Debug, Args)]
pub(crate) struct Controller {
    /// Namespace that the controller runs in
    #[arg(
        long,
        env = "POD_NAMESPACE",
        value_name = "NAME",
        default_value = "agentgateway-system"
    )]
    pub(crate) namespace: String,

    /// Name of this replica
    #[arg(
        long,
        env = "POD_NAME",
        value_name = "NAME",
        default_value = "agentgateway"
    )]
    pub(crate) name: String,

    /// ServiceAccount that the replicas run as: one whose token is of another is no replica
    #[arg(long, env = "POD_SERVICE_ACCOUNT", value_name = "NAME")]
    pub(crate) service_account: Option<String>,

    /// Address that the other replicas reach this one by, at the port of --listen. The replica that
    /// writes statuses is told there what the proxies of the others have
    #[arg(long, env = "POD_IP", value_name = "IP")]
    pub(crate) own_ip: Option<IpAddr>,

    /// Token that proves to the other replicas that this is one of them
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// Name of the Service that proxies reach the controller by
    #[arg(
        long,
        env = "AGW_SERVICE_NAME",
        value_name = "NAME",
        default_value = "agentgateway"
    )]
    pub(crate) service_name: String,

    /// Port of that Service [default: that of --listen]
    #[arg(long, env = "AGW_SERVICE_PORT", value_name = "PORT")]
    pub(crate) service_port: Option<u16>,

    /// Image of the proxies it deploys; parameters of a Gateway may choose another
    #[arg(long, env = "AGW_IMAGE", value_name = "IMAGE", value_parser = image)]
    pub(crate) image: Image,

    /// When the image of the proxies is pulled: Always, IfNotPresent or Never
    #[arg(long, env = "AGW_IMAGE_PULL_POLICY", value_name = "POLICY", value_parser = pull_policy)]
    pub(crate) image_pull_policy: Option<agw_api::parameters::PullPolicy>,

    /// Where proxies get their configuration
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:15010")]
    pub(crate) listen: SocketAddr,

    /// Where configuration is shown
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:15000")]
    pub(crate) admin: SocketAddr,

    /// Where metrics are scraped
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:15020")]
    pub(crate) metrics: SocketAddr,

    /// Where readiness is asked for
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:15021")]
    pub(crate) ready: SocketAddr,

    /// Name of the Lease that decides which replica writes
    #[arg(long, value_name = "NAME", default_value = "agentgateway")]
    pub(crate) lease_name: String,

    /// How long other replicas wait for a leader that is silent
    #[arg(long, value_name = "SECONDS", default_value = "12", value_parser = whole_seconds)]
    pub(crate) lease_duration: Duration,

    /// How often the leader renews the Lease; less than half of its duration
    #[arg(long, value_name = "SECONDS", default_value = "4", value_parser = whole_seconds)]
    pub(crate) lease_renew: Duration,

    /// Name of the Secret that keeps the certificate authority
    #[arg(long, value_name = "NAME", default_value = "agentgateway-ca")]
    pub(crate) ca_secret: String,

    /// Send every provider that names no host to the mock at URL (http://host:port). No key is
    /// needed
    #[arg(long, env = "AGW_MOCK_PROVIDER", value_name = "URL")]
    pub(crate) mock_provider: Option<MockUrl>,

    /// How long writes under way are waited for at the end
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) drain: Duration,
}

/// Run one Gateway's data plane in a Kubernetes cluster.
///
/// Gets its configuration from the controller and serves on, with the last one it got, when the
/// controller is away. Standard output carries the access log, one JSON object a line.
#[derive(Debug, Args)]
pub(crate) struct Proxy {
    /// Host and port of the controller
    #[arg(long, env = "AGW_CONTROLLER", value_name = "HOST:PORT")]
    pub(crate) controller: String,

    /// Name in the controller's certificate [default: the host of --controller]
    #[arg(long, value_name = "NAME")]
    pub(crate) controller_name: Option<String>,

    /// The Gateway to serve
    #[arg(long, env = "AGW_GATEWAY", value_name = "NAMESPACE/NAME", value_parser = object_key)]
    pub(crate) gateway: ObjectKey,

    /// Name of this proxy, unique among those of the Gateway
    #[arg(long, env = "POD_NAME", value_name = "NAME", default_value = "proxy")]
    pub(crate) name: String,

    /// Certificates that the controller's is verified against, in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: PathBuf,

    /// Token that proves which Gateway this proxy is of
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: PathBuf,

    /// Where the last good configuration is kept, credentials included: on a volume in memory
    #[arg(long, value_name = "FILE")]
    pub(crate) state_file: Option<PathBuf>,

    /// Address to listen on; the ports are the listeners' own
    #[arg(long, value_name = "ADDR", default_value_t = IpAddr::V4(Ipv4Addr::UNSPECIFIED))]
    pub(crate) bind: IpAddr,

    /// Where configuration and health are shown
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:15000")]
    pub(crate) admin: SocketAddr,

    /// Where metrics are scraped
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:15020")]
    pub(crate) metrics: SocketAddr,

    /// Where readiness is asked for
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:15021")]
    pub(crate) ready: SocketAddr,

    /// Threads that serve requests [default: one a core]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<NonZeroUsize>,

    /// How long requests under way may go on after the first SIGTERM or SIGINT; a second one
    /// ends at once
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) drain: Duration,
}

/// A Lease counts in seconds.
fn whole_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text
        .parse()
        .ok()
        .filter(|seconds| (1..=3600).contains(seconds));
    let seconds = seconds.ok_or("expected a whole number of seconds, at least 1")?;
    Ok(Duration::from_secs(seconds))
}

fn object_key(text: &str) -> Result<ObjectKey, String> {
    match text.split_once('/') {
        Some((namespace, name))
            if !namespace.is_empty() && !name.is_empty() && !name.contains('/') =>
        {
            Ok(ObjectKey::new(namespace, name))
        }
        _ => Err("expected NAMESPACE/NAME".to_owned()),
    }
}

fn pull_policy(text: &str) -> Result<agw_api::parameters::PullPolicy, String> {
    use agw_api::parameters::PullPolicy;
    match text {
        "Always" => Ok(PullPolicy::Always),
        "IfNotPresent" => Ok(PullPolicy::IfNotPresent),
        "Never" => Ok(PullPolicy::Never),
        _ => Err("expected Always, IfNotPresent or Never".to_owned()),
    }
}

/// Takes `registry/repository:tag@digest` apart. The first part is a registry if it could not be a
/// part of a repository's name.
fn image(text: &str) -> Result<Image, String> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    let (path, tag) = match rest.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (rest, None),
    };
    let is_registry = |part: &str| part.contains(['.', ':']) || part == "localhost";
    let (registry, repository) = match path.split_once('/') {
        Some((first, rest)) if is_registry(first) => (Some(first), rest),
        _ => (None, path),
    };
    let parts = [Some(repository), registry, tag, digest];
    if parts
        .into_iter()
        .flatten()
        .any(|part| part.is_empty() || part.contains(char::is_whitespace))
    {
        return Err("expected REGISTRY/REPOSITORY:TAG".to_owned());
    }
    Ok(Image {
        registry: registry.map(str::to_owned),
        repository: Some(repository.to_owned()),
        tag: tag.map(str::to_owned),
        digest: digest.map(str::to_owned),
        pull_policy: None,
    })
}

impl Controller {
    /// Names that proxies may call the controller by.
    pub(crate) fn server_names(&self) -> Vec<String> {
        let (service, namespace) = (&self.service_name, &self.namespace);
        vec![
            service.clone(),
            format!("{service}.{namespace}"),
            format!("{service}.{namespace}.svc"),
            format!("{service}.{namespace}.svc.cluster.local"),
        ]
    }

    /// Where proxies find the controller.
    pub(crate) fn address(&self) -> String {
        let port = self.service_port.unwrap_or_else(|| self.listen.port());
        format!("{}:{port}", self.host())
    }

    /// The name by which proxies and replicas know a controller.
    pub(crate) fn host(&self) -> String {
        format!("{}.{}.svc", self.service_name, self.namespace)
    }

    /// Where other replicas find this one.
    pub(crate) fn own_address(&self) -> Option<SocketAddr> {
        self.own_ip
            .map(|ip| SocketAddr::new(ip, self.listen.port()))
    }

    /// What all replicas run as.
    pub(crate) fn account(&self) -> Option<ObjectKey> {
        let name = self.service_account.as_deref()?;
        Some(ObjectKey::new(self.namespace.as_str(), name))
    }

    /// The image of proxies, with how it is pulled.
    pub(crate) fn proxy_image(&self) -> Image {
        Image {
            pull_policy: self.image_pull_policy,
            ..self.image.clone()
        }
    }
}

impl Proxy {
    /// The name that the controller's certificate must have.
    pub(crate) fn server_name(&self) -> String {
        let host = self
            .controller
            .rsplit_once(':')
            .map_or(self.controller.as_str(), |(h, _)| h);
        self.controller_name
            .clone()
            .unwrap_or_else(|| host.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_taken_apart_and_put_together_again() {
        for text in [
            "agentgateway",
            "agentgateway:1",
            "library/agentgateway:1.2",
            "registry.test/agentgateway",
            "registry.test:5000/a/b:1@sha256:00",
            "localhost/a@sha256:00",
        ] {
            assert_eq!(image(text).unwrap().reference().unwrap(), text);
        }
        assert_eq!(
            image("registry.test:5000/a").unwrap().registry.unwrap(),
            "registry.test:5000"
        );
        assert_eq!(image("a/b:1").unwrap().registry, None);
        for text in ["", ":1", "a:", "a@", "a b", "registry.test/"] {
            assert!(image(text).is_err(), "{text}");
        }
    }

    #[test]
    fn gateways_have_a_namespace_and_a_name() {
        assert_eq!(object_key("ns/gw").unwrap().to_string(), "ns/gw");
        for text in ["gw", "/gw", "ns/", "a/b/c", ""] {
            assert!(object_key(text).is_err(), "{text}");
        }
    }
}
