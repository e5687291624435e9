#!/usr/bin/env bash
# Two replicas of the controller: one writes, and another does when that one is gone.
. "$(dirname "$0")/../lib.sh"
with_examples
audit=${RIG_DIR:-/var/tmp/agentgateway-rig}/log/audit.log
# The pod; what follows it tells its restarts apart.
holder() { k -n "$system" get lease -o jsonpath='{.items[0].spec.holderIdentity}' | cut -d_ -f1; }
# writers SINCE: pods that wrote since then, other than to the election and to their own namespace
writers() {
  jq -rs --arg since "$1" --arg account "system:serviceaccount:$system:$controller" '[.[]
    | select(.user.username == $account and .requestReceivedTimestamp > $since)
    | select(.verb | IN("create", "update", "patch", "delete"))
    | select(.objectRef.resource | IN("leases", "tokenreviews") | not)
    | select(.objectRef.namespace != "'"$system"'")
    | .user.extra["authentication.kubernetes.io/pod-name"][0]] | unique | .[]' "$audit"
}
now() { date -u +%Y-%m-%dT%H:%M:%S.%NZ; }

k -n "$system" scale "deployment/$controller" --replicas=2 >/dev/null
k -n "$system" rollout status "deployment/$controller" --timeout=60s >/dev/null
same "two replicas run" 2 "$(k -n "$system" get "deployment/$controller" -o jsonpath='{.status.readyReplicas}')"
before=$(holder)
holds "one of them holds the Lease" "$(k -n "$system" get pods -o name)" "/$before\$"

began=$(now)
for number in 1 2 3; do
  sed "s/name: by-path\$/name: copy-$number/; s#/models/#/copy-$number/#; s#/openai#/copy-$number/openai#" "$top/examples/routing-patterns/01-path.yaml" | k apply -f - >/dev/null
done
accepted() { [ "$(k -n ai get httproute copy-1 copy-2 copy-3 -o json | jq '[.items[].status.parents[]?.conditions[]? | select(.type == "Accepted" and .status == "True")] | length')" = 3 ]; }
until_holds 30 "three new routes are accepted" accepted
same "the holder alone wrote" "$before" "$(writers "$began")"

k -n "$system" delete pod "$before" --grace-period=0 --force >/dev/null 2>&1
killed=$(date +%s%3N)
moved() { [ -n "$(holder)" ] && [ "$(holder)" != "$before" ]; }
until_holds 60 "the Lease moves when its holder is killed" moved
echo "        after $(($(date +%s%3N) - killed)) ms"
began=$(now)
k -n ai delete httproute copy-1 copy-2 copy-3 >/dev/null
k -n ai patch httproute by-path --type=json -p '[{"op":"add","path":"/metadata/labels","value":{"touched":"yes"}},{"op":"add","path":"/spec/rules/0/name","value":"named"}]' >/dev/null
current() { k -n ai get httproute by-path -o json | jq -e '.metadata.generation as $g | all(.status.parents[].conditions[]; .observedGeneration == $g)'; }
until_holds 30 "the new holder writes" current
same "and it alone" "$(holder)" "$(writers "$began")"
k apply -f "$top/examples/routing-patterns" >/dev/null

k -n "$system" scale "deployment/$controller" --replicas=1 >/dev/null
k -n "$system" rollout status "deployment/$controller" --timeout=60s >/dev/null
finish 40-replicas
