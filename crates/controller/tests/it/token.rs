//! Whose a proxy's token is.

use agw_controller::{Bearer, TokenError};
use agw_core::id::ObjectKey;

use crate::fake::Fake;
use crate::rig::{AUDIENCE, NAMESPACE, basics, gateway, published, start};

#[tokio::test(start_paused = true)]
async fn a_token_is_its_gateways_and_nobody_elses() {
    let fake = Fake::default();
    fake.apply(basics());
    let mut alike = gateway("controller");
    alike["metadata"]["namespace"] = NAMESPACE.into();
    fake.apply([alike]);
    let controller = start(&fake, "a");
    published(&controller).await;
    let tokens = controller.tokens();
    let token = |audience: &str, user: &str| format!("{audience}/{user}");

    let good = token(AUDIENCE, "system:serviceaccount:ns:gw");
    let proxy = Bearer::Proxy(ObjectKey::new("ns", "gw"));
    assert_eq!(tokens.bearer_of(&good).await, Ok(proxy));
    // A Gateway that is named like the controller's ServiceAccount does not get its identity.
    let own = token(AUDIENCE, "system:serviceaccount:agw-system:controller");
    assert_eq!(tokens.bearer_of(&own).await, Ok(Bearer::Controller));
    for (wrong, error) in [
        (
            token("kubernetes", "system:serviceaccount:ns:gw"),
            TokenError::Invalid,
        ),
        (
            token(AUDIENCE, "system:serviceaccount:ns:default"),
            TokenError::Stranger,
        ),
        (
            token(AUDIENCE, "system:serviceaccount:other:gw"),
            TokenError::Stranger,
        ),
        (token(AUDIENCE, "admin"), TokenError::Stranger),
        (
            token(AUDIENCE, "system:serviceaccount:ns:controller"),
            TokenError::Stranger,
        ),
        (
            token("kubernetes", "system:serviceaccount:agw-system:controller"),
            TokenError::Invalid,
        ),
        (String::new(), TokenError::Invalid),
        ("x".repeat(1 << 20), TokenError::Invalid),
    ] {
        assert_eq!(tokens.bearer_of(&wrong).await, Err(error), "{wrong:.80}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_review_is_remembered_for_a_minute_and_a_failure_is_not() {
    let fake = Fake::default();
    fake.apply(basics());
    let controller = start(&fake, "a");
    published(&controller).await;
    let tokens = controller.tokens();
    let token = format!("{AUDIENCE}/system:serviceaccount:ns:gw");
    let reviews = || fake.writes_of("tokenreviews").len();
    fake.fail("tokenreviews", 500, 1);
    assert_eq!(tokens.bearer_of(&token).await, Err(TokenError::Unavailable));
    for _ in 0..10 {
        assert!(tokens.bearer_of(&token).await.is_ok());
    }
    assert_eq!(reviews(), 2);
    tokio::time::sleep(std::time::Duration::from_secs(61)).await;
    assert!(tokens.bearer_of(&token).await.is_ok());
    assert_eq!(reviews(), 3);
}
