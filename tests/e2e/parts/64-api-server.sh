#!/usr/bin/env bash
# The API server restarts, and is away for a while.
. "$(dirname "$0")/../lib.sh"
with_examples
steady_load "$(address ai ai)" || finish 64-api-server
"$rig" restart kube-apiserver 10
until_holds 60 "the API server is back" k get --raw /readyz
k -n ai patch httproute by-path --type=json -p '[{"op":"add","path":"/spec/rules/0/name","value":"after-restart"}]' >/dev/null
current() { k -n ai get httproute by-path -o json | jq -e '.metadata.generation as $g | all(.status.parents[].conditions[]; .observedGeneration == $g)'; }
until_holds 60 "a change after its return gets through" current
no_loss "while the API server restarted"
k apply -f "$top/examples/routing-patterns" >/dev/null
finish 64-api-server
