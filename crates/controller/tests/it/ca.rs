//! The certificate authority.

use std::time::Duration;

use crate::fake::Fake;
use crate::rig::{NAMESPACE, basics, start, until};

#[tokio::test(start_paused = true)]
async fn two_replicas_create_one_authority_and_both_serve_with_it() {
    let fake = Fake::default();
    fake.apply(basics());
    let (a, b) = (start(&fake, "a"), start(&fake, "b"));
    for controller in [&a, &b] {
        let mut tls = controller.tls();
        assert!(tls.wait_for(Option::is_some).await.is_ok());
    }
    let created = fake.writes_of("secrets");
    let made = created.iter().filter(|write| write.status == 200).count();
    assert_eq!(made, 1, "{created:?}");
    let secret = fake.get("secrets", NAMESPACE, "agentgateway-ca").unwrap();
    assert_eq!(secret["type"], "kubernetes.io/tls");
    let trusted = || {
        let map = fake.get("configmaps", "ns", "gw-ca")?;
        map["data"]["ca.crt"].as_str().map(str::to_owned)
    };
    until("proxies are told whom to trust", || trusted().is_some()).await;
    let pem = trusted().unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"), "{pem}");
    assert!(!pem.contains("PRIVATE"));
}

#[tokio::test(start_paused = true)]
async fn an_authority_that_is_there_is_kept() {
    let fake = Fake::default();
    fake.apply(basics());
    let first = start(&fake, "a");
    assert!(first.tls().wait_for(Option::is_some).await.is_ok());
    first.stop(Duration::from_secs(5)).await;
    let before = fake.get("secrets", NAMESPACE, "agentgateway-ca");
    let second = start(&fake, "b");
    assert!(second.tls().wait_for(Option::is_some).await.is_ok());
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(fake.get("secrets", NAMESPACE, "agentgateway-ca"), before);
}
