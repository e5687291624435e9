# Sourced by `rig`: names, addresses and folders.
# shellcheck shell=bash disable=SC2034

RIG_CACHE=${RIG_CACHE:-/var/cache/agentgateway-rig}
RIG_DIR=${RIG_DIR:-/var/tmp/agentgateway-rig}

network_name=agentgateway-rig
network=/run/netns/$network_name
node_name=node0
node_address=192.168.77.1
api=https://$node_address:6443
pod_range=10.244.0.0/16
node_pod_range=10.244.0.0/24
service_range=10.96.0.0/16
api_service_address=10.96.0.1
dns_address=10.96.0.10

programs=$RIG_CACHE/bin
images=$RIG_CACHE/images
keys=$RIG_DIR/pki
logs=$RIG_DIR/log
pids=$RIG_DIR/run
runtime_socket=$RIG_DIR/containerd.sock

pause_image=rig.invalid/pause:1
dns_image=rig.invalid/coredns:1

# Debian puts `ip`, `nft` and their like where a plain user's PATH does not look.
export PATH=$programs:$PATH:/usr/local/go/bin:/usr/sbin:/sbin

say() { printf 'rig: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
inside() { nsenter --net="$network" "$@"; }
admin() { inside "$programs/kubectl" --kubeconfig "$RIG_DIR/admin.kubeconfig" "$@"; }

# version FOLDER MODULE: what that folder's go.mod pins
version() { awk -v module="$2" '$1 == module && $2 ~ /^v/ { print $2; exit }' "$here/$1/go.mod"; }

# The folder of the CRDs that belong to the conformance suite's version, in Go's module cache.
gateway_crds() {
  local folder
  folder=$(cd "$here/conformance" && go list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api)
  if [ -z "$folder" ]; then
    (cd "$here/conformance" && go mod download sigs.k8s.io/gateway-api)
    folder=$(cd "$here/conformance" && go list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api)
  fi
  echo "$folder/config/crd/experimental"
}
