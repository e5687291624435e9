# Sourced by `rig _node`, which is PID 1 of the cluster's own PID and mount namespaces: when it ends, all of the
# cluster ends with it.
# shellcheck shell=bash

node() {
  mount --make-rshared /
  trap 'exit 0' TERM INT
  keep etcd etcd --data-dir "$RIG_DIR/etcd" --unsafe-no-fsync \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380
  keep kube-apiserver api_server
  keep kube-controller-manager kube-controller-manager --kubeconfig="$RIG_DIR/controller-manager.kubeconfig" \
    --service-account-private-key-file="$keys/accounts.key" --root-ca-file="$keys/ca.crt" \
    --use-service-account-credentials=true --allocate-node-cidrs=true --cluster-cidr="$pod_range" \
    --cluster-signing-cert-file="$keys/ca.crt" --cluster-signing-key-file="$keys/ca.key" --leader-elect=false
  keep kube-scheduler kube-scheduler --kubeconfig="$RIG_DIR/scheduler.kubeconfig" --leader-elect=false
  keep containerd containerd -c "$RIG_DIR/containerd.toml"
  until runtime version >/dev/null 2>&1; do sleep 0.2; done
  local file
  for file in "$images"/*.tar; do runtime images import "$file" >/dev/null; done
  until api_ready; do sleep 0.3; done
  keep kubelet kubelet --config="$RIG_DIR/kubelet.yaml" --kubeconfig="$RIG_DIR/kubelet.kubeconfig" \
    --hostname-override="$node_name" --node-ip="$node_address" --root-dir="$RIG_DIR/kubelet"
  keep kube-proxy kube-proxy --config="$RIG_DIR/kube-proxy.yaml"
  while :; do sleep 3600 & wait $!; done
}

api_server() {
  exec kube-apiserver --etcd-servers=http://127.0.0.1:2379 --advertise-address="$node_address" --secure-port=6443 \
    --tls-cert-file="$keys/apiserver.crt" --tls-private-key-file="$keys/apiserver.key" \
    --client-ca-file="$keys/ca.crt" --authorization-mode=Node,RBAC --allow-privileged=true \
    --kubelet-client-certificate="$keys/admin.crt" --kubelet-client-key="$keys/admin.key" \
    --kubelet-preferred-address-types=InternalIP --service-cluster-ip-range="$service_range" \
    --service-account-issuer=https://kubernetes.default.svc \
    --service-account-key-file="$keys/accounts.pub" --service-account-signing-key-file="$keys/accounts.key" \
    --audit-policy-file="$RIG_DIR/audit.yaml" --audit-log-path="$logs/audit.log"
}

api_ready() {
  curl -sf --cacert "$keys/ca.crt" --cert "$keys/admin.crt" --key "$keys/admin.key" "$api/readyz" >/dev/null
}

runtime() { ctr -a "$runtime_socket" -n k8s.io "$@"; }

# keep NAME COMMAND…: runs it, and again whenever it ends, but not while $pids/NAME.away is there
keep() {
  local name=$1
  shift
  while :; do
    while [ -e "$pids/$name.away" ]; do sleep 0.1; done
    "$@" >>"$logs/$name.log" 2>&1 &
    echo $! >"$pids/$name"
    wait $! || true
    sleep 0.2
  done &
}
