#!/usr/bin/env bash
# Routes for connections, by TCP, UDP and TLS, listeners that a ListenerSet adds, and TLS towards a Service.
. "$(dirname "$0")/../lib.sh"
space=e2e-kinds
k apply -f "$here/manifests/kinds.yaml" >/dev/null
gateway_up "$space" gw

# accepted KIND NAME JSONPATH
accepted() {
  says_yes() { [ "$(k -n "$space" get "$1" "$2" -o jsonpath="$3")" = True ]; }
  until_holds 30 "$1 $2 is accepted" says_yes "$1" "$2" "$3"
}
for route in httproute/extra httproute/sealed grpcroute/calls tcproute/raw udproute/names tlsroute/api; do
  accepted "${route%/*}" "${route#*/}" '{.status.parents[0].conditions[?(@.type=="Accepted")].status}'
done
accepted listenerset more '{.status.conditions[?(@.type=="Programmed")].status}'
accepted backendtlspolicy sealed '{.status.ancestors[0].conditions[?(@.type=="Accepted")].status}'
same "the Gateway counts its ListenerSet" 1 "$(k -n "$space" get gateway gw -o jsonpath='{.status.attachedListenerSets}')"

at() { k -n "$tools" exec curl -- /curl -s -m 20 -o /dev/null -w '%{http_code}' "http://gw.$space.svc.cluster.local:$1$2" -H 'content-type: application/json' -d '{"model":"gpt-4o-mini",'"${chat#?}"; }
same "a listener of a ListenerSet is served" 200 "$(at 8081 /v1/chat/completions)"
same "bytes go over TCP" 200 "$(at 9000 /v1/chat/completions)"
same "a Service that is to have TLS gets no plain request" 503 "$(at 8080 /sealed)"
address=$(address "$space" gw)
# The API server takes whoever shows no certificate for a stranger, who may ask for nothing.
same "TLS passes through by its server name" 403 "$(in_rig curl -sk -m 20 -o /dev/null -w '%{http_code}' --resolve "kubernetes.default:9443:$address" https://kubernetes.default:9443/api)"
reply=$(in_rig python3 - "$address" <<'P'
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(5)
name = b"".join(bytes([len(part)]) + part for part in b"kubernetes.default.svc.cluster.local".split(b".")) + b"\0"
client.sendto(b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1", (sys.argv[1], 9000))
answer = client.recv(512)
print(answer[:2].hex(), int.from_bytes(answer[6:8], "big"))
P
)
same "datagrams go over UDP and back" "1234 1" "$reply"
k delete -f "$here/manifests/kinds.yaml" --timeout=90s >/dev/null
finish 32-kinds
