//! Requests as policies want them, as the mock provider sees them.

use std::sync::Arc;

use agw_core::backend::{AiProvider, ProviderKind};
use agw_core::expr::Expression;
use agw_core::filter::{Filter, Mirror, Share};
use agw_core::policy::TrafficPolicy;
use agw_core::shaping::{
    Aliases, CachePlace, Computed, Json, Member, ModelPattern, Prompt, PromptCaching, Role,
    Shaping, Turn,
};
use http::Method;
use serde_json::{Value, json};

use crate::client::{chat, request, send};
use crate::gateway::{Gateway, Plan, ai_with, key};

fn member(field: &str, value: Value) -> Member {
    Member {
        field: field.into(),
        value: Json::of(&value),
    }
}

fn computed(field: &str, source: &str) -> Computed {
    Computed {
        field: field.into(),
        value: Expression::compile(source).unwrap(),
    }
}

fn aliases(of: &[(&str, &str)]) -> Option<Arc<Aliases>> {
    let all = of
        .iter()
        .map(|(from, to)| (ModelPattern::new(from), Arc::from(*to)));
    Some(Arc::new(Aliases::new(all)))
}

fn prompt() -> Option<Arc<Prompt>> {
    Some(Arc::new(Prompt {
        prepend: vec![Turn {
            role: Role::System,
            content: "Be kind.".into(),
        }],
        append: vec![],
    }))
}

/// A gateway in front of one provider, with the route's policy and the provider's own.
async fn gateway(kind: ProviderKind, model: Option<&str>, route: Shaping, own: Shaping) -> Gateway {
    let model = model.map(Arc::<str>::from);
    Gateway::start(|mock| Plan {
        backends: vec![(
            ai_with("b", mock, |provider: &mut AiProvider| {
                provider.kind = kind;
                provider.model.clone_from(&model);
                provider.policy.shaping = own.clone();
            }),
            1,
        )],
        policy: TrafficPolicy {
            shaping: route,
            ..TrafficPolicy::default()
        },
        ..Plan::default()
    })
    .await
}

/// The one request that the mock got: its body and its path.
fn asked(gateway: &Gateway) -> (String, String) {
    let seen = gateway.mock.requests();
    let last = seen.last().unwrap();
    (last.body.clone(), last.path.clone())
}

#[tokio::test]
async fn bytes_that_no_policy_names_go_as_they_came() {
    let shaping = Shaping {
        aliases: aliases(&[("fast", "gpt-4o-mini")]),
        defaults: Some([member("max_tokens", json!(9))].into()),
        prompt: prompt(),
        ..Shaping::default()
    };
    let gateway = gateway(ProviderKind::OpenAi, None, shaping, Shaping::default()).await;
    let body = r#"{ "model" : "fast", "messages": [ {"role":"user","content":"H\u00e9"} ],
        "x_unknown": 1.50 }"#;
    assert_eq!(send(gateway.address, chat(body)).await.status(), 200);
    let want = r#"{"max_tokens":9, "model" : "gpt-4o-mini", "messages": [{"role":"system","content":"Be kind."}, {"role":"user","content":"H\u00e9"} ],
        "x_unknown": 1.50 }"#;
    assert_eq!(asked(&gateway).0, want);
    let line = &gateway.log(1).await[0]["gen_ai"]["request"];
    assert_eq!(line["client_model"], "fast");
    assert_eq!(line["model"], "gpt-4o-mini");
    assert!(line.get("policies_not_applied").is_none(), "{line}");
    gateway.stop().await;
}

