#!/usr/bin/env bash
# Two proxies, Envoy's rate-limit service and Redis: a limit of 100 a minute admits 100 of them together. Without the
# service what is configured holds, and with it again the limit does. Skipped, and said so, where one of the two servers
# cannot be had.
. "$(dirname "$0")/../lib.sh"
need curl jq

version=v1.4.1-0.20260122083618-3fb702589d36
service=${RATELIMIT:-${RIG_CACHE:-/var/cache/agentgateway-rig}/bin/ratelimit-$version}
skip() { printf 'SKIPPED: tests/ratelimit: %s\n' "$*"; exit 0; }

command -v redis-server >/dev/null || skip "redis-server is not here (apt-get install redis-server)"
if [ ! -x "$service" ]; then
  command -v go >/dev/null || skip "go is not here, which builds envoyproxy/ratelimit"
  GOBIN=$work/go go install "github.com/envoyproxy/ratelimit/src/service_cmd@$version" >"$work/go.log" 2>&1 ||
    skip "envoyproxy/ratelimit cannot be built: $(tail -n 1 "$work/go.log")"
  mkdir -p "$(dirname "$service")"
  mv "$work/go/service_cmd" "$service"
fi

one=127.0.85.1 two=127.0.85.2 servers=127.0.85.3
mkdir -p "$work/limits/config" "$work/manifests"
cat >"$work/limits/config/config.yaml" <<'YAML'
domain: chat
descriptors:
- key: user
  rate_limit: {unit: minute, requests_per_unit: 100}
- key: tokens
  rate_limit: {unit: hour, requests_per_unit: 20}
YAML
cat >"$work/manifests/gateway.yaml" <<YAML
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: ai}
spec:
  gatewayClassName: agentgateway
  listeners: [{name: http, protocol: HTTP, port: 8080}]
---
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayBackend
metadata: {name: b, namespace: ai}
spec: {ai: {provider: {openai: {model: gpt-4o}}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: chat, namespace: ai}
spec:
  parentRefs: [{name: gw}]
  rules:
  - {name: closed, backendRefs: [{name: b, group: agentgateway.dev, kind: AgentgatewayBackend}]}
  - name: open
    matches: [{path: {value: /open}}]
    backendRefs: [{name: b, group: agentgateway.dev, kind: AgentgatewayBackend}]
---
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayBackend
metadata: {name: limits, namespace: ai}
spec: {static: {host: $servers, port: 8081}}
$(for mode in closed open; do cat <<POLICY
---
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayPolicy
metadata: {name: $mode, namespace: ai}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: chat, sectionName: $mode}]
  traffic:
    rateLimit:
      global:
        backendRef: {group: agentgateway.dev, kind: AgentgatewayBackend, name: limits}
        domain: chat
        failureMode: Fail${mode^}
        descriptors:
        - entries: [{name: user, expression: 'request.headers["x-user"]'}]
        - entries: [{name: tokens, expression: 'request.headers["x-tokens"]'}]
          unit: Tokens
POLICY
done)
YAML

start_redis() {
  redis-server --bind "$servers" --port 6379 --save '' --appendonly no --protected-mode no \
    --dir "$work" >"$work/redis.log" 2>&1 &
  redis=$!
  pids+=("$redis")
  # The service ends at once where it finds none.
  local tries
  for tries in $(seq 100); do
    if (exec 3<>"/dev/tcp/$servers/6379") 2>/dev/null; then return; fi
    kill -0 "$redis" 2>/dev/null || die "redis ended: $(tail -n 5 "$work/redis.log")"
    sleep 0.1
  done
  die "redis is not ready after $tries tries: $(tail -n 5 "$work/redis.log")"
}

