//! Controllers and proxies that come and go, and certificates that change.

use std::io::Write;
use std::sync::Arc;

use agw_core::config::GatewayConfig;
use agw_xds::client::Link;
use agw_xds::server::Limits;
use parking_lot::Mutex;
use tracing::level_filters::LevelFilter;

use crate::manifests::shop;
use crate::rig::{Authority, Controller, Home, Serving, within};
use crate::wire::{RawProxy, connect};

/// What is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn start() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock()).into_owned()
    }
}

#[tokio::test]
async fn a_proxy_outlives_its_controller() {
    let authority = Authority::new();
    let controller = Controller::start(&authority).await;
    let address = controller.address;
    let config = shop(&["a", "b"], "k");
    controller.publish(1, std::slice::from_ref(&config));
    let home = Home::new(address, &authority);
    let mut proxy = home.start(Serving::AtOnce);
    let version = proxy.has(&config).await;
    controller.stop().await;
    proxy.is_away("").await;
    assert_eq!(proxy.has(&config).await, version);

    let mut controller = Controller::start_at(&authority, address, Limits::default()).await;
    controller.publish(1, std::slice::from_ref(&config));
    controller
        .delivered("the same is acked", |d| d.acked_revision == Some(1))
        .await;
    // Nothing came: it is the very snapshot.
    assert_eq!(proxy.has(&config).await, version);
    let other = shop(&["a", "c"], "k");
    controller.publish(2, std::slice::from_ref(&other));
    assert!(proxy.has(&other).await > version);
    proxy.stop().await;
    controller.stop().await;
}

/// The files of a proxy that had the configuration, after both it and the controller ended.
async fn left_behind(authority: &Authority, config: &Arc<GatewayConfig>) -> Home {
    let controller = Controller::start(authority).await;
    controller.publish(1, std::slice::from_ref(config));
    let home = Home::new(controller.address, authority);
    let mut proxy = home.start(Serving::AtOnce);
    proxy.has(config).await;
    proxy.stop().await;
    controller.stop().await;
    home
}

#[tokio::test]
async fn a_proxy_starts_without_a_controller_from_what_it_kept() {
    let authority = Authority::new();
    let config = shop(&["a", "b"], "k");
    let home = left_behind(&authority, &config).await;
    let address = home.address;

    let mut proxy = home.start(Serving::AtOnce);
    let version = proxy.has(&config).await;
    proxy.is_away("cannot connect").await;
    // Hashes are kept too: a controller that is back has nothing to send.
    let mut controller = Controller::start_at(&authority, address, Limits::default()).await;
    controller.publish(1, std::slice::from_ref(&config));
    controller
        .delivered("the same is acked", |d| d.acked_revision == Some(1))
        .await;
    assert_eq!(proxy.has(&config).await, version);
    proxy.stop().await;
    controller.stop().await;
}

#[tokio::test]
async fn a_damaged_file_is_told_of_and_ignored() {
    let (log, _guard) = Log::start();
    let authority = Authority::new();
    let config = shop(&["a"], "k");
    let home = left_behind(&authority, &config).await;
    let address = home.address;

    let mut bytes = std::fs::read(home.path("state")).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(home.path("state"), bytes).unwrap();
    let mut proxy = home.start(Serving::AtOnce);
    proxy.is_away("cannot connect").await;
    assert!(proxy.snapshots.borrow().is_none());
    let text = log.text();
    let warning = |line: &str| line.contains("WARN") && line.contains("it is damaged");
    assert!(text.lines().any(warning), "{text}");
    let controller = Controller::start_at(&authority, address, Limits::default()).await;
    controller.publish(1, std::slice::from_ref(&config));
    proxy.has(&config).await;
    proxy.stop().await;
    controller.stop().await;
}

#[tokio::test]
async fn logs_have_no_secret() {
    let (log, _guard) = Log::start();
    let authority = Authority::new();
    let controller = Controller::start(&authority).await;
    let config = shop(&["a"], "sk-canary");
    controller.publish(1, std::slice::from_ref(&config));
    let home = Home::new(controller.address, &authority);
    let mut proxy = home.start(Serving::AtOnce);
    proxy.has(&config).await;
    proxy.stop().await;
    home.token("canary-token");
    let mut proxy = home.start(Serving::AtOnce);
    proxy.is_away("the token is not valid").await;
    proxy.stop().await;
    controller.stop().await;
    let text = log.text();
    assert!(text.contains("following the controller"), "{text}");
    let numbers = format!("{:?}", b"canary").replace(['[', ']'], "");
    assert!(
        !text.contains("canary") && !text.contains(&numbers),
        "{text}"
    );
}

#[tokio::test]
async fn certificates_and_tokens_rotate_under_open_streams() {
    let old = Authority::new();
    let controller = Controller::start(&old).await;
    controller.publish(1, &[shop(&["a"], "k")]);
    let mut open = RawProxy::greet(controller.address, &old, "open").await;
    open.next().await.unwrap();
    let home = Home::new(controller.address, &old);
    let mut proxy = home.start(Serving::AtOnce);
    proxy.has(&shop(&["a"], "k")).await;

    let new = Authority::new();
    controller.tls.send_replace(new.server.clone());
    assert!(connect(controller.address, &old).await.is_err());
    assert!(connect(controller.address, &new).await.is_ok());
    // Streams that are open stay so.
    controller.publish(2, &[shop(&["b"], "k")]);
    open.next().await.unwrap();
    proxy.has(&shop(&["b"], "k")).await;
    // A client that has to connect again reads the files again, until they are right.
    let address = controller.address;
    controller.stop().await;
    let controller = Controller::start_at(&new, address, Limits::default()).await;
    controller.publish(1, &[shop(&["c"], "k")]);
    home.token("expired");
    proxy.is_away("certificate").await;
    home.trust(&new);
    proxy.is_away("the token is not valid").await;
    home.token("token-of-front");
    within(
        "it follows",
        proxy.link.wait_for(|link| *link == Link::Connected),
    )
    .await
    .unwrap();
    proxy.has(&shop(&["c"], "k")).await;
    proxy.stop().await;
    controller.stop().await;
}
