#!/usr/bin/env bash
# The Gateway API's own conformance suite, at the version that tests/cluster/conformance pins, against the charts in a
# real cluster. It is asked for what the GatewayClass publishes in status.supportedFeatures and nothing is skipped; the
# report must be no worse than the one in docs/conformance.
#
#   tests/conformance/run.sh
#
#   RUN=TestName            that test alone; no report
#   PROFILES=A,B            these profiles (all five)
#   UPDATE=1                writes the report to docs/conformance
#   CONFORMANCE_REUSE=1     takes the cluster that runs, with what is installed there (or E2E_REUSE=1)
#   CONFORMANCE_KEEP=1      leaves the cluster running (or E2E_KEEP=1)
#   CONFORMANCE_OBJECTS=1   leaves the suite's objects in it too
#   USABLE_ADDRESS, UNUSABLE_ADDRESS   for GatewayStaticAddresses: one that a Gateway can have, and one that it cannot
#   VERSION=v1.2.3          of the gateway, in the report
#   DEBUG=1                 the suite shows each request and answer
. "$(dirname "$0")/../e2e/lib.sh"
parts=$top/tests/conformance

if ! "$rig" can; then
  echo "SKIPPED tests/conformance: see the reasons above"
  exit 0
fi
for command in curl jq python3; do
  command -v "$command" >/dev/null || die "$command is needed (apt-get install $command)"
done
# The system's Python may have what the first one in PATH has not.
python=
for candidate in python3 /usr/bin/python3; do
  if [ -z "$python" ] && "$candidate" -c 'import yaml' 2>/dev/null; then python=$candidate; fi
done
if [ -z "$python" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  say "installing python3-yaml"
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-yaml >/dev/null
  python=/usr/bin/python3
fi
[ -n "$python" ] || die "python3 has no yaml (apt-get install python3-yaml)"
export PATH=$PATH:/usr/local/go/bin

reuse=${CONFORMANCE_REUSE:-${E2E_REUSE:-}}
[ -n "$reuse${CONFORMANCE_KEEP:-}${E2E_KEEP:-}" ] || trap 'cleanup; "$rig" down' EXIT

"$rig" build conformance
if [ -z "$reuse" ]; then "$here/cluster.sh"; fi
"$rig" is-up || die "no cluster runs"
"$parts/images.sh"

# The rig has no load balancers: a Gateway that asks for an address gets it as its Service's own.
k apply -f "$parts/parameters.yaml" >/dev/null
in_rig helm upgrade agentgateway "$top/charts/agentgateway" --namespace "$system" --reuse-values --wait --timeout 2m \
  --set gatewayClasses.parametersRef.agentgateway.name=conformance \
  --set gatewayClasses.parametersRef.agentgateway.namespace="$system" >/dev/null

profiles=${PROFILES:-GATEWAY-HTTP,GATEWAY-GRPC,GATEWAY-TLS,GATEWAY-TCP,GATEWAY-UDP}
output=$top/target/conformance
report=$output/report.yaml
mkdir -p "$output"
rm -f "$report"

# A clean slate: certificates of an earlier run that ended early would not be those of this one's backends.
mapfile -t left < <(k get namespaces -o name | grep -E '^namespace/gateway-(conformance|api)-' || true)
if [ "${#left[@]}" -gt 0 ]; then
  say "removing what an earlier run left"
  k delete "${left[@]}" --timeout=180s >/dev/null
fi

# The rig's Services have addresses of one range. Its lowest are those that no Service is given unasked.
range=$(. "$top/tests/cluster/lib/settings.sh" && echo "${service_range%.*}")
options=(
  -test.run '^TestConformance$' -test.timeout 90m -test.v
  --gateway-class=agentgateway
  --conformance-profiles="$profiles"
  --usable-address="${USABLE_ADDRESS:-$range.200}"
  --unusable-address="${UNUSABLE_ADDRESS:-192.0.2.1}"
)
if [ -n "${DEBUG:-}" ]; then options+=(--debug); fi
if [ -n "${CONFORMANCE_OBJECTS:-}" ]; then options+=(--cleanup-base-resources=false --cleanup-test-resources=false); fi
if [ -n "${RUN:-}" ]; then
  # The suite reads the class only when it runs every test.
  features=$(k get gatewayclass agentgateway -o json | jq -r '[.status.supportedFeatures[].name] | join(",")')
  options+=(--run-test="$RUN" --supported-features="$features")
else
  options+=(
    --report-output="$report"
    --organization=agentgateway
    --project=agentgateway
    --url="$(sed -n 's/^home: //p' charts/agentgateway/Chart.yaml)"
    --version="${VERSION:-v$version}"
    --contact="$(sed -n 's/^home: //p' charts/agentgateway/Chart.yaml)"
  )
fi

say "running the suite (all that it says: $output/log)"
began=$(date +%s)
status=0
# In a folder of its own: the suite reads no file of ours.
(cd "$work" && in_rig conformance.test "${options[@]}") >"$output/log" 2>&1 || status=$?
say "it took $(($(date +%s) - began)) s"

"$python" "$parts/failures.py" "$output/log" || status=1
if [ -z "${RUN:-}" ]; then
  "$python" "$parts/compare.py" "$report" "$top/docs/conformance" "$profiles" ${UPDATE:+update} || status=1
fi
[ "$status" = 0 ] || die "tests/conformance"
say "tests/conformance: passed"
