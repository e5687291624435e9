#!/usr/bin/env bash
# An upstream that vanishes without a word: no reset, no answer. Two network namespaces of this script's own stand for two machines; taking
# the address from one of them is pulling its cable.
. "$(dirname "$0")/../lib.sh"
need curl jq
if [ "$(id -u)" != 0 ] || ! command -v ip >/dev/null; then
  printf 'tests/halfopen: SKIPPED, network namespaces need root and the command ip (apt-get install iproute2)\n'
  exit 0
fi

here=agw-here-$$ there=agw-there-$$
drop_namespaces() {
  cleanup
  ip netns del "$here" 2>/dev/null || true
  ip netns del "$there" 2>/dev/null || true
}
trap drop_namespaces EXIT
ip netns add "$here"
ip netns add "$there"
ip link add near netns "$here" type veth peer name far netns "$there"
ip -n "$here" addr add 192.0.2.1/30 dev near
ip -n "$there" addr add 192.0.2.2/30 dev far
for side in "$here lo" "$here near" "$there lo" "$there far"; do ip -n "${side% *}" link set "${side#* }" up; done
within() { ip netns exec "$here" "$@"; }

ip netns exec "$there" "$agw" mock-provider --listen 192.0.2.2:8090 >/dev/null 2>&1 &
pids+=($!)
cat >"$work/gateway.yaml" <<'Y'
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: ai}
spec: {gatewayClassName: agentgateway, listeners: [{name: http, protocol: HTTP, port: 8080}]}
---
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayBackend
metadata: {name: far, namespace: ai}
spec: {ai: {provider: {openai: {model: gpt-4o}, host: 192.0.2.2, port: 8090}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: chat, namespace: ai}
spec:
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{group: agentgateway.dev, kind: AgentgatewayBackend, name: far}]}]
Y
# Not by the function: its process would be a shell's, and the gateway would outlive it.
ip netns exec "$here" env -u OPENAI_API_KEY "$agw" run -f "$work/gateway.yaml" >"$work/out" 2>"$work/err" &
pids+=($!)
gateway=$!
for _ in $(seq 300); do
  if within curl -fsS -o /dev/null http://127.0.0.1:15021/healthz/ready 2>/dev/null; then break; fi
  kill -0 "$gateway" 2>/dev/null || die "agw ended: $(cat "$work/err")"
  sleep 0.1
done
# ask FAULT BODY
ask() {
  within curl -sN -m 150 -w '\n%{http_code}' http://127.0.0.1:8080/v1/chat/completions -H 'content-type: application/json' -H "x-mock-fault: $1" \
    -d "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"stream\":$2}"
}
same "before: answered" 200 "$(ask delay=1ms false | tail -1)"

ask chunk-delay=4s true >"$work/stream" &
client=$!
for _ in $(seq 200); do
  if grep -q '^data: ' "$work/stream"; then break; fi
  sleep 0.1
done
holds "a stream has begun" "$(cat "$work/stream")" '^data: '
sockets() { within cat /proc/net/tcp | awk '$3 == "020200C0:1F9A" && $4 == "01"' | wc -l; }
ip -n "$there" addr del 192.0.2.2/30 dev far
wait "$client" || true
holds "the client of the stream is told" "$(cat "$work/stream")" '"error"'
if grep -qF '[DONE]' "$work/stream"; then bad "a stream that was lost ended as if it were complete"; else ok "no false end"; fi
answer=$(ask delay=1ms false)
same "while it is gone: a bad gateway" 502 "$(tail -1 <<<"$answer")"
holds "and what it says" "$answer" '"error"'
# What was sent into the void is given up too.
for _ in $(seq 60); do
  if [ "$(sockets)" = 0 ]; then break; fi
  sleep 1
done
same "no connection to it is kept" 0 "$(sockets)"
ip -n "$there" addr add 192.0.2.2/30 dev far
for _ in $(seq 30); do
  if [ "$(ask delay=1ms false | tail -1)" = 200 ]; then break; fi
  sleep 1
done
same "after it is back: answered" 200 "$(ask delay=1ms false | tail -1)"
holds "the log says why" "$(cat "$work/out")" '"reason":"(stream_cut|upstream_reset)"'
finish "tests/halfopen"
