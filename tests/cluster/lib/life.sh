# Sourced by `rig`: starts, ends and disturbs the cluster.
# shellcheck shell=bash

up() {
  can || return 1
  build
  down
  mkdir -p "$RIG_DIR"
  configure
  connect
  setsid nsenter --net="$network" unshare --mount --pid --fork --kill-child=KILL --mount-proc \
    "$here/rig" _node >"$logs/node.log" 2>&1 </dev/null &
  echo $! >"$RIG_DIR/pid"
  local tries
  for tries in $(seq 400); do
    if admin get node "$node_name" 2>/dev/null | grep -q ' Ready'; then break; fi
    sleep 0.3
  done
  admin apply -f "$RIG_DIR/dns.yaml" >/dev/null || die "the node is not there after $tries tries; see $logs"
  admin -n kube-system rollout status deploy/coredns --timeout=120s >/dev/null ||
    die "cluster DNS does not come up; see $logs"
  say "Kubernetes $(version kubernetes k8s.io/kubernetes) is ready: $here/rig in kubectl get pods -A"
}

# A network of its own with no way out: neither can a test reach the world, nor can it change the machine's tables.
connect() {
  ip netns add "$network_name"
  inside ip link set lo up
  # Not every kernel has the link type `dummy`; a bridge without ports can hold the address just as well.
  inside ip link add "$node_name" type bridge
  inside ip addr add "$node_address/24" dev "$node_name"
  inside ip link set "$node_name" up
  inside ip route add default dev "$node_name"
  inside sysctl -qw net.ipv4.ip_forward=1
}

is_up() { [ -f "$RIG_DIR/pid" ] && [ -d "/proc/$(cat "$RIG_DIR/pid")" ]; }

down() {
  local top processes tries mounted
  if is_up; then
    top=$(cat "$RIG_DIR/pid")
    mapfile -t processes < <(pgrep -P "$top")
    kill -KILL "${processes[@]}" "$top" 2>/dev/null || true
    for tries in $(seq 100); do
      [ -d "/proc/$top" ] || break
      [ "$tries" -lt 100 ] || say "process $top does not end"
      sleep 0.1
    done
  fi
  for mounted in /run/netns/cni-*; do
    # Only this cluster's: another runtime on the machine names its networks the same way.
    if [ -f "$mounted" ] && unused "$mounted"; then
      umount "$mounted" 2>/dev/null || true
      rm -f "$mounted"
    fi
  done
  ip netns del "$network_name" 2>/dev/null || true
  find /sys/fs/cgroup -depth -type d \( -path '*/kubepods*' -o -path '*/k8s.io/*' \) -exec rmdir {} + 2>/dev/null || true
  rm -rf --one-file-system "$RIG_DIR"
}

# No process of the machine is in that network.
unused() {
  local inode
  inode=$(stat -c %i "$1")
  ! grep -qF "[$inode]" <<<"$(readlink /proc/[0-9]*/ns/net 2>/dev/null)"
}

load() {
  local file
  for file; do inside ctr -a "$runtime_socket" -n k8s.io images import "$file"; done
}

kill_container() { inside ctr -a "$runtime_socket" -n k8s.io task kill -s SIGKILL "$1"; }

# restart NAME [SECONDS]: its keeper starts it again
restart() {
  local name=$1 seconds=${2:-0} inner
  [ -f "$pids/$name" ] || die "there is no component $name; there are: $(cd "$pids" && ls)"
  touch "$pids/$name.away"
  inner=$(node_process)
  nsenter -t "$inner" --pid --mount kill -KILL "$(cat "$pids/$name")"
  sleep "$seconds"
  rm -f "$pids/$name.away"
}

# PID 1 of the cluster, by its number outside.
node_process() { pgrep -P "$(cat "$RIG_DIR/pid")" | head -n 1; }
