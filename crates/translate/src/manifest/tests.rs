use proptest::prelude::*;

use super::*;

fn load_text(text: &str) -> Loaded {
    load(&[ManifestFile {
        path: "m.yaml".into(),
        text: text.into(),
    }])
}

/// What a finding says, in short: `AGW0105 7:5 spec.x: message | remedy`.
fn short(finding: &Finding) -> String {
    let [line, column] = [finding.line, finding.column].map(Option::unwrap_or_default);
    let field = finding.field.as_deref().unwrap_or("-");
    format!(
        "{} {line}:{column} {field}: {} | {}",
        finding.code, finding.message, finding.remedy
    )
}

fn shorts(text: &str) -> Vec<String> {
    load_text(text).findings.iter().map(short).collect()
}

/// A backend whose `spec` starts on line 4.
fn backend(spec: &str) -> String {
    format!(
        "apiVersion: agentgateway.dev/v1alpha1\nkind: AgentgatewayBackend\nmetadata: {{name: b}}\nspec:\n{spec}"
    )
}

/// A route whose first rule starts on line 5, indented by two.
fn route(rule: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: r}}\nspec:\n  rules:\n{rule}"
    )
}

#[test]
fn errors_point_at_line_and_column() {
    let table = [
        (
            backend("  ai:\n    provider:\n      opnai: {}\n"),
            "AGW0105 7:7 spec.ai.provider.opnai: unknown field `opnai` | did you mean `openai`?",
        ),
        (
            backend("  ai:\n    provider:\n      vertex: {}\n"),
            "AGW0105 7:7 spec.ai.provider.vertex: unknown field `vertex` | did you mean `vertexai`?",
        ),
        (
            backend("  static: {host: h, port: \"80\"}\n"),
            "AGW0106 5:27 spec.static.port: expected an integer, found a string | write it without quotes",
        ),
        (
            backend("  static: {host: h, port: 70000}\n"),
            "AGW0108 5:27 spec.static.port: 70000 is out of range | use a number from 1 to 65535",
        ),
        (
            backend("  static:\n    host: h\n"),
            "AGW0107 5:3 spec.static.port: required field `port` is missing | add `port`",
        ),
        (
            backend("  policies:\n    timeout:\n      request: soon\n"),
            "AGW0108 7:16 spec.policies.timeout.request: invalid duration `soon`, expected digits with a unit (h, m, s, ms), such as `30s` or `1m30s` | correct the value",
        ),
        (
            backend("  policies:\n    retry:\n      backoff: {baseInterval: 1s, maxInteral: 2s}\n"),
            "AGW0105 7:35 spec.policies.retry.backoff.maxInteral: unknown field `maxInteral` | remove it",
        ),
        (
            backend("  policies:\n    retry:\n      retryOn: [5xx, resett]\n"),
            "AGW0108 7:22 spec.policies.retry.retryOn[1]: the value is not one of 5xx, gateway-error, rate-limited, reset, connect-failure | did you mean `reset`?",
        ),
        (
            backend("  policies: []\n"),
            "AGW0106 5:3 spec.policies: expected an object, found a list | write `key: value` lines without `- `",
        ),
        (
            route("  - matches:\n    - path: {type: Prefix, value: /}\n"),
            "AGW0108 7:20 spec.rules[0].matches[0].path.type: the value is not one of Exact, PathPrefix, RegularExpression | use one of Exact, PathPrefix, RegularExpression",
        ),
        (
            route("  - backendRefs:\n    - name: b\n      weight: \"80\"\n"),
            "AGW0106 8:15 spec.rules[0].backendRefs[0].weight: expected an integer, found a string | write it without quotes",
        ),
        (
            route("  - backendRef:\n    - name: b\n"),
            "AGW0105 6:5 spec.rules[0].backendRef: unknown field `backendRef` | did you mean `backendRefs`?",
        ),
        (
            route("  - matches:\n    - headers: [{name: x}]\n"),
            "AGW0107 7:17 spec.rules[0].matches[0].headers[0].value: required field `value` is missing | add `value`",
        ),
        (
            route("  - matches:\n    - headers: [{name: x, value: on}]\n"),
            "AGW0113 7:34 -: `on` is read as text here but as a boolean by kubectl | put quotes around it",
        ),
        (
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: s\n  lables: {}\n".to_owned(),
            "AGW0105 5:3 metadata.lables: unknown field `lables` | did you mean `labels`?",
        ),
        (
            "kind: Gateway\nmetadata: {name: g}\n".to_owned(),
            "AGW0103 1:1 apiVersion: the object has no `apiVersion` | a manifest needs `apiVersion`, `kind` and `metadata.name`",
        ),
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {}\n".to_owned(),
            "AGW0103 3:1 metadata.name: the Secret has no `metadata.name` | a manifest needs `apiVersion`, `kind` and `metadata.name`",
        ),
        (
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: My_Space}\n".to_owned(),
            "AGW0108 3:18 metadata.name: the name is not a DNS subdomain | use lower-case letters, digits, `-` and `.`, with a letter or digit at both ends",
        ),
        (
            backend("  policies: {transformation: {request: {set: [{name: a, value: x}, {name: a, value: y}]}}}\n"),
            "AGW0108 5:75 spec.policies.transformation.request.set[1].name: an earlier entry has the same `name` | remove one of the two",
        ),
        (
            backend("  policies: {transformation: {request: {remove: [a, a]}}}\n"),
            "AGW0108 5:53 spec.policies.transformation.request.remove[1]: an earlier entry is the same | remove one of the two",
        ),
        (
            "just text\n".to_owned(),
            "AGW0103 1:1 -: the document is not a Kubernetes object | a manifest needs `apiVersion`, `kind` and `metadata.name`",
        ),
        (
            "apiVersion: agentgateway.dev/v1alpha1\nkind: AgentgatewayBackends\nmetadata: {name: x}\n".to_owned(),
            "AGW0104 2:1 kind: unknown kind `AgentgatewayBackends` in group agentgateway.dev | did you mean `AgentgatewayBackend`?",
        ),
    ];
    for (text, want) in table {
        assert_eq!(shorts(&text), [want], "{text}");
    }
}

