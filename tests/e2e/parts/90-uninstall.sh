#!/usr/bin/env bash
# `helm test`, and `helm uninstall`, which leaves nothing behind.
. "$(dirname "$0")/../lib.sh"
if said=$(in_rig helm test agentgateway --namespace "$system" --timeout 2m 2>&1); then ok "helm test"; else bad "helm test: $said"; fi
k delete namespace ai --timeout=90s --ignore-not-found >/dev/null
in_rig helm uninstall agentgateway --namespace "$system" --wait --timeout 2m >/dev/null
in_rig helm uninstall agentgateway-crds --wait --timeout 2m >/dev/null
same "no object of the charts is left" "" \
  "$(k get gatewayclass,clusterrole,clusterrolebinding,crd -o name -l app.kubernetes.io/part-of=agentgateway)"
same "no definition is left" "" "$(k get crd -o name | grep -E 'agentgateway|solo.io' || true)"
same "no workload is left" "" "$(k get deployment,pod,service,serviceaccount,role,rolebinding -n "$system" -o name | grep -vE 'serviceaccount/default$' || true)"
k delete namespace "$system" --timeout=90s >/dev/null
finish 90-uninstall
