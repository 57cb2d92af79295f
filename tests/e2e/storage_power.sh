#!/usr/bin/env bash
# The machine of a site loses power at random moments while clients put, delete and upload in parts, and starts again with the same disk:
# what was answered is there and whole, what was deleted stays so. The machine is a small Linux in qemu, without KVM. The site's folder
# is an ext4 on a disk with a volatile write cache (volatile_disk.py): a cut loses the machine's memory, and of what the disk was not
# told to flush some or all. Usage: storage_power.sh BARRIO [--without-sync]
#   --without-sync: storage's syncs do nothing, and a cut has to be found out. This shows that the test can fail.
# Exits 77 (skipped) where qemu, a kernel, a static busybox or boto3 is missing. BARRIO_KERNEL: a folder that a kernel's package was
# unpacked in (it has boot/vmlinuz-* and lib/modules); else the kernel that is installed.
set -uo pipefail
barrio=$1
mode=${2:-}
skip() { echo "skipped: $*"; exit 77; }
command -v qemu-system-x86_64 >/dev/null || skip "no qemu (apt-get install qemu-system-x86)"
/usr/bin/python3 -c 'import boto3' 2>/dev/null || skip "no boto3 (apt-get install python3-boto3)"
busybox=$(command -v busybox) || skip "no busybox (apt-get install busybox-static)"
! ldd "$busybox" >/dev/null 2>&1 || skip "busybox is not static (apt-get install busybox-static)"
mke2fs=$(PATH=$PATH:/sbin:/usr/sbin command -v mke2fs) || skip "no mke2fs (apt-get install e2fsprogs)"
for kernel in $(printf '%s\n' "${BARRIO_KERNEL:-}"/boot/vmlinuz-* | sort -rV); do
  modules=${BARRIO_KERNEL:-}/lib/modules/${kernel##*/vmlinuz-}
  [ -r "$kernel" ] && [ -d "$modules/kernel" ] && break
  kernel=
done
[ -n "$kernel" ] || skip "no kernel (apt-get install linux-image-cloud-amd64, or unpack it somewhere and set BARRIO_KERNEL)"

home=$(mktemp -d /tmp/barrio-power-XXXXXX)
control_pid= machine_pid= disk_pid= load_pid=
finish() {
  for pid in $load_pid $machine_pid $disk_pid $control_pid; do kill -9 "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
  rm -rf "$home"
}
trap finish EXIT
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

lost() {
  [ "$mode" = --without-sync ] || give_up "$*"
  echo "found out, as it has to be without syncs: $*"
  tail -n 6 "$home/bio1.log"
  exit 0
}

# make_disk FILE SIZE [OPTION...]: an ext4
make_disk() {
  truncate -s "$2" "$1"
  "$mke2fs" -q -t ext4 "${@:3}" "$1" || give_up "no disk"
}

# The program with the libraries it was linked with, on a disk that the machine only reads.
build_system_disk() {
  mkdir -p "$home/system/lib"
  ldd "$barrio" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p' | xargs -r cp -Lt "$home/system/lib"
  cp -L "$(ldd "$barrio" | sed -n 's/^\t\(\/[^ ]*ld-linux[^ ]*\) .*/\1/p')" "$home/system/loader"
  cp "$barrio" "$home/system/barrio"
  [ "$mode" != --without-sync ] || build_no_sync "$home/system/lib/no_sync.so"
  make_disk "$home/system.img" 1G -O ^has_journal -d "$home/system"
  rm -rf "$home/system"
}
# Syncs in storage's folder return at once; the site's own files are synced, so that it starts and serves what is left.
build_no_sync() {
  c++ -x c -shared -fPIC -D_GNU_SOURCE -o "$1" - <<'C' || give_up "no compiler"
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
static int of_storage(int file) {
  char link[64], path[4096] = "";
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  return readlink(link, path, sizeof path - 1) > 0 && (strstr(path, "/storage/journal") || strstr(path, "/storage/objects"));
}
int fsync(int file) { return of_storage(file) ? 0 : (int)syscall(SYS_fsync, file); }
int fdatasync(int file) { return of_storage(file) ? 0 : (int)syscall(SYS_fdatasync, file); }
C
}

# What the kernel starts from: busybox, the drivers that are not in the kernel itself, the site's configuration, and init.
drivers=(virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk failover net_failover virtio_net
  crc16 mbcache jbd2 crc32c_generic ext4)
build_initramfs() {
  local root=$home/root driver file
  mkdir -p "$root/bin" "$root/drivers" "$root$home"
  cp "$busybox" "$root/bin/busybox"
  for driver in "${drivers[@]}"; do
    file=$(find "$modules/kernel" -name "$driver.ko*" | head -1)
    case $file in
      *.xz) xz -dc "$file" >"$root/drivers/$driver.ko" ;;
      *.zst) zstd -qdc "$file" >"$root/drivers/$driver.ko" ;;
      ?*) cp "$file" "$root/drivers/$driver.ko" ;;
    esac
  done
  cp "$home/bio1.yaml" "$home/core.yaml" "$home/bio1.key" "$root$home"
  cat >"$root/init" <<INIT
