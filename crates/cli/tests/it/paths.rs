//! Every path has one spelling, for matching and for the backend.

use agw_testkit::Request;

use crate::setup::{Rig, one_route};

#[test]
fn a_path_is_matched_as_the_backend_sees_it() {
    let manifest = one_route("gpt-4o") + "\
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shut, namespace: t}
spec:
  parentRefs: [{name: g}]
  rules:
  - matches: [{path: {value: /admin}}]
    filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: /shut}}}]
";
    let rig = Rig::with(&manifest);
    for path in [
        "/admin/x",
        "//admin/x",
        "/./admin/x",
        "/v1/../admin/x",
        "/v1/%2e%2e/admin/x",
        "/%61dmin/x",
        "/v1//..//admin///x",
    ] {
        let (answer, line) = rig.logged(Request::get(path));
        assert_eq!(answer.status, 302, "{path}: {}", answer.text());
        assert_eq!(line["route_name"], "shut", "{path}");
    }
    for path in [
        "/v1/..%2fadmin",
        "/v1/..;/admin",
        "/v1/%252e%252e/admin",
        "/v1/%00",
        "/%zz",
    ] {
        let (answer, line) = rig.logged(Request::get(path));
        assert_eq!(answer.status, 400, "{path}");
        assert_eq!(line["reason"], "invalid_request", "{path}");
    }
}
