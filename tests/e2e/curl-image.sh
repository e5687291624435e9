#!/usr/bin/env bash
# An image of this machine's curl and the libraries that it needs, as the file that the argument names.
set -euo pipefail
file=$1
reference=rig.invalid/curl:1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/root"
program=$(command -v curl)
{ echo "$program"; ldd "$program" | grep -o '/[^ ]*'; } | while read -r part; do
  mkdir -p "$folder/root$(dirname "$part")"
  cp -L "$part" "$folder/root$part"
done
cp "$folder/root$program" "$folder/root/curl"
cp "${RIG_CACHE:-/var/cache/agentgateway-rig}/bin/pause" "$folder/root/pause"
printf 'FROM scratch\nCOPY root /\nUSER 65532:65532\nENTRYPOINT ["/pause"]\n' >"$folder/Dockerfile"
buildah --storage-driver vfs bud -q -t "$reference" "$folder" >/dev/null
buildah --storage-driver vfs push -q "$reference" "docker-archive:$file:$reference"
buildah --storage-driver vfs rmi "$reference" >/dev/null