#!/bin/busybox sh
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /tmp /system $home/bio1
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
for driver in ${drivers[*]}; do
  [ ! -f /drivers/\$driver.ko ] || insmod /drivers/\$driver.ko
done
mount -t ext4 -o ro /dev/vda /system
mount -t ext4 /dev/vdb $home/bio1 || reboot -f
ip link set lo up
ip link set eth0 up
ip address add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
/system/loader --library-path /system/lib ${mode:+--preload /system/lib/no_sync.so} /system/barrio site serve --config $home/bio1.yaml
echo "the site ended: \$?"
reboot -f
INIT
  chmod +x "$root/init"
  (cd "$root" && find . | "$busybox" cpio -o -H newc -R 0:0) >"$home/initramfs" 2>/dev/null || give_up "no initramfs"
}

# cache=none: qemu keeps nothing of the disk in the host's memory, and says that the disk has a write cache, so that the machine flushes it
# where a sync asks for that. (directsync would flush after every write, and hide a sync that is missing.) The machine stops with the disk.
boot() {
  /usr/bin/python3 "$(dirname "$0")/volatile_disk.py" "$home/site.img" "$home/disk.socket" >>"$home/cuts" 2>&1 &
  disk_pid=$!
  disk_is_there() { [ -S "$home/disk.socket" ]; }
  wait_for 20 "the disk" disk_is_there
  : >"$home/bio1.log"
  qemu-system-x86_64 -accel tcg -machine q35 -cpu max -m 768 -nodefaults -no-user-config -display none -no-reboot \
    -kernel "$kernel" -initrd "$home/initramfs" -append "console=ttyS0 quiet panic=-1 mitigations=off" -serial "file:$home/bio1.log" \
    -drive "file=$home/system.img,format=raw,if=virtio,readonly=on" \
    -drive "file=nbd+unix:///?socket=$home/disk.socket,format=raw,if=virtio,cache=none,werror=stop,rerror=stop" \
    -netdev "user,id=net,hostfwd=tcp:127.0.0.1:$s3_port-:7480" -device virtio-net-pci,netdev=net,romfile= >"$home/qemu.log" 2>&1 &
  machine_pid=$!
  serves_or_is_gone() { grep -q '"serving"' "$home/bio1.log" || gone "$machine_pid"; }
  wait_for 120 "the site in the machine" serves_or_is_gone
  ! gone "$machine_pid"
}
cut_power() {
  kill "$disk_pid"
  wait "$disk_pid"
  touch "$home/away"
  kill -9 "$machine_pid"
  wait "$machine_pid" 2>/dev/null
  machine_pid= disk_pid=
}

control_file 127.0.0.1:0 bio1
serve control control
control_pid=$started_pid
control=$address
s3_port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
(umask 077; openssl rand -hex 32 >"$home/bio1.key")
# 10.0.2.2: the host's loopback, as qemu's network shows it
site_file bio1 "10.0.2.2:${control##*:}" 127.0.0.1:0 "storage: {listen: '0.0.0.0:7480', key_file: $home/bio1.key}"
build_system_disk
build_initramfs
make_disk "$home/site.img" 2G
boot || give_up "the site did not start"
load_storage "$control" "127.0.0.1:$s3_port"
sleep 3
cuts=5
[ "$mode" != --without-sync ] || cuts=1
for cut in $(seq "$cuts"); do
  sleep "$((3 + RANDOM % 5)).$((RANDOM % 10))$((RANDOM % 10))"
  cut_power
  echo "cut $cut: $(tail -n 1 "$home/cuts")"
  boot || lost "the site did not start again"
  touch "$home/back"
  all_read_back() { [ ! -e "$home/away" ] || gone "$load_pid"; }
  wait_for 120 "the objects" all_read_back
done
sleep 3
end_load
case $? in
  0) [ "$mode" != --without-sync ] || give_up "no loss was found without syncs" ;;
  1) lost "objects were lost or torn" ;;
  *) give_up "too little was done to mean anything" ;;
esac
