# Sourced by `rig`: keys, certificates and configuration files of a new cluster.
# shellcheck shell=bash

configure() {
  mkdir -p "$keys" "$logs" "$pids" "$RIG_DIR/cni"
  authority
  certificate apiserver /CN=kube-apiserver "$(api_names)"
  certificate admin /O=system:masters/CN=admin
  certificate controller-manager /CN=system:kube-controller-manager
  certificate scheduler /CN=system:kube-scheduler
  certificate kubelet "/O=system:nodes/CN=system:node:$node_name" "DNS:$node_name,IP:$node_address,IP:127.0.0.1"
  for user in admin controller-manager scheduler kubelet; do
    render kubeconfig.yaml "$user.kubeconfig"
  done
  echo "nameserver $dns_address" >"$RIG_DIR/resolv.conf"
  render cni.conflist cni/10-rig.conflist
  local file
  for file in containerd.toml kubelet.yaml kube-proxy.yaml audit.yaml dns.yaml; do
    render "$file" "$file"
  done
}

# render TEMPLATE FILE: writes the file with each @name@ replaced by the variable of that name
render() {
  local text name
  text=$(<"$here/config/$1")
  for name in RIG_DIR keys runtime_socket pause_image dns_image node_name node_pod_range pod_range dns_address api user; do
    text=${text//"@$name@"/${!name:-}}
  done
  printf '%s\n' "$text" >"$RIG_DIR/$2"
}

# Only what follows holds these keys, and only for the life of the cluster.
authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=rig \
    -keyout "$keys/ca.key" -out "$keys/ca.crt" 2>/dev/null
  openssl genrsa -out "$keys/accounts.key" 2048 2>/dev/null
  openssl rsa -in "$keys/accounts.key" -pubout -out "$keys/accounts.pub" 2>/dev/null
}

# certificate NAME SUBJECT [ALTERNATIVE-NAMES]
certificate() {
  local extensions=$'keyUsage=digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n'
  [ -z "${3:-}" ] || extensions+="subjectAltName=$3"
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "$2" \
    -keyout "$keys/$1.key" -out "$keys/$1.csr" 2>/dev/null
  openssl x509 -req -in "$keys/$1.csr" -CA "$keys/ca.crt" -CAkey "$keys/ca.key" -CAcreateserial -days 30 \
    -out "$keys/$1.crt" -extfile <(echo "$extensions") 2>/dev/null
}

api_names() {
  local names=DNS:localhost name
  for name in kubernetes kubernetes.default kubernetes.default.svc kubernetes.default.svc.cluster.local; do
    names+=,DNS:$name
  done
  echo "$names,IP:127.0.0.1,IP:$node_address,IP:$api_service_address"
}
