use agw_api::AgentgatewayParametersSpec;

use super::*;

fn shape(text: &str) -> Shape {
    Shape::of(&serde_json::from_str::<AgentgatewayParametersSpec>(text).unwrap())
}

#[test]
fn the_overlay_wins_over_the_short_form() {
    let short = shape(r#"{"replicas":2,"resources":{"limits":{"cpu":"1","memory":"1Gi"}}}"#);
    let overlay = r#"{"replicas":3,"template":{"spec":{"containers":[{"name":"agentgateway","resources":{"limits":{"cpu":"2"}}}]}}}"#;
    let both = shape(&format!(
        r#"{{"replicas":2,"resources":{{"limits":{{"cpu":"1","memory":"1Gi"}}}},"deployment":{{"spec":{overlay}}}}}"#
    ));
    assert_eq!((short.replicas, both.replicas), (Some(2), Some(3)));
    let limits = |s: &Shape| serde_json::to_string(&s.resources.limits).unwrap();
    assert_eq!(limits(&short), r#"{"cpu":"1","memory":"1Gi"}"#);
    assert_eq!(limits(&both), r#"{"cpu":"2","memory":"1Gi"}"#);
}

#[test]
fn the_gateways_parameters_win_field_by_field() {
    // The class says it in the overlay, the Gateway in the short form: the Gateway wins all the same.
    let class = shape(
        r#"{"deployment":{"spec":{"replicas":5,"template":{"metadata":{"labels":{"a":"class","b":"class"}},
            "spec":{"tolerations":[{"key":"x"}],"nodeSelector":{"disk":"ssd"}}}}},
            "image":{"registry":"r.test","repository":"agw","tag":"1","digest":"sha256:0"},
            "logging":{"level":"warn","format":"text"},"shutdown":{"min":1,"max":9},
            "horizontalPodAutoscaler":{"spec":{"minReplicas":2,"maxReplicas":4,"targetCPUUtilizationPercentage":50}},
            "podDisruptionBudget":{"spec":{"minAvailable":1}},
            "service":{"spec":{"type":"NodePort","ports":[{"port":80,"nodePort":30080}]}}}"#,
    );
    let own = shape(
        r#"{"replicas":3,"deployment":{"spec":{"template":{"metadata":{"labels":{"a":"own"}}}}},
            "image":{"tag":"2"},"logging":{"level":"debug"},"shutdown":{"max":20},
            "horizontalPodAutoscaler":{"spec":{"maxReplicas":8}},
            "podDisruptionBudget":{"spec":{"maxUnavailable":"50%"}},
            "service":{"spec":{"type":"ClusterIP"}}}"#,
    );
    let got = own.over(class.clone());
    assert_eq!(got.replicas, Some(3));
    assert_eq!(got.image.reference().unwrap(), "r.test/agw:2");
    assert_eq!(class.image.reference().unwrap(), "r.test/agw:1@sha256:0");
    assert_eq!(got.log_level.as_deref(), Some("debug"));
    assert_eq!(got.log_format, Some(LogFormat::Text));
    assert_eq!((got.shutdown_min, got.shutdown_max), (Some(1), Some(20)));
    assert_eq!(got.pod.labels["a"], "own");
    assert_eq!(got.pod.labels["b"], "class");
    assert_eq!(got.node_selector["disk"], "ssd");
    assert_eq!(got.tolerations.len(), 1);
    let scaler = got.autoscaler.as_ref().unwrap();
    assert_eq!((scaler.min_replicas, scaler.max_replicas), (Some(2), 8));
    assert_eq!(scaler.cpu_utilization, Some(50));
    assert!(matches!(
        got.disruption_budget,
        Some((_, Keeps::MaxUnavailable(_)))
    ));
    assert_eq!(got.service_type, Some(ServiceType::ClusterIp));
    assert_eq!(got.ports.len(), 1);
}

#[test]
fn over_nothing_and_under_nothing_it_stays_as_it_is() {
    let some = shape(
        r#"{"replicas":3,"image":{"tag":"2"},"logging":{"level":"debug"},"shutdown":{"max":20},
            "serviceAccount":{"metadata":{"annotations":{"a":"b"}}},
            "service":{"spec":{"loadBalancerClass":"x","externalTrafficPolicy":"Local"}},
            "deployment":{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":90,"priorityClassName":"p",
            "imagePullSecrets":[{"name":"s"}]}}}}}"#,
    );
    assert_eq!(some.clone().over(Shape::default()), some);
    assert_eq!(Shape::default().over(some.clone()), some);
}
