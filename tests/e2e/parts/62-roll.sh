#!/usr/bin/env bash
# The Deployment of the proxies rolls.
. "$(dirname "$0")/../lib.sh"
with_examples
steady_load "$(address ai ai)" || finish 62-roll
before=$(k -n ai get pods -l gateway.networking.k8s.io/gateway-name=ai -o name)
k -n ai rollout restart deployment/ai >/dev/null
k -n ai rollout status deployment/ai --timeout=120s >/dev/null
gone() { ! k -n ai get "$before"; }
until_holds 90 "the old pod is gone" gone
no_loss "while the proxies rolled"
finish 62-roll
