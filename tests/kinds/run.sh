#!/usr/bin/env bash
# Routes and policies of every kind from files: what a cluster serves, one process on a laptop serves too.
. "$(dirname "$0")/../lib.sh"
need curl openssl python3

address=127.0.82.1
behind=127.0.82.2
mkdir "$work/manifests"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=authority \
  -keyout "$work/ca.key" -out "$work/ca.crt" 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=stranger \
  -keyout "$work/stranger.key" -out "$work/stranger.crt" 2>/dev/null
# signed NAME SAN: by the authority
signed() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" -keyout "$work/$1.key" -out "$work/$1.csr" 2>/dev/null
  openssl x509 -req -in "$work/$1.csr" -CA "$work/ca.crt" -CAkey "$work/ca.key" -days 2 -out "$work/$1.crt" \
    -extfile <(echo "subjectAltName=$2") 2>/dev/null
}
signed backend DNS:backend.example.com,URI:spiffe://example.com/backend
signed gateway DNS:gateway.example.com
signed client DNS:client.example.com

indented() { sed 's/^/    /' "$1"; }
{
  for name in ca stranger; do
    printf -- '---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: ai}\ndata:\n  ca.crt: |\n' "$name"
    indented "$work/$name.crt"
  done
  for name in gateway client; do
    printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: ai}\ntype: kubernetes.io/tls\nstringData:\n  tls.crt: |\n' "$name"
    indented "$work/$name.crt"
    printf '  tls.key: |\n'
    indented "$work/$name.key"
  done
  # service NAME PORT: at the backends' address
  service() {
    printf -- '---\napiVersion: v1\nkind: Service\nmetadata: {name: %s, namespace: ai}\nspec: {ports: [{name: p, port: %s, protocol: %s}]}\n' "$1" "$2" "${3:-TCP}"
    printf -- '---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: %s, namespace: ai, labels: {kubernetes.io/service-name: %s}}\naddressType: IPv4\nports: [{name: p, port: %s, protocol: %s}]\nendpoints: [{addresses: [%s]}]\n' "$1" "$1" "$2" "${3:-TCP}" "$behind"
  }
  service stream 7000
  service datagram 7001 UDP
  service web 7002
  service sealed 7443
  service untrusted 7443
  service open 7444
} >"$work/manifests/made.yaml"
cp "$top/tests/kinds/manifests.yaml" "$work/manifests/kinds.yaml"

python3 "$top/tests/kinds/backends.py" "$behind" >"$work/backends" &
pids+=($!)
openssl s_server -accept "$behind:7443" -cert "$work/backend.crt" -key "$work/backend.key" -CAfile "$work/ca.crt" -Verify 1 \
  -verify_return_error -www -quiet >"$work/sealed.log" 2>&1 &
pids+=($!)
openssl s_server -accept "$behind:7444" -cert "$work/backend.crt" -key "$work/backend.key" -www -quiet >"$work/open.log" 2>&1 &
pids+=($!)
for _ in $(seq 100); do [ -s "$work/backends" ] && break; sleep 0.1; done
start_agw "$address" kinds -f "$work/manifests"

# relayed PORT: what comes over TCP before and after a line is sent
relayed() {
  exec 3<>"/dev/tcp/$address/$1"
  local first second
  read -r -t 10 first <&3
  echo hello >&3
  read -r -t 10 second <&3
  exec 3>&-
  echo "$first, $second"
}
datagram() {
  python3 - "$address" "$1" <<'P'
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(10)
client.sendto(b"hello", (sys.argv[1], int(sys.argv[2])))
print(client.recv(100).decode())
P
}
# fetch URL [CURL-ARGUMENT…]: the status, or curl's own error
fetch() { curl -s -m 10 -o "$work/body" -w '%{http_code}' --cacert "$work/ca.crt" "$@" || echo " curl $?"; }
named() { echo "--resolve $1:$2:$address https://$1:$2/"; }

same "a TCPRoute relays, and the backend may speak first" "welcome, tcp hello" "$(relayed 5300)"
same "a UDPRoute relays on the same number" "udp hello" "$(datagram 5300)"
# shellcheck disable=SC2046 # The words are separate arguments.
same "a TLSRoute passes TLS through" 200 "$(fetch $(named backend.example.com 8443))"
# shellcheck disable=SC2046
same "a TLSRoute ends TLS" 200 "$(fetch $(named gateway.example.com 8443))"
same "and hands on what is inside" "web /" "$(cat "$work/body")"
# shellcheck disable=SC2046
same "another server name is hung up on" "000 curl 35" "$(fetch $(named other.example.com 8443))"
same "a ListenerSet's listener is served" 200 "$(fetch "http://$address:8081/set")"
same "a Gateway's route is not on it" 404 "$(fetch "http://$address:8081/web")"
same "a BackendTLSPolicy verifies by name, and the gateway shows a certificate" 200 "$(fetch "http://$address:8080/sealed")"
same "a backend that another authority vouches for gets no request" 502 "$(fetch "http://$address:8080/untrusted")"
grpc=$(curl -s -m 10 --http2-prior-knowledge -D - -o /dev/null "http://$address:8080/shop.Cart/Add" -H 'host: calls.example.com' \
  -H 'content-type: application/grpc' -H 'te: trailers' --data-binary @/dev/null | tr -d '\r')
holds "a call to what is no gRPC server is told so in gRPC's words" "$grpc" '^grpc-status: 14$'
# shellcheck disable=SC2046
holds "a client without a certificate gets no answer" "$(fetch $(named gateway.example.com 9443))" '^000 curl 5[56]$'
# shellcheck disable=SC2046
same "one with a certificate does" 200 "$(fetch --cert "$work/client.crt" --key "$work/client.key" $(named gateway.example.com 9443))"
# shellcheck disable=SC2046
holds "one of a stranger does not" "$(fetch --cert "$work/stranger.crt" --key "$work/stranger.key" $(named gateway.example.com 9443))" '^000 curl 5[56]$'
same "connections are logged" 2 "$(grep -c '"scope":"connection".*"transport":"tls"' "$work/kinds.out" || true)"
finish "tests/kinds"