#[test]
fn all_errors_of_an_object_are_found_at_once() {
    let text = backend("  static:\n    host: 1\n    port: x\n  polices: {}\n");
    let codes: Vec<_> = load_text(&text)
        .findings
        .iter()
        .map(|f| (f.code, f.line))
        .collect();
    assert_eq!(
        codes,
        [
            (Code::WrongType, Some(6)),
            (Code::WrongType, Some(7)),
            (Code::UnknownField, Some(8))
        ]
    );
}

#[test]
fn a_syntax_error_takes_no_other_document_with_it() {
    let good =
        |name: &str| format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n");
    let text = format!("{}---\nkind: [\nname: x\n---\n{}", good("a"), good("b"));
    let loaded = load_text(&text);
    assert_eq!(names(&loaded), ["Namespace a", "Namespace b"]);
    assert!(loaded.has_errors());
    let finding = &loaded.findings[0];
    assert_eq!((finding.code, loaded.findings.len()), (Code::Syntax, 1));
    assert!((5..=7).contains(&finding.line.unwrap()), "{finding}");
    assert_eq!(loaded.objects[1].origin().line(), Some(8));
}

#[test]
fn every_kind_of_line_break_counts_once() {
    for text in ["a: 1\nb: [\n", "a: 1\r\nb: [\r\n", "a: 1\rb: [\r"] {
        let file = ManifestFile::new("m.yaml", text);
        assert_eq!(file.text, "a: 1\nb: [\n", "{text:?}");
    }
}

