# Sourced by the scripts of this folder, after tests/lib.sh.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

here=$top/tests/e2e
rig=$top/tests/cluster/rig
cd "$top" || exit
. "$top/deploy/versions.sh"

system=agentgateway-system
controller=agentgateway-controller
mock=agentgateway-mock-provider
tools=e2e-tools

say() { printf '%s\n' "$*"; }
in_rig() { "$rig" in "$@"; }
k() { in_rig kubectl "$@"; }

# until_holds SECONDS WHAT COMMAND…: runs it until it ends well
until_holds() {
  local seconds=$1 what=$2 end
  shift 2
  end=$(($(date +%s) + seconds))
  until "$@" >/dev/null 2>&1; do
    if [ "$(date +%s)" -ge "$end" ]; then
      bad "$what: not within $seconds s"
      return 1
    fi
    sleep 0.2
  done
  ok "$what"
}

# address NAMESPACE GATEWAY: of its Service
address() { k -n "$1" get service "$2" -o jsonpath='{.spec.clusterIP}'; }

# gateway_up NAMESPACE GATEWAY: waits until it is programmed and its proxies are ready
gateway_up() {
  until_holds 60 "the Deployment of $1/$2 is there" k -n "$1" get deployment "$2" || return 1
  k -n "$1" rollout status "deployment/$2" --timeout=90s >/dev/null || bad "the proxies of $1/$2 are not ready"
  k -n "$1" wait "gateway/$2" --for=condition=Programmed --timeout=60s >/dev/null || bad "$1/$2 is not programmed"
}

# with_examples: the project's own patterns, in the namespace `ai`
with_examples() {
  k create namespace ai --dry-run=client -o yaml | k apply -f - >/dev/null
  k apply -f "$top/examples/routing-patterns" >/dev/null
  gateway_up ai ai
}

# ask NAMESPACE GATEWAY PATH [CURL-ARGUMENT…]: from the curl pod through cluster DNS; the status, and the model
ask() {
  local host=$2.$1.svc.cluster.local path=$3
  shift 3
  k -n "$tools" exec curl -- /curl -s -m 20 -w '\n%{http_code}' "http://$host:8080$path" -H 'content-type: application/json' "$@" |
    jq -Rrs 'split("\n") | .[-1] as $status | [.[:-1][] | capture("\"model\":\\s*\"(?<model>[^\"]*)\"").model] | "\($status) \(.[0] // "none")"'
}

chat='{"messages":[{"role":"user","content":"Who are you?"}]}'

# condition KIND NAMESPACE NAME TYPE: its status, of the object's own conditions
condition() { k -n "$2" get "$1" "$3" -o jsonpath="{.status.conditions[?(@.type=='$4')].status}"; }

# steady_load ADDRESS: starts load that must not lose a request; see steady.py
steady_load() {
  # Not by the function: the signal that ends it must reach it, and no shell between.
  "$rig" in python3 "$here/steady.py" "$1" "$work/steady.json" &
  load=$!
  pids+=("$load")
  until_holds 30 "the load runs" test -s "$work/steady.json.running" || return 1
}

# no_loss WHAT: ends the load and tells what it saw
no_loss() {
  local said
  kill -TERM "$load"
  wait "$load" || true
  said=$(jq -r '"\(.requests) requests, \(.streams) streams, \(.failed | length) failed, \(.cut | length) cut"' "$work/steady.json")
  if jq -e '.requests > 0 and .streams > 0 and (.failed | length) == 0 and (.cut | length) == 0' "$work/steady.json" >/dev/null; then
    ok "$1: $said"
  else
    bad "$1: $said: $(jq -c '[.failed[:5], .cut[:5]]' "$work/steady.json")"
  fi
}
