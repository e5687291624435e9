#!/usr/bin/env bash
# Lets the API server take an HTTPRoute whose rule has a URLRewrite with ReplacePrefixMatch beside several matches.
#
# The Gateway API's definition refuses such a rule, for a rewrite replaces "the" prefix of a rule. AgentGateway replaces
# the prefix of the match that the request was selected by, so there is nothing to refuse, and manifests that were
# written for gateways without that check work as they are. Needs kubectl and jq; applying the Gateway API's
# definitions again brings the check back.
set -euo pipefail
name=httproutes.gateway.networking.k8s.io
lenient='walk(if type == "object" and has("x-kubernetes-validations")
  then ."x-kubernetes-validations" |= map(select(.message | test("URLRewrite filter with path.replacePrefixMatch") | not))
  else . end) | del(.status)'
kubectl get customresourcedefinition "$name" -o json | jq "$lenient" | kubectl replace -f -
