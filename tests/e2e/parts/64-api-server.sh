#!/usr/bin/env bash
# The API server restarts, and is away for a while.
. "$(dirname "$0")/../lib.sh"
with_examples
# said: the revision that is published, and the statuses written so far
controller_ip=$(k -n "$system" get pods -l app.kubernetes.io/name=agentgateway-controller -o jsonpath='{.items[0].status.podIP}')
said() {
  in_rig curl -s -m 10 "http://$controller_ip:15020/metrics" | awk '
    /^agentgateway_controller_config_revision / { revision = $2 }
    /^agentgateway_controller_status_writes_total.*outcome="written"/ { written += $2 }
    END { print "revision " revision ", " written + 0 " statuses written" }'
}
settled() { local one; one=$(said) && sleep 5 && [ "$one" = "$(said)" ]; }
until_holds 60 "the controller has nothing left to say" settled
before=$(said)
steady_load "$(address ai ai)" || finish 64-api-server
"$rig" restart kube-apiserver 10
until_holds 60 "the API server is back" k get --raw /readyz
sleep 15
same "that everything is listed again changes nothing" "$before" "$(said)"
k -n ai patch httproute by-path --type=json -p '[{"op":"add","path":"/spec/rules/0/name","value":"after-restart"}]' >/dev/null
current() { k -n ai get httproute by-path -o json | jq -e '.metadata.generation as $g | all(.status.parents[].conditions[]; .observedGeneration == $g)'; }
until_holds 60 "a change after its return gets through" current
no_loss "while the API server restarted"
k apply -f "$top/examples/routing-patterns" >/dev/null
finish 64-api-server
