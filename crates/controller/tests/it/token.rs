//! Whose a proxy's token is.

use agw_controller::TokenError;

use crate::fake::Fake;
use crate::rig::{AUDIENCE, basics, published, start};

#[tokio::test(start_paused = true)]
async fn a_token_is_its_gateways_and_nobody_elses() {
    let fake = Fake::default();
    fake.apply(basics());
    let controller = start(&fake, "a");
    published(&controller).await;
    let tokens = controller.tokens();
    let token = |audience: &str, user: &str| format!("{audience}/{user}");

    let good = token(AUDIENCE, "system:serviceaccount:ns:gw");
    assert_eq!(tokens.gateway_of(&good).await.unwrap().to_string(), "ns/gw");
    for (wrong, error) in [
        (
            token("kubernetes", "system:serviceaccount:ns:gw"),
            TokenError::Invalid,
        ),
        (
            token(AUDIENCE, "system:serviceaccount:ns:default"),
            TokenError::NotAProxy,
        ),
        (
            token(AUDIENCE, "system:serviceaccount:other:gw"),
            TokenError::NotAProxy,
        ),
        (token(AUDIENCE, "admin"), TokenError::NotAProxy),
        (String::new(), TokenError::Invalid),
        ("x".repeat(1 << 20), TokenError::Invalid),
    ] {
        assert_eq!(tokens.gateway_of(&wrong).await, Err(error), "{wrong:.80}");
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
    assert_eq!(
        tokens.gateway_of(&token).await,
        Err(TokenError::Unavailable)
    );
    for _ in 0..10 {
        assert!(tokens.gateway_of(&token).await.is_ok());
    }
    assert_eq!(reviews(), 2);
    tokio::time::sleep(std::time::Duration::from_secs(61)).await;
    assert!(tokens.gateway_of(&token).await.is_ok());
    assert_eq!(reviews(), 3);
}
