#!/usr/bin/env bash
# The controller is killed for a minute: nothing is lost, and a proxy that restarts meanwhile serves.
. "$(dirname "$0")/../lib.sh"
with_examples
gateway=$(address ai ai)
steady_load "$gateway" || finish 61-controller-away
k -n "$system" scale "deployment/$controller" --replicas=0 >/dev/null
k -n "$system" delete pod -l app.kubernetes.io/name=agentgateway-controller --grace-period=0 --force >/dev/null 2>&1 || true
sleep 60
same "no controller runs" "" "$(k -n "$system" get pods -l app.kubernetes.io/name=agentgateway-controller -o name)"
no_loss "while the controller was away for a minute"

# The container, and not its pod: the volume with the last good configuration is the pod's.
pod=$(k -n ai get pods -l gateway.networking.k8s.io/gateway-name=ai -o jsonpath='{.items[0].metadata.name}')
container=$(k -n ai get pod "$pod" -o jsonpath='{.status.containerStatuses[0].containerID}')
"$rig" kill-container "${container#containerd://}"
killed=$(date +%s%3N)
answers() { [ "$(in_rig curl -s -m 5 -o /dev/null -w '%{http_code}' "$gateway:8080/models/mini" -H 'content-type: application/json' -d "$chat")" = 200 ]; }
until_holds 60 "a proxy that restarts without a controller serves" answers
echo "        after $(($(date +%s%3N) - killed)) ms, of which the kubelet had its part"
holds "its container was restarted" "$(k -n ai get pod "$pod" -o jsonpath='{.status.containerStatuses[0].restartCount}')" '^[1-9]'

k -n "$system" scale "deployment/$controller" --replicas=1 >/dev/null
k -n "$system" rollout status "deployment/$controller" --timeout=60s >/dev/null
k -n ai patch httproute by-path --type=json -p '[{"op":"add","path":"/spec/rules/0/name","value":"after"}]' >/dev/null
current() { k -n ai get httproute by-path -o json | jq -e '.metadata.generation as $g | all(.status.parents[].conditions[]; .observedGeneration == $g)'; }
until_holds 30 "a change after its return gets through" current
k apply -f "$top/examples/routing-patterns" >/dev/null
finish 61-controller-away
