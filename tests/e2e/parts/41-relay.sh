#!/usr/bin/env bash
# The replica that writes statuses is not the one that a proxy is connected to: it says what that proxy has, all the same.
. "$(dirname "$0")/../lib.sh"
with_examples
k -n ai delete httproute far --ignore-not-found >/dev/null
k -n "$system" scale "deployment/$controller" --replicas=2 >/dev/null
k -n "$system" rollout status "deployment/$controller" --timeout=60s >/dev/null
leader=$(k -n "$system" get lease -o jsonpath='{.items[0].spec.holderIdentity}' | cut -d_ -f1)
follower=$(k -n "$system" get pods -l app.kubernetes.io/name=agentgateway-controller -o name | grep -v "/$leader\$" | cut -d/ -f2)
same "one of two replicas follows" 1 "$(wc -w <<<"$follower")"
holds "the other one leads" "$(k -n "$system" get pods -o name)" "/$leader\$"

# A proxy that is connected to the follower and takes nothing.
audience=$(k -n ai get deployment ai -o json | jq -r '[.spec.template.spec.volumes[]?.projected?.sources[]?.serviceAccountToken?.audience | select(.)][0]')
account=$(k -n ai get deployment ai -o jsonpath='{.spec.template.spec.serviceAccountName}')
k -n ai create token "$account" --duration=10m "--audience=$audience" >"$work/token"
address=$(k -n "$system" get pod "$follower" -o jsonpath='{.status.podIP}'):15010
order() { echo "$*" >"$work/order.new" && mv "$work/order.new" "$work/order"; }
order silent
"$rig" in python3 "$here/proxy.py" "$address" "$work/token" ai ai "$work/order" >"$work/proxy.out" 2>&1 &
pids+=($!)
until_holds 20 "it is sent the configuration" grep -q '^received ' "$work/proxy.out" || cat "$work/proxy.out"

# accepted CONDITION: what the route says matches
accepted() { grep -qE "$1" <<<"$(k -n ai get httproute far -o jsonpath='{range .status.parents[*].conditions[?(@.type=="Accepted")]}{.status} {.reason} {.message}{end}')"; }
shows() { until_holds "$1" "$2" accepted "$3" || k -n ai get httproute far -o jsonpath='{.status}'; }
sed "s/name: by-path\$/name: far/; s#/models#/far#; s#/openai#/far/openai#" "$top/examples/routing-patterns/01-path.yaml" | k apply -f - >/dev/null
shows 20 "a new route waits for the proxy that is connected to the follower" '^Unknown Pending'
sleep 5
shows 1 "and goes on waiting" '^Unknown Pending'
order ack
shows 20 "it is accepted once that proxy has it" '^True'
order refuse ai/far there is no room for it
shows 20 "what that proxy does not take is told on the route" '^False .*there is no room for it'
order ack
shows 20 "and that it has taken it after all" '^True'

healthy() { [ "$(condition agentgatewaybackend ai mini Healthy)" = "$1" ]; }
unhealthy() { [ "$(condition agentgatewaybackend ai mini Healthy)" != False ]; }
order down ai/mini
until_holds 30 "a backend that is out for that proxy is not healthy" healthy False
# It hangs up, and what it said is no longer so.
kill "${pids[-1]}" 2>/dev/null || true
until_holds 30 "and is healthy again when that proxy has gone" unhealthy
shows 1 "the route stays accepted" '^True'
k -n ai delete httproute far >/dev/null

k -n "$system" scale "deployment/$controller" --replicas=1 >/dev/null
one_left() { [ "$(k -n "$system" get pods -l app.kubernetes.io/name=agentgateway-controller -o name | wc -l)" = 1 ]; }
until_holds 60 "one replica is left" one_left
finish 41-relay
