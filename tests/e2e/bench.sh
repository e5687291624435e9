#!/usr/bin/env bash
# `make cluster-bench`: how fast changes are served in the cluster that runs (`make cluster`). A report, no test.
#   ROUTES=5000   how many routes are written in bulk
. "$(dirname "$0")/lib.sh"
"$rig" is-up || die "no cluster runs: make cluster"
routes=${ROUTES:-5000}
k apply -f "$here/manifests/bench.yaml" >/dev/null
gateway_up e2e-bench bench >/dev/null

pod=$(k -n e2e-bench get pods -l gateway.networking.k8s.io/gateway-name=bench -o jsonpath='{.items[0].metadata.uid}')
# The kubelet names a pod's control group after its uid; what runs in it is on this machine.
resident() {
  local total=0 process
  for process in $(find /sys/fs/cgroup -path "*${pod//-/*}*" -name cgroup.procs -exec cat {} + | sort -u); do
    if [ "$(cat "/proc/$process/comm" 2>/dev/null)" = agw ]; then
      total=$((total + $(awk '/^VmRSS/ {print $2}' "/proc/$process/status")))
    fi
  done
  echo "$total"
}
before=$(resident)
in_rig python3 "$here/bench.py" "${RIG_DIR:-/var/tmp/agentgateway-rig}/admin.kubeconfig" "$(address e2e-bench bench)" "$routes"
after=$(resident)
say "The proxy takes $(((after - before) / 1024)) MiB more for them: $((before / 1024)), then $((after / 1024)) MiB."
# Thousands of routes take the API server minutes to delete.
k delete namespace e2e-bench --wait=false >/dev/null