#[test]
fn an_error_at_the_end_points_into_the_text() {
    for (text, place) in [
        (": \nH", (2, 2)),
        ("a: [1", (1, 6)),
        ("a: 1\n---\n: \nH", (4, 2)),
    ] {
        let loaded = load_text(text);
        let finding = loaded.findings.last().unwrap();
        let found = (finding.line.unwrap(), finding.column.unwrap());
        let place_or_before = found <= place && found.0 >= 1;
        assert!(
            finding.code == Code::Syntax && place_or_before,
            "{text:?}: {finding:?}"
        );
    }
}

fn names(loaded: &Loaded) -> Vec<String> {
    loaded
        .objects
        .iter()
        .map(|object| object.reference().to_string())
        .collect()
}

#[test]
fn an_object_with_an_unknown_field_is_kept_and_a_wrong_one_is_remembered() {
    let loaded = load_text(&backend("  static: {host: h, port: 80}\n  nope: 1\n"));
    assert_eq!(names(&loaded), ["AgentgatewayBackend default/b"]);
    assert!(loaded.has_errors() && loaded.broken.is_empty());

    let loaded = load_text(&backend("  static: {host: h, port: x}\n"));
    assert!(loaded.objects.is_empty());
    assert_eq!(
        loaded.broken,
        [ObjectRef::new("AgentgatewayBackend", Some("default"), "b")]
    );
}

#[test]
fn duplicate_keys_are_errors() {
    let found = shorts(&backend(
        "  static:\n    host: a\n    port: 80\n    host: b\n",
    ));
    assert_eq!(
        found,
        [
            "AGW0102 8:5 -: the key `host` stands twice in the same object; the first is on line 6 | remove one of the two"
        ]
    );
}

#[test]
fn the_later_of_two_definitions_is_kept() {
    let text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n";
    let loaded = load_text(&format!("{text}---\n{text}"));
    assert_eq!(loaded.objects.len(), 1);
    assert_eq!(loaded.objects[0].origin().line(), Some(5));
    assert_eq!(loaded.findings[0].code, Code::DuplicateObject);
    assert_eq!(loaded.findings[0].line, Some(1));
    assert!(!loaded.has_errors());
}

#[test]
fn lists_are_flattened_with_their_places() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Namespace\n  metadata: {name: a}\n- apiVersion: v1\n  kind: Namespace\n  metadata:\n    name: b\n    x: 1\n";
    let loaded = load_text(text);
    assert_eq!(names(&loaded), ["Namespace a", "Namespace b"]);
    assert_eq!(loaded.findings[0].line, Some(11));
    assert_eq!(loaded.findings[0].field.as_deref(), Some("metadata.x"));

    let typed = "apiVersion: v1\nkind: NamespaceList\nitems: [{metadata: {name: a}}]\n";
    assert_eq!(names(&load_text(typed)), ["Namespace a"]);
}

#[test]
fn json_is_read_too() {
    let text = "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Namespace\",\n\t\"metadata\": {\"name\": \"a\", \"x\": 1}\n}";
    let loaded = load(&[ManifestFile {
        path: "m.json".into(),
        text: text.into(),
    }]);
    assert_eq!(names(&loaded), ["Namespace a"]);
    assert_eq!(
        (loaded.findings[0].line, loaded.findings[0].column),
        (Some(4), Some(28))
    );
}

#[test]
fn other_kinds_are_ignored_with_a_word() {
    let object = |api: &str, kind: &str| {
        format!("apiVersion: {api}\nkind: {kind}\nmetadata: {{name: x}}\n---\n")
    };
    let text = object("gateway.networking.k8s.io/v1", "XMesh") + &object("apps/v1", "Deployment");
    let loaded = load_text(&text);
    assert!(loaded.objects.is_empty() && !loaded.has_errors());
    let severities: Vec<_> = loaded
        .findings
        .iter()
        .map(|f| (f.code, f.severity))
        .collect();
    assert_eq!(
        severities,
        [
            (Code::KindNotServed, Severity::Warning),
            (Code::KindIgnored, Severity::Hint)
        ]
    );
}

