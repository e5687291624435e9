#!/usr/bin/env bash
# `make cluster`: a fresh cluster with the charts and the demo's mock provider installed, left running.
. "$(dirname "$0")/lib.sh"

"$rig" build
archive=${E2E_IMAGE:-$top/target/e2e/agw.tar}
if [ -z "${E2E_IMAGE:-}" ]; then
  # The binary that `make build` leaves; AGW_BINARY for a faster one, where time counts.
  AGW_BINARY=${AGW_BINARY:-${CARGO_TARGET_DIR:-$top/target}/debug/agw} "$top/deploy/image.sh" "$archive" "docker.io/$image"
fi
"$rig" up
"$rig" load "$archive" >/dev/null
"$here/curl-image.sh" "$work/curl.tar"
"$rig" load "$work/curl.tar" >/dev/null

say "installing the Gateway API and the charts"
k apply --server-side -k "$("$rig" gateway-crds)" >/dev/null
in_rig helm install agentgateway-crds "$top/charts/agentgateway-crds" >/dev/null
in_rig helm install agentgateway "$top/charts/agentgateway" --namespace "$system" --create-namespace \
  --set demo.mockProvider.enabled=true --wait --timeout 3m >/dev/null
k apply -f "$here/manifests/curl.yaml" >/dev/null
k -n "$tools" wait pod/curl --for=condition=Ready --timeout=60s >/dev/null
say "the cluster is ready: tests/cluster/rig in kubectl get gatewayclass"
