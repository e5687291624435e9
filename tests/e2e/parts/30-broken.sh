#!/usr/bin/env bash
# One invalid object of each kind beside valid ones: what is valid works on, and what is not says which field.
. "$(dirname "$0")/../lib.sh"
space=e2e-broken
k apply -f "$here/manifests/broken.yaml" >/dev/null
until_holds 60 "the Deployment of $space/gw is there" k -n "$space" get deployment gw
k -n "$space" rollout status deployment/gw --timeout=90s >/dev/null
works() { [ "$(ask "$space" gw /good -d "$chat")" = "200 gpt-4o-mini" ]; }
until_holds 30 "the valid route answers" works

# says WHAT JSONPATH PATTERN: soon, and the pattern of the reason and message is met
says() {
  local what=$1 path=$2 pattern=$3
  shift 3
  matches() { grep -qE "$pattern" <<<"$(k -n "$space" get "$@" -o jsonpath="$path")"; }
  until_holds 20 "$what" matches "$@" || k -n "$space" get "$@" -o jsonpath='{.status}' | cut -c 1-2000
}
own() { echo "{range .status.conditions[?(@.type=='$1')]}{.status} {.reason} {.message}{end}"; }
parent() { echo "{range .status.parents[*].conditions[?(@.type=='$1')]}{.status} {.reason} {.message}{end}"; }
ancestor() { echo "{range .status.ancestors[*].conditions[?(@.type=='$1')]}{.status} {.reason} {.message}{end}"; }
listener() { echo "{range .status.listeners[?(@.name=='$1')]}{range .conditions[?(@.type=='$2')]}{.status} {.reason} {.message}{end}{end}"; }

says "a listener's protocol" "$(listener raw Accepted)" '^False UnsupportedProtocol .*example.com/odd' gateway gw
says "its other listener is programmed" "$(listener http Programmed)" '^True' gateway gw
says "a Gateway's parameters" "$(own Accepted)" '^False InvalidParameters .*missing' gateway no-parameters
says "a GatewayClass's parameters" "$(own Accepted)" '^False InvalidParameters .*missing' gatewayclass e2e-no-parameters
says "a route's backend" "$(parent ResolvedRefs)" '^False BackendNotFound .*AgentgatewayBackend e2e-broken/missing does not exist' httproute no-backend
# shellcheck disable=SC2016 # The backquotes are those of the message.
says "a backend's Secret" "$(own ResolvedRefs)" '^False InvalidSecret .*`Authorization`' agentgatewaybackend bad-secret
says "a policy's expression" "$(ancestor Accepted)" '^False Invalid spec.traffic.transformation.request.set\[0\].value: .*1:26' agentgatewaypolicy no-end
says "an enterprise policy's expression" "$(ancestor Accepted)" '^False Invalid spec.traffic.requestTransformation.inline.headers.add' enterpriseagentgatewaypolicy no-end
says "a model's listener" "$(parent Accepted)" '^False NotAllowedByListeners' agentgatewaymodel no-secret
says "the good route is accepted" "$(parent Accepted)" '^True' httproute good
says "the good backend is accepted" "$(own Accepted)" '^True' agentgatewaybackend good

same "the valid route works on" "200 gpt-4o-mini" "$(ask "$space" gw /good -d "$chat")"
same "a route without a backend answers 500" "500 none" "$(ask "$space" gw /no-backend -d "$chat")"
same "a backend without a key is not asked without one" "500 none" "$(ask "$space" gw /bad-secret -d "$chat")"

told() { k -n "$space" get events.events.k8s.io -o json | jq -e --arg kind "$1" --arg name "$2" 'any(.items[]; .regarding.kind == $kind and .regarding.name == $name and .type == "Warning")'; }
for object in Gateway/gw HTTPRoute/no-backend AgentgatewayBackend/bad-secret AgentgatewayPolicy/no-end EnterpriseAgentgatewayPolicy/no-end; do
  until_holds 20 "an Event tells of $object" told "${object%/*}" "${object#*/}"
done

echo "mended"
k -n "$space" patch secret other-key -p '{"stringData":{"Authorization":"placeholder"}}' >/dev/null
mended() { [ "$(ask "$space" gw /bad-secret -d "$chat")" = "200 gpt-4o-mini" ]; }
until_holds 20 "a Secret that gets its key is used" mended
says "and its backend's status says so" "$(own ResolvedRefs)" '^True' agentgatewaybackend bad-secret
k delete namespace "$space" --timeout=90s >/dev/null
k delete gatewayclass e2e-no-parameters >/dev/null
finish 30-broken
