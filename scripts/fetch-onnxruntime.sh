#!/bin/sh
# Puts ONNX Runtime's shared library (MIT licence) where barrio looks for it: build/onnxruntime/libonnxruntime.so.1.
# It comes out of the npm package onnxruntime-node, which npm checks against the registry's integrity hash. Runs again
# at no cost. With a folder as argument, that folder is used instead of build/onnxruntime.
set -eu

version=1.30.0
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
folder=${1:-$root/build/onnxruntime}
library=libonnxruntime.so.1

case $(uname -m) in
  x86_64) arch=x64 ;;
  aarch64) arch=arm64 ;;
  *)
    echo "fetch-onnxruntime: no ONNX Runtime for $(uname -m) in onnxruntime-node" >&2
    exit 1
    ;;
esac

if [ -f "$folder/$library" ] && [ "$(cat "$folder/version" 2>/dev/null)" = "$version $arch" ]; then
  exit 0
fi
command -v npm >/dev/null || {
  echo "fetch-onnxruntime: npm is missing (apt-get install npm)" >&2
  exit 1
}

mkdir -p "$folder"
work=$(mktemp -d "$folder/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM
echo "fetch-onnxruntime: getting onnxruntime-node $version with npm (110 MB)" >&2
(cd "$work" && npm pack --silent "${BARRIO_ONNXRUNTIME_PACKAGE:-onnxruntime-node@$version}" >/dev/null)
tar -xzf "$work"/onnxruntime-node-*.tgz -C "$work" --no-same-owner "package/bin/napi-v6/linux/$arch/$library"
cp "$root/docs/third-party/onnxruntime-MIT.txt" "$folder/LICENSE-onnxruntime.txt"
# The version is written last: an interrupted run is done again.
mv "$work/package/bin/napi-v6/linux/$arch/$library" "$folder/$library"
echo "$version $arch" >"$folder/version"
echo "fetch-onnxruntime: $folder/$library" >&2