#[tokio::test]
async fn the_nearest_policy_wins_part_by_part_and_the_forced_model_over_all() {
    let route = Shaping {
        aliases: aliases(&[("*", "from-route")]),
        overrides: Some([member("seed", json!(1)), member("stream", json!(false))].into()),
        ..Shaping::default()
    };
    let own = Shaping {
        aliases: aliases(&[("fast", "gpt-4o")]),
        ..Shaping::default()
    };
    let body =
        r#"{"model":"fast","seed":7,"stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;
    for (forced, want) in [(None, "gpt-4o"), (Some("gpt-4o-mini"), "gpt-4o-mini")] {
        let gateway = gateway(ProviderKind::OpenAi, forced, route.clone(), own.clone()).await;
        let answered = send(gateway.address, chat(body)).await;
        assert_eq!(answered.json()["model"], want, "{}", answered.text());
        let (sent, _) = asked(&gateway);
        assert!(sent.contains(r#""seed":1"#), "{sent}");
        gateway.stop().await;
    }
}

#[tokio::test]
async fn a_request_is_shaped_before_and_after_it_is_translated() {
    let shaping = Shaping {
        transformations: Some([computed("max_tokens", "min(llmRequest.max_tokens, 20)")].into()),
        prompt: prompt(),
        caching: Some(Arc::new(PromptCaching {
            places: vec![CachePlace::System],
            min_tokens: 1,
            message_offset: 0,
        })),
        final_transformations: Some(
            [
                computed("metadata", r#"{"user_id": request.headers["x-team"]}"#),
                computed("top_k", "llmRequest.absent"),
            ]
            .into(),
        ),
        ..Shaping::default()
    };
    let gateway = gateway(
        ProviderKind::Anthropic,
        Some("claude-sonnet-4-5"),
        Shaping::default(),
        shaping,
    )
    .await;
    let body = r#"{"model":"m","max_tokens":999,"messages":[{"role":"user","content":"Hi"}]}"#;
    let mut asking = chat(body);
    asking
        .headers_mut()
        .insert("x-team", "blue".parse().unwrap());
    let answered = send(gateway.address, asking).await;
    assert_eq!(answered.status(), 200, "{}", answered.text());
    let (sent, path) = asked(&gateway);
    let sent: Value = serde_json::from_str(&sent).unwrap();
    assert_eq!(path, "/v1/messages");
    assert_eq!(sent["max_tokens"], 20);
    assert_eq!(sent["metadata"], json!({"user_id": "blue"}));
    assert_eq!(sent.get("top_k"), None);
    let block =
        json!([{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}]);
    assert_eq!(sent["system"], block, "{sent}");
    let failed = r#"agentgateway_expression_failures_total"#;
    let metrics = gateway.proxy().metrics_text();
    assert!(
        metrics
            .lines()
            .any(|l| l.starts_with(failed) && l.contains("top_k")),
        "{metrics}"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn a_model_in_the_path_has_aliases_too() {
    let shaping = Shaping {
        aliases: aliases(&[("fast", "gemini-2.5-flash")]),
        prompt: prompt(),
        ..Shaping::default()
    };
    let gateway = gateway(ProviderKind::Gemini, None, shaping, Shaping::default()).await;
    let body = r#"{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}"#;
    let path = "/v1beta/models/fast:generateContent";
    let answered = send(gateway.address, request(Method::POST, path, body)).await;
    assert_eq!(answered.status(), 200, "{}", answered.text());
    let (sent, path) = asked(&gateway);
    assert_eq!(path, "/v1beta/models/gemini-2.5-flash:generateContent");
    let want = format!(
        r#"{{"systemInstruction":{{"parts":[{{"text":"Be kind."}}]}},{}"#,
        &body[1..]
    );
    assert_eq!(sent, want);
    gateway.stop().await;
}

#[tokio::test]
async fn what_could_not_be_done_is_in_the_log() {
    let shaping = Shaping {
        prompt: prompt(),
        caching: Some(Arc::new(PromptCaching {
            places: vec![CachePlace::System],
            min_tokens: 0,
            message_offset: 0,
        })),
        ..Shaping::default()
    };
    let gateway = gateway(ProviderKind::OpenAi, None, shaping, Shaping::default()).await;
    let body = r#"{"model":"text-embedding-3-small","input":"x"}"#;
    let answered = send(
        gateway.address,
        request(Method::POST, "/v1/embeddings", body),
    )
    .await;
    assert_eq!(answered.status(), 200, "{}", answered.text());
    assert_eq!(asked(&gateway).0, body);
    let line = &gateway.log(1).await[0]["gen_ai"]["request"];
    assert_eq!(
        line["policies_not_applied"],
        json!(["prompt", "promptCaching"])
    );
    gateway.stop().await;
}

#[tokio::test]
async fn a_copy_is_shaped_by_the_policies_of_its_own_backend() {
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![
            (ai_with("gpt-4o", mock, |_| {}), 1),
            (
                ai_with("gpt-4o-mini", mock, |provider| {
                    provider.policy.shaping = Shaping {
                        transformations: Some(
                            [computed("user", "request.path + llmRequest.user")].into(),
                        ),
                        ..Shaping::default()
                    };
                }),
                0,
            ),
        ],
        rule: Some(Box::new(|rule| {
            rule.backends.truncate(1);
            rule.filters.push(Filter::Mirror(Mirror {
                to: key("gpt-4o-mini"),
                share: Share::ALL,
            }));
        })),
        ..Plan::default()
    })
    .await;
    let body = r#"{"user":"u","messages":[{"role":"user","content":"Hi"}]}"#;
    assert_eq!(send(gateway.address, chat(body)).await.status(), 200);
    for _ in 0..500 {
        if gateway.mock.requests().len() == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let of = |model: &str| {
        let seen = gateway.mock.requests();
        let found = seen.iter().find(|r| r.model.as_deref() == Some(model));
        serde_json::from_str::<Value>(&found.unwrap().body).unwrap()
    };
    assert_eq!(of("gpt-4o")["user"], "u");
    assert_eq!(of("gpt-4o-mini")["user"], "/v1/chat/completionsu");
    gateway.stop().await;
}
