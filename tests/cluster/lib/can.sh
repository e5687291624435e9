# Sourced by `rig`: whether this machine can run a cluster.
# shellcheck shell=bash

packages=(containerd runc containernetworking-plugins nftables iptables conntrack buildah openssl jq curl
  iproute2 procps util-linux kmod)

# Says each reason why not; nothing is changed.
can() {
  local reasons=() package missing=()
  [ "$(uname -s)" = Linux ] || reasons+=("this is $(uname -s) and not Linux")
  [ "$(id -u)" = 0 ] || reasons+=("it needs root, for namespaces, cgroups and nftables")
  for package in "${packages[@]}"; do
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
  done
  if [ "${#missing[@]}" -gt 0 ] && ! command -v apt-get >/dev/null; then
    reasons+=("there is no apt-get to install ${missing[*]}")
  fi
  go_works || reasons+=("it needs Go 1.21 or later, to build Kubernetes (and found $(go version 2>/dev/null || echo none))")
  [ -d /sys/fs/cgroup ] && [ -w /sys/fs/cgroup ] || reasons+=("/sys/fs/cgroup cannot be written")
  [ "${#reasons[@]}" -eq 0 ] && return
  local reason
  for reason in "${reasons[@]}"; do say "no cluster on this machine: $reason"; done
  return 1
}

# An older Go cannot fetch the toolchain that the modules ask for.
go_works() {
  local found
  found=$(go env GOVERSION 2>/dev/null) || return 1
  [ "$(printf '%s\n' go1.21 "$found" | sort -V | head -n 1)" = go1.21 ]
}

install_packages() {
  local missing=() package
  for package in "${packages[@]}"; do
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
  done
  [ "${#missing[@]}" -eq 0 ] && return
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
