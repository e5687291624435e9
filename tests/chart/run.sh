#!/usr/bin/env bash
# The charts: what they render, what their schemas refuse, and that deploy/ is what they say.
# `helm` and `kubectl` are those of tests/cluster/rig when it has built them, or those on the PATH.
. "$(dirname "$0")/../lib.sh"
PATH=${RIG_CACHE:-/var/cache/agentgateway-rig}/bin:$PATH
for command in helm kubectl python3; do
  if ! command -v "$command" >/dev/null; then
    echo "SKIPPED tests/chart: there is no $command (tests/cluster/rig build makes helm and kubectl)"
    exit 0
  fi
done
if ! python3 -c 'import yaml' 2>/dev/null; then
  echo "SKIPPED tests/chart: python3 has no yaml (apt-get install python3-yaml)"
  exit 0
fi
cd "$top" || exit

# A helm that was built without its release's flags takes the cluster for an ancient one.
template() { helm template --kube-version 1.35.0 "$@"; }
# quiet WHAT COMMAND…: ends well
quiet() {
  local what=$1 said
  shift
  if said=$("$@" 2>&1); then ok "$what"; else bad "$what: $said"; fi
}
# refused WHAT PATTERN ARGUMENT…: helm does not render the chart, and its words match
refused() {
  local what=$1 pattern=$2 said
  shift 2
  if said=$(template name charts/agentgateway "$@" 2>&1); then
    bad "$what is accepted"
  else
    holds "$what is refused" "$said" "$pattern"
  fi
}

echo "lint"
quiet "agentgateway-crds" helm lint --strict charts/agentgateway-crds
quiet "agentgateway" helm lint --strict charts/agentgateway
quiet "agentgateway with everything" helm lint --strict charts/agentgateway --values tests/chart/everything.yaml

echo "schema"
refused "an unknown value" 'replica' --set controller.replica=2
refused "an unknown value at the top" 'proxies' --set proxies=2
refused "a number as text" 'replicas' --set-string controller.replicas=2
refused "text as a flag" 'enabled' --set-string demo.mockProvider.enabled=yes
refused "a digest that is none" 'digest' --set image.digest=latest
refused "a pull policy that is none" 'pullPolicy' --set image.pullPolicy=Sometimes
refused "an interval without a unit" 'interval' --set-string monitoring.podMonitor.interval=30
refused "half a reference" 'namespace' --set gatewayClasses.parametersRef.agentgateway.name=wide
refused "a secret without a name" 'imagePullSecrets' --set 'imagePullSecrets[0].key=x'
if template name charts/agentgateway-crds --set kept=true >/dev/null 2>&1; then
  bad "agentgateway-crds accepts an unknown value"
else
  ok "agentgateway-crds refuses an unknown value"
fi

echo "objects"
for values in none everything; do
  arguments=()
  if [ "$values" != none ]; then arguments=(--values "tests/chart/$values.yaml"); fi
  template agentgateway charts/agentgateway --namespace ai "${arguments[@]}" >"$work/$values.yaml"
  if python3 tests/chart/objects.py "$values" "$work/$values.yaml"; then
    ok "with $values set"
  else
    bad "with $values set"
  fi
done
template agentgateway charts/agentgateway-crds --set keep=true >"$work/crds.yaml"
if python3 tests/chart/objects.py definitions "$work/crds.yaml"; then ok "definitions"; else bad "definitions"; fi

echo "without helm"
quiet "deploy/ is what the charts say" env HELM=helm deploy/render.sh --check
for folder in deploy/base deploy/demo; do
  quiet "kubectl kustomize $folder" kubectl kustomize "$folder"
done
holds "the demo's controller is told of the mock" "$(kubectl kustomize deploy/demo)" '^ +- --mock-provider=http://'

echo "versions"
. deploy/versions.sh
same "both charts are of one version" "$version" "$(sed -n 's/^appVersion: //p' charts/agentgateway-crds/Chart.yaml)"
same "and of the program's" "$version" "$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' Cargo.toml)"
tested=$(awk '$1 == "sigs.k8s.io/gateway-api" || $2 == "sigs.k8s.io/gateway-api" { print }' tests/cluster/conformance/go.mod | grep -o 'v[0-9.]*' | tail -n 1)
holds "the Gateway API that is installed is the one that is tested, $tested" "$gateway_api" "/$tested/"
for file in README.md docs/kubernetes.md; do
  if grep -q 'kubernetes-sigs/gateway-api/releases' "$file"; then
    holds "so is that of $file" "$(<"$file")" "${gateway_api//./\\.}"
  fi
done
finish tests/chart
