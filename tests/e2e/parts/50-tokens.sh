#!/usr/bin/env bash
# The controller gives configuration over TLS, to who has a token of that Gateway's proxies, and to nobody else.
. "$(dirname "$0")/../lib.sh"
with_examples
k create namespace e2e-other --dry-run=client -o yaml | k apply -f - >/dev/null
sed 's/^  namespace: ai$/  namespace: e2e-other/' "$top/examples/routing-patterns/00-gateway.yaml" | k apply -f - >/dev/null
gateway_up e2e-other ai

server=$(address "$system" "$controller"):15010
audience=$(k -n ai get deployment ai -o json | jq -r '[.spec.template.spec.volumes[]?.projected?.sources[]?.serviceAccountToken?.audience | select(.)][0]')
account=$(k -n ai get deployment ai -o jsonpath='{.spec.template.spec.serviceAccountName}')
holds "the token of a proxy has an audience of its own" "$audience" 'agentgateway'
stream=/agentgateway.xds.v1.ConfigurationDiscovery/Stream
relay=/agentgateway.xds.v1.ReplicaRelay/Report
python3 "$here/frame.py" ai ai >"$work/hello"

# call SCHEME PATH [TOKEN]: what came back within some seconds, its headers with it; the stream does not end by itself
call() {
  local arguments=(-sk -i -m 5 --http2 "$1://$server$2" -H 'content-type: application/grpc' -H 'te: trailers' --data-binary "@$work/hello")
  if [ "$1" = http ]; then arguments+=(--http2-prior-knowledge); fi
  if [ -n "${3:-}" ]; then arguments+=(-H "authorization: Bearer $3"); fi
  in_rig curl "${arguments[@]}" 2>&1 | tr -d '\0' || true
}
refused() { # WHAT GRPC-STATUS SCHEME PATH [TOKEN]
  local what=$1 status=$2 said
  shift 2
  # Who is refused before all was sent may lose the answer with the connection.
  for _ in 1 2 3; do
    said=$(call "$@")
    if [ -n "$said" ]; then break; fi
  done
  holds "$what" "$said" "^grpc-status: $status"
  if grep -qa 'gpt-4o' <<<"$said"; then bad "$what: configuration came back"; fi
}
token() { k -n "$1" create token "$2" --duration=10m ${3:+"--audience=$3"}; }

good=$(token ai "$account" "$audience")
said=$(call https "$stream" "$good")
if grep -qa 'gpt-4o-mini' <<<"$said"; then ok "a proxy's own token gets its Gateway's configuration"; else bad "a good token: $said"; fi
for path in "$stream" "$relay" /agentgateway.xds.v1.ConfigurationDiscovery/Other /agentgateway.xds.v1.ReplicaRelay/Other /grpc.reflection.v1.ServerReflection/ServerReflectionInfo /grpc.health.v1.Health/Check; do
  refused "no token: $path" 16 https "$path"
  refused "a token that is none: $path" 16 https "$path" nonsense
done
refused "a token for the API server" 16 https "$stream" "$(token ai "$account")"
refused "a token for another audience" 16 https "$stream" "$(token ai "$account" other)"
refused "a token of another account" '(7|16)' https "$stream" "$(token ai default "$audience")"
refused "a token of another Gateway's proxies" '(7|16)' https "$stream" "$(token e2e-other "$account" "$audience")"
same "plaintext gets no answer" "" "$(call http "$stream" "$good")"

# Replicas of the controller tell each other of their proxies; what is for one is not for the other.
controllers=$(token "$system" "$controller" "$audience")
refused "a proxy's token where replicas tell" 7 https "$relay" "$good"
refused "a token of another account where replicas tell" 7 https "$relay" "$(token ai default "$audience")"
refused "a controller's token for the API server where replicas tell" 16 https "$relay" "$(token "$system" "$controller")"
refused "a controller's token where proxies ask" 7 https "$stream" "$controllers"
same "plaintext where replicas tell gets no answer" "" "$(call http "$relay" "$controllers")"
# The token is good; what is said in an empty message is not.
printf '\0\0\0\0\0' >"$work/hello"
refused "a replica without a name" 3 https "$relay" "$controllers"
k delete namespace e2e-other --wait=false >/dev/null
finish 50-tokens