#[test]
fn aliases_and_merge_keys_are_resolved() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: &d\n  a: x\nbinaryData: {}\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: s\n  labels: &l {a: x, b: y}\nspec:\n  selector:\n    <<: *l\n    b: z\n";
    let loaded = load_text(text);
    assert_eq!(loaded.findings, []);
    let Object::Service(service) = &loaded.objects[1] else {
        panic!("{loaded:?}")
    };
    let selector = service
        .object
        .spec
        .as_ref()
        .unwrap()
        .selector
        .as_ref()
        .unwrap();
    assert_eq!(
        selector,
        &[("a".into(), "x".into()), ("b".into(), "z".into())].into()
    );
}

#[test]
fn alias_bombs_and_deep_nesting_are_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let refs = vec![format!("*a{}", n - 1); 10].join(", ");
        bomb += &format!("a{n}: &a{n} [{refs}]\n");
    }
    let deep = "[".repeat(200) + &"]".repeat(200);
    for text in [bomb, deep, "a: &a [*a]\n".to_owned()] {
        let loaded = load_text(&text);
        assert!(
            loaded.objects.is_empty() && loaded.has_errors(),
            "{:?}",
            loaded.findings
        );
    }
}

#[test]
fn openai_may_be_present_as_null() {
    let loaded = load_text(&backend(
        "  ai:\n    provider:\n      openai:\n  policies:\n    auth:\n      passthrough:\n",
    ));
    assert_eq!(loaded.findings, []);
    let Object::Backend(backend) = &loaded.objects[0] else {
        panic!("{loaded:?}")
    };
    let spec = &backend.object.spec;
    assert!(
        spec.ai
            .as_ref()
            .unwrap()
            .provider
            .as_ref()
            .unwrap()
            .openai
            .is_some()
    );
    assert!(
        spec.policies
            .as_ref()
            .unwrap()
            .auth
            .as_ref()
            .unwrap()
            .passthrough
            .is_some()
    );
}

#[test]
fn fields_are_located_for_later_stages() {
    let text = route(
        "  - filters:\n    - type: URLRewrite\n      urlRewrite:\n        path: {type: ReplaceFullPath, replaceFullPath: /x}\n",
    );
    let loaded = load_text(&text);
    assert_eq!(loaded.findings, []);
    let origin = loaded.objects[0].origin();
    let table = [
        ("", (1, 1)),
        ("metadata.name", (3, 12)),
        ("spec.rules[0]", (6, 5)),
        ("spec.rules[0].filters[0].urlRewrite", (8, 7)),
        ("spec.rules[0].filters[0].urlRewrite.path.type", (9, 16)),
        ("spec.rules[0].filters[0].urlRewrite.hostname", (8, 7)),
        ("spec.rules[7]", (5, 3)),
    ];
    for (field, want) in table {
        assert_eq!(origin.locate(field), Some(want), "{field}");
    }
    assert_eq!(origin.locate_value("metadata.name"), Some((3, 18)));
    assert_eq!(origin.file(), Some("m.yaml"));
}

#[test]
fn credentials_never_show() {
    let texts = [
        backend("  policies: {auth: {key: 31337.5}}\n"),
        backend("  policies: {auth: canary}\n"),
        backend("  policies: {auth: {key: canary}}\n"),
        backend("  policies: {auth: {secretRef: canary}}\n"),
        backend("  policies: {auth: {passthrough: canary}}\n"),
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: canary, b: 31337}\n".into(),
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: canary}\ndata: {b: Y2FuYXJ5}\n".into(),
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: canary!}\n".into(),
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: canary\n".into(),
    ];
    for text in texts {
        let loaded = load_text(&text);
        let shown = format!("{loaded:?}");
        // Field names and places may show; values may not.
        assert!(
            !shown.contains("canary") && !shown.contains("31337") && !shown.contains("Y2Fu"),
            "{shown}"
        );
    }
}

