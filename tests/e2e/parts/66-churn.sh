#!/usr/bin/env bash
# Statuses of 200 routes that come, change and go for CHURN_SECONDS (30), with another controller's entries among ours.
. "$(dirname "$0")/../lib.sh"
space=e2e-churn
k apply -f "$here/manifests/churn.yaml" >/dev/null
gateway_up "$space" gw
if said=$(in_rig python3 "$here/churn.py" "${RIG_DIR:-/var/tmp/agentgateway-rig}/admin.kubeconfig" "${CHURN_SECONDS:-30}" 200); then
  ok "no entry is lost, stale or miscounted: $said"
else
  bad "statuses under churn: $said"
fi
k delete namespace "$space" --wait=false >/dev/null
finish 66-churn
