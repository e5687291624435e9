#!/usr/bin/env bash
# Builds the image without Docker and without a registry, as the file that its argument names: a static binary of
# this machine's toolchain, packed by buildah. It takes a tenth of the time of the released one (`Dockerfile`).
#
#   deploy/image.sh FILE.tar REFERENCE
#
# AGW_BINARY is packed instead, if it is set; with the libraries that it is linked to, if there are any.
set -euo pipefail
cd "$(dirname "$0")/.."
file=$1 reference=$2

target=$(uname -m)-unknown-linux-gnu
binary=${AGW_BINARY:-${CARGO_TARGET_DIR:-target}/$target/image/agw}
if [ -z "${AGW_BINARY:-}" ]; then
  RUSTFLAGS='-C target-feature=+crt-static' \
    cargo build --profile image --locked --target "$target" --package agw-cli --bin agw
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/libraries"
cp "$binary" "$folder/agw"
if [ -n "${AGW_BINARY:-}" ]; then
  strip --strip-debug "$folder/agw"
  for library in $(ldd "$folder/agw" 2>/dev/null | grep -o '/[^ ]*'); do
    install -D "$(readlink -f "$library")" "$folder/libraries$library"
  done
fi
cp /etc/ssl/certs/ca-certificates.crt "$folder/" 2>/dev/null || : >"$folder/ca-certificates.crt"
cat >"$folder/Dockerfile" <<'CONTENTS'
FROM scratch
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY libraries/ /
COPY agw /agw
USER 65532:65532
ENTRYPOINT ["/agw"]
CONTENTS
mkdir -p "$(dirname "$file")"
rm -f "$file"
buildah --storage-driver vfs bud -q -t "$reference" "$folder" >/dev/null
buildah --storage-driver vfs push -q "$reference" "docker-archive:$file:$reference"
buildah --storage-driver vfs rmi "$reference" >/dev/null
echo "$reference is in $file"
