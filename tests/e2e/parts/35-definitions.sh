#!/usr/bin/env bash
# What the real API server takes and refuses by the definitions alone, and how it shows our kinds.
. "$(dirname "$0")/../lib.sh"
if KUBECTL="$rig in kubectl" "$top/tests/crds/run.sh"; then ok "the corpus"; else bad "the corpus"; fi
for definition in "$top"/crds/*.yaml; do
  name=$(basename "$definition" .yaml)
  same "$name has a structural schema" "" "$(k get crd "$name" -o jsonpath='{.status.conditions[?(@.type=="NonStructuralSchema")].message}')"
  holds "kubectl explain describes the fields of $name" "$(k explain "$name" --recursive)" '^FIELDS:'
done
for short in agbe agpol agpar eagpol eagpar agentgateway; do
  if said=$(k get "$short" -A 2>&1); then ok "kubectl get $short"; else bad "kubectl get $short: $said"; fi
done
finish 35-definitions
