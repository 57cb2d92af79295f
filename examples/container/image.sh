#!/usr/bin/env bash
# Builds the image of a small web server from Debian's busybox-static, without any download: OUT/hello-VERSION.tar. With the
# barrio binary, also signs it with OUT/key.pem (made if it is not there) and writes OUT/app-VERSION.yaml from app.yaml.
# Usage: image.sh OUT VERSION [BARRIO]      VERSION "bad": one that never becomes ready
set -euo pipefail
here=$(dirname "$0") out=$1 version=$2 barrio=${3:-}
command -v podman >/dev/null || { echo "podman is not installed" >&2; exit 1; }
busybox=$(command -v busybox) || { echo "busybox-static is not installed" >&2; exit 1; }
mkdir -p "$out"
work=$(mktemp -d /tmp/barrio-image-XXXXXX)
# A store of its own: nothing is left behind, and nobody else's images are touched.
pod() { podman --root "$work/root" --runroot "$work/run" --storage-driver vfs "$@"; }
trap 'rm -rf "$work"' EXIT
root=$work/rootfs
mkdir -p "$root"/{bin,etc,tmp,proc,sys,dev,www/cgi-bin}
cp "$busybox" "$root/bin/busybox"
for applet in sh httpd cat echo env sleep wget touch rm id nc; do ln -s busybox "$root/bin/$applet"; done
[ "$version" = bad ] || echo "ready" >"$root/www/ready"
echo "hello from version $version" >"$root/www/index.html"
cat >"$root/www/cgi-bin/echo" <<CGI
#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
echo "version $version, greeting \${GREETING:-none}, token \${TOKEN:+set}, method \$REQUEST_METHOD, query \$QUERY_STRING"
case \$REQUEST_METHOD in POST) cat ;; esac
CGI
# For tests: what a hostile container would try.
cat >"$root/www/cgi-bin/try" <<'CGI'
#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
case $QUERY_STRING in
  write) (echo x >/www/x) 2>/dev/null && echo written || echo refused ;;
  tmp) (echo x >/tmp/x) 2>/dev/null && echo written || echo refused ;;
  id) id -u; cat /proc/self/uid_map; grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status ;;
  net) cat /proc/net/dev ;;
  connect) (wget -T 2 -q -O /dev/null http://1.1.1.1/ || nc -w 1 127.0.0.1 22) >/dev/null 2>&1 && echo connected || echo refused ;;
  memory) (x=$(cat /dev/zero | busybox head -c 400000000 | busybox tr '\0' x); echo "${#x}") 2>/dev/null || echo killed ;;
  forks) n=0; while [ $n -lt 200 ]; do (sleep 2) 2>/dev/null & n=$((n + 1)); done 2>/dev/null; busybox ls -d /proc/[0-9]* | busybox wc -l ;;
  end) echo ending; kill -TERM 1 ;;
esac
CGI
cat >"$root/bin/serve" <<'SERVE'
#!/bin/sh
# As the first process of its container it must ask for the signal that ends it.
trap 'exit 0' TERM
echo "serving on port $PORT"
httpd -f -v -p "$PORT" -h /www &
wait
SERVE
chmod 755 "$root"/bin/* "$root"/www/cgi-bin/*
archive=$out/hello-$version.tar
rm -f "$archive"
tar -C "$root" --owner=0 --group=0 -c . | pod import --change 'ENTRYPOINT ["/bin/serve"]' - "hello:$version" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
pod save --format oci-archive -o "$archive" "hello:$version" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
[ -n "$barrio" ] || exit 0
[ -e "$out/key.pem" ] || "$barrio" image key "$out/key.pem" >/dev/null
{
  sed -e '/^  image:/d' -e '/^  signed_by:/d' -e '/^  signature:/d' -e "s/^  file: .*/  file: hello-$version.tar/" "$here/app.yaml"
} | awk -v signed="$("$barrio" image sign "$archive" --key "$out/key.pem" | sed 's/^/  /')" '{ print } /^container:/ { print signed }' \
  >"$out/app-$version.yaml"
