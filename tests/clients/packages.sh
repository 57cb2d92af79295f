# Sourced by tests that run npm packages: installs those of package-lock.json next to this file, once, and leaves the shell there.
# Exits 77 (skipped) only where Node or its package registry is not there.
command -v node >/dev/null && command -v npm >/dev/null || { echo "SKIPPED: node and npm are needed"; exit 77; }
cd "$here" || exit 1
packages="$(cat package.json package-lock.json .npmrc | sha256sum) $(node --version)"
exec 9<package-lock.json
flock 9
if [ "$(cat node_modules/.barrio-packages 2>/dev/null)" != "$packages" ]; then
  if ! npm ci --ignore-scripts --no-progress --loglevel=error; then
    npm ping >/dev/null 2>&1 && { echo "FAIL: npm ci"; exit 1; }
    echo "SKIPPED: the npm registry is not available"
    exit 77
  fi
  echo "$packages" >node_modules/.barrio-packages
fi
exec 9>&-