start_limits() {
  env -i PATH="$PATH" HOME="$work" USE_STATSD=false LOG_LEVEL=warn RUNTIME_ROOT="$work" RUNTIME_SUBDIRECTORY=limits \
    RUNTIME_WATCH_ROOT=false RUNTIME_IGNOREDOTFILES=true REDIS_SOCKET_TYPE=tcp REDIS_URL="$servers:6379" BACKEND_TYPE=redis \
    HOST="$servers" GRPC_HOST="$servers" GRPC_PORT=8081 PORT=8082 DEBUG_HOST="$servers" DEBUG_PORT=6070 \
    "$service" >"$work/limits.log" 2>&1 &
  limits=$!
  pids+=("$limits")
  local tries
  for tries in $(seq 100); do
    if curl -fsS -o /dev/null "http://$servers:8082/healthcheck" 2>/dev/null; then return; fi
    kill -0 "$limits" 2>/dev/null || die "the rate-limit service ended: $(tail -n 5 "$work/limits.log")"
    sleep 0.1
  done
  die "the rate-limit service is not ready after $tries tries: $(tail -n 5 "$work/limits.log")"
}

chat='{"messages":[{"role":"user","content":"Hi"}]}'
# ask ADDRESS PATH HEADER: the status
ask() {
  curl -s -o "$work/body" -D "$work/head" -w '%{http_code}' "http://$1:8080$2" -H "$3" -H 'content-type: application/json' -d "$chat"
}
first=/v1/chat/completions

start_redis
start_limits
start_agw "$one" one -f "$work/manifests" --mock
start_agw "$two" two -f "$work/manifests" --mock

# A window that ends on the way would begin another hundred.
while [ "$(date +%-S)" -gt 30 ]; do sleep 1; done
passed=0
for turn in $(seq 120); do
  address=$one
  if [ $((turn % 2)) = 0 ]; then address=$two; fi
  if [ "$(ask "$address" "$first" 'x-user: alice')" = 200 ]; then passed=$((passed + 1)); fi
done
same "a limit of 100 a minute admits of two proxies" 100 "$passed"
same "the next gets" 429 "$(ask "$one" "$first" 'x-user: alice')"
holds "and is told the limit" "$(tr -d '\r' <"$work/head")" '^x-ratelimit-limit: 100$'
holds "and when to come again" "$(tr -d '\r' <"$work/head")" '^retry-after: [0-9]+$'
same "in the words of its API" 'rate limit exceeded' "$(jq -r .error.message "$work/body")"
same "another user gets" 200 "$(ask "$one" "$first" 'x-user: bob')"

same "while tokens are left a request gets" 200 "$(ask "$one" "$first" 'x-tokens: carol')"
for tries in $(seq 50); do
  status=$(ask "$two" "$first" 'x-tokens: carol')
  if [ "$status" = 429 ]; then break; fi
  sleep 0.1
done
same "when they are used up the other proxy says" 429 "$status"

kill "$limits"; wait "$limits" 2>/dev/null || true
same "without the service a route that closes gets" 503 "$(ask "$one" "$first" 'x-user: dave')"
same "one that opens gets" 200 "$(ask "$one" "/open$first" 'x-user: alice')"
lines "$work/one.out" 3
holds "the log says the one" "$(cat "$work/one.out")" '"reason":"rate_limit_failed"'
holds "and the other" "$(cat "$work/one.out")" '"failed_open":\["rate_limit"\]'
start_limits
same "with the service again it gets" 200 "$(ask "$one" "$first" 'x-user: dave')"

kill "$redis"; wait "$redis" 2>/dev/null || true
same "without Redis a route that closes gets" 503 "$(ask "$two" "$first" 'x-user: erin')"
same "one that opens gets" 200 "$(ask "$two" "/open$first" 'x-user: erin')"
start_redis
for tries in $(seq 100); do
  status=$(ask "$two" "$first" 'x-user: erin')
  if [ "$status" = 200 ]; then break; fi
  sleep 0.1
done
same "with Redis again it gets" 200 "$status"

finish "tests/ratelimit"