#[test]
fn the_enterprise_dialect_is_read() {
    let text = "apiVersion: enterpriseagentgateway.solo.io/v1alpha1\nkind: EnterpriseAgentgatewayPolicy\nmetadata: {name: p}\nspec:\n  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: g}]\n  traffic:\n    requestTransformation:\n      inline:\n        headers:\n          add: {X-Len: 'len(\"a\")'}\n";
    let loaded = load_text(text);
    assert_eq!(loaded.findings, []);
    let Object::EnterprisePolicy(policy) = &loaded.objects[0] else {
        panic!("{loaded:?}")
    };
    let traffic = policy.object.spec.traffic.as_ref().unwrap();
    let inline = traffic
        .request_transformation
        .as_ref()
        .unwrap()
        .inline
        .as_ref()
        .unwrap();
    assert_eq!(inline.headers.as_ref().unwrap().add["X-Len"], "len(\"a\")");
    let place = policy
        .origin
        .locate("spec.traffic.requestTransformation.inline.headers.add.X-Len");
    assert_eq!(place, Some((10, 17)));
}

/// Every spelling of every field of our kinds.
#[test]
fn all_dialects_load_without_findings() {
    let loaded = load_text(include_str!("testdata/all-fields.yaml"));
    assert_eq!(loaded.findings, []);
    assert_eq!(
        names(&loaded),
        [
            "AgentgatewayBackend default/one",
            "AgentgatewayBackend default/groups",
            "AgentgatewayBackend default/plain",
            "AgentgatewayPolicy default/traffic",
            "AgentgatewayPolicy default/backend",
            "EnterpriseAgentgatewayPolicy default/enterprise",
            "AgentgatewayParameters default/parameters",
            "EnterpriseAgentgatewayParameters default/parameters",
        ]
    );
}

/// The user's own manifests, from the folder that `AGW_SEED_DIR` names.
#[test]
fn the_users_manifests_load_without_findings() {
    let Some(folder) = std::env::var_os("AGW_SEED_DIR") else {
        println!("skipped: AGW_SEED_DIR is not set");
        return;
    };
    let mut files: Vec<_> = std::fs::read_dir(std::path::Path::new(&folder).join("manifests"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    files.sort();
    let files: Vec<_> = files
        .iter()
        .map(|path| ManifestFile {
            path: path.file_name().unwrap().to_string_lossy().into_owned(),
            text: std::fs::read_to_string(path).unwrap(),
        })
        .collect();
    let loaded = load(&files);
    assert_eq!(loaded.findings, []);
    let count = |kind| {
        loaded
            .objects
            .iter()
            .filter(|object| object.kind() == kind)
            .count()
    };
    assert_eq!(
        [
            Kind::HttpRoute,
            Kind::Backend,
            Kind::EnterprisePolicy,
            Kind::Gateway,
            Kind::Secret
        ]
        .map(count),
        [11, 5, 1, 1, 1]
    );
}

/// Lines that manifests are made of, so that random texts come near valid ones.
fn fragment() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "apiVersion: v1",
        "apiVersion: agentgateway.dev/v1alpha1",
        "kind: Secret",
        "kind: List",
        "kind: AgentgatewayBackend",
        "metadata: {name: x}",
        "metadata:",
        "  name: &a y",
        "items: [*a]",
        "items:",
        "- <<: *a",
        "spec: {ai: {provider: {openai: }}}",
        "data: [1, ~, 'x]",
        "---",
        "...",
        "? [a]",
        ": !!str 1",
        "%TAG ! x",
        "\t- |",
        "\u{feff}",
    ]);
    prop_oneof![3 => known.prop_map(str::to_owned), 1 => "\\PC{0,12}"]
}

proptest! {
    #[test]
    fn never_panics_on_any_text(text in "(?s).{0,200}") {
        load_text(&text);
    }

    #[test]
    fn never_panics_on_what_looks_like_manifests(lines in prop::collection::vec(fragment(), 0..12)) {
        let text = lines.join("\n");
        let loaded = load_text(&text);
        let lines = text.split('\n').count() as u32;
        for finding in &loaded.findings {
            prop_assert!(finding.line.is_none_or(|line| (1..=lines + 1).contains(&line)), "{finding}");
        }
    }
}
