#!/bin/sh
# Builds the web console into console/dist, where cmake finds it. Says nothing and does nothing when no input changed.
set -eu
cd "$(dirname "$0")/../console"

sum() { cat "$@" | sha256sum | cut -d' ' -f1; }
node_version=$(node --version)
packages="$(sum package.json package-lock.json .npmrc) $node_version"
sources="$packages $(find src build.mjs index.html tsconfig.json -type f | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -d' ' -f1)"

same() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

if ! same node_modules/.barrio-packages "$packages"; then
  echo "console: installing its npm packages"
  npm ci --ignore-scripts --no-progress --loglevel=error
  echo "$packages" >node_modules/.barrio-packages
fi
if ! same node_modules/.barrio-built "$sources" || ! [ -f dist/index.html ]; then
  npm run --silent build
  echo "$sources" >node_modules/.barrio-built
fi
