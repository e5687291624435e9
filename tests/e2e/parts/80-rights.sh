#!/usr/bin/env bash
# The controller's rights are what it uses: every request of its that the API server saw is allowed by a rule, none was
# refused, and no rule allows what it never asked for.
. "$(dirname "$0")/../lib.sh"
with_examples
k apply -f "$here/manifests/scaled.yaml" >/dev/null
gateway_up e2e-scaled scaled
there() { k -n e2e-scaled get horizontalpodautoscaler/scaled poddisruptionbudget/scaled; }
until_holds 30 "an autoscaler and a budget are there" there
k -n e2e-scaled patch gateway scaled --type=json -p '[{"op":"remove","path":"/spec/infrastructure"}]' >/dev/null
unwanted() { [ -z "$(k -n e2e-scaled get horizontalpodautoscaler,poddisruptionbudget -o name)" ]; }
until_holds 30 "and are gone when they are not wanted" unwanted
k apply -f - >/dev/null <<'CLASS'
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: e2e-theirs}
spec: {controllerName: example.org/another}
CLASS
k -n e2e-scaled patch gateway scaled --type=merge -p '{"spec":{"gatewayClassName":"e2e-theirs"}}' >/dev/null
deployed() { [ -z "$(k -n e2e-scaled get deployment,service,serviceaccount -l gateway.networking.k8s.io/gateway-name=scaled -o name)" ]; }
until_holds 60 "nothing is left of a Gateway that another controller has now" deployed
k -n e2e-scaled patch gateway scaled --type=merge -p '{"spec":{"gatewayClassName":"agentgateway"}}' >/dev/null
gateway_up e2e-scaled scaled
k -n e2e-scaled delete gateway scaled >/dev/null
until_holds 60 "nothing is left of a Gateway that is gone" deployed
# Each kind of object changes once, so that each kind's status is written.
k apply -f "$here/manifests/broken.yaml" >/dev/null
k delete namespace e2e-scaled e2e-broken --timeout=90s >/dev/null
k delete gatewayclass e2e-no-parameters e2e-theirs >/dev/null

audit=${RIG_DIR:-/var/tmp/agentgateway-rig}/log/audit.log
k get clusterrole,role -A -o json >"$work/roles.json"
if python3 "$here/rights.py" "$audit" "$work/roles.json" "$system" "$controller"; then ok "rights are what is used"; else bad "rights and use differ"; fi
for verb in get list; do
  same "a proxy may not $verb Secrets" no "$(k auth can-i "$verb" secrets -n ai --as="system:serviceaccount:ai:ai" 2>/dev/null || true)"
done
finish 80-rights
