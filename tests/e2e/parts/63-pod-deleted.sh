#!/usr/bin/env bash
# One of two proxy pods is deleted: it ends what it has begun, and the other takes the rest.
. "$(dirname "$0")/../lib.sh"
with_examples
k apply -f "$here/manifests/two-proxies.yaml" >/dev/null
k -n ai patch gateway ai --type=merge -p '{"spec":{"infrastructure":{"parametersRef":{"group":"agentgateway.dev","kind":"AgentgatewayParameters","name":"two-proxies"}}}}' >/dev/null
pair() { [ "$(k -n ai get deployment ai -o jsonpath='{.status.readyReplicas}')" = 2 ]; }
until_holds 60 "two proxies run" pair
steady_load "$(address ai ai)" || finish 63-pod-deleted
pod=$(k -n ai get pods -l gateway.networking.k8s.io/gateway-name=ai -o jsonpath='{.items[0].metadata.name}')
k -n ai delete pod "$pod" >/dev/null
until_holds 60 "two proxies run again" pair
no_loss "while a proxy pod was deleted"
k -n ai patch gateway ai --type=json -p '[{"op":"remove","path":"/spec/infrastructure"}]' >/dev/null
single() { [ "$(k -n ai get deployment ai -o jsonpath='{.status.replicas}')" = 1 ]; }
until_holds 60 "one proxy is left when the parameters are gone" single
finish 63-pod-deleted
