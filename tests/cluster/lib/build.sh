# Sourced by `rig`: builds the cluster's programs and images, each once for what its module pins.
# shellcheck shell=bash

helm_version=v3.21.4

build() {
  can || return 1
  install_packages
  mkdir -p "$programs" "$images"
  export CGO_ENABLED=0
  local kubernetes=v0 component
  kubernetes=$(version kubernetes k8s.io/kubernetes)
  for component in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl; do
    program kubernetes "$component" "$(kubernetes_flags "$kubernetes")" "k8s.io/kubernetes/cmd/$component"
  done
  program kubernetes etcd '-s -w' ./cmd/etcd
  program kubernetes pause '-s -w' ./cmd/pause
  program coredns coredns '-s -w' .
  helm
  image pause "$pause_image"
  image coredns "$dns_image"
  if [ "${1:-}" = conformance ]; then conformance; fi
}

# Without these the API server calls itself v0.0.0, and clients that ask for its version are misled.
kubernetes_flags() {
  local minor=${1#v1.}
  local set="-X k8s.io/component-base/version.git"
  echo "-s -w ${set}Version=$1 ${set}Major=1 ${set}Minor=${minor%%.*}"
}

# program MODULE NAME FLAGS PACKAGE: builds it, unless it was built from the same pins
program() {
  local module=$1 name=$2 flags=$3 package=$4 stamp
  stamp=$(pins "$module" "$flags")
  fresh "$name" "$stamp" && return
  say "building $name"
  (cd "$here/$module" && go build -trimpath -ldflags="$flags" -o "$programs/$name" "$package")
  echo "$stamp" >"$programs/.$name"
}

helm() {
  fresh helm "$helm_version" && return
  say "building helm"
  (cd / && GOBIN=$programs go install -ldflags='-s -w' "helm.sh/helm/v3/cmd/helm@$helm_version")
  echo "$helm_version" >"$programs/.helm"
}

conformance() {
  local stamp refs
  stamp=$(pins conformance '')
  program conformance echo-basic '-s -w' sigs.k8s.io/gateway-api/conformance/echo-basic
  if ! fresh conformance.test "$stamp"; then
    say "building the conformance suite"
    (cd "$here/conformance" && go test -c -o "$programs/conformance.test" .)
    echo "$stamp" >"$programs/.conformance.test"
  fi
  # The suite's manifests name the images that they run; all of them are this echo server.
  mapfile -t refs < <(suite_images)
  image echo-basic "${refs[@]}"
}

suite_images() {
  local folder
  folder=$(cd "$here/conformance" && go list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api/conformance)
  grep -rhoE '^ *(- )?image: .*echo-basic:.*' "$folder" | sed 's/.*image: *//' | sort -u
}

pins() { (cat "$here/$1/go.mod" "$here/$1/go.sum" && find "$here/$1" -name '*.go' -exec cat {} + && echo "$2") | sha256sum | cut -c1-16; }
fresh() { [ -x "$programs/$1" ] && [ "$(cat "$programs/.$1" 2>/dev/null)" = "$2" ]; }

# image NAME REFERENCE…: an image of one file, saved under every reference
image() {
  local name=$1 stamp folder reference number=0
  shift
  stamp="$(cat "$programs/.$name") $*"
  if [ "$(cat "$images/.$name" 2>/dev/null)" = "$stamp" ]; then return; fi
  folder=$(mktemp -d)
  cp "$programs/$name" "$folder/"
  printf 'FROM scratch\nCOPY %s /%s\nENTRYPOINT ["/%s"]\n' "$name" "$name" "$name" >"$folder/Dockerfile"
  rm -f "$images/$name"-*.tar
  for reference; do
    number=$((number + 1))
    buildah --storage-driver vfs bud -q -t "$reference" "$folder" >/dev/null
    buildah --storage-driver vfs push -q "$reference" "docker-archive:$images/$name-$number.tar:$reference"
    buildah --storage-driver vfs rmi "$reference" >/dev/null
  done
  rm -rf "$folder"
  echo "$stamp" >"$images/.$name"
}
