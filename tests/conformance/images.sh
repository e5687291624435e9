#!/usr/bin/env bash
# Gives the node every image that the suite's manifests name: the echo servers, which the rig builds, and the CoreDNS
# that is the backend of its UDP tests.
. "$(dirname "$0")/../e2e/lib.sh"

cache=${RIG_CACHE:-/var/cache/agentgateway-rig}
suite=$(cd tests/cluster/conformance && go list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api/conformance)
# Two places pin the version of CoreDNS, the suite's manifests and the rig's module; both must mean the same one.
reference=$(sed -n 's/^ *image: *\(.*coredns:.*\)/\1/p' "$suite/base/manifests.yaml")
module=$(cd tests/cluster/coredns && go list -m -f '{{.Version}}' github.com/coredns/coredns)
[ "${reference##*:}" = "$module" ] || die "the suite asks for $reference, the rig's module has $module"

program=$cache/bin/conformance-coredns
archive=$cache/conformance-coredns.tar
stamp=$(cat tests/cluster/coredns/go.sum tests/conformance/coredns/main.go | sha256sum | cut -c1-16)-$reference
if [ ! -f "$archive" ] || [ "$(cat "$archive.stamp" 2>/dev/null)" != "$stamp" ]; then
  say "building the suite's CoreDNS"
  (cd tests/cluster/coredns && CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$program" "$top/tests/conformance/coredns/main.go")
  mkdir "$work/image"
  cp "$program" "$work/image/coredns"
  printf 'FROM scratch\nCOPY coredns /coredns\nENTRYPOINT ["/coredns"]\n' >"$work/image/Dockerfile"
  rm -f "$archive"
  buildah --storage-driver vfs bud -q -t "$reference" "$work/image" >/dev/null
  buildah --storage-driver vfs push -q "$reference" "docker-archive:$archive:$reference"
  buildah --storage-driver vfs rmi "$reference" >/dev/null
  echo "$stamp" >"$archive.stamp"
fi
"$rig" load "$archive" "$cache"/images/echo-basic-*.tar >/dev/null
