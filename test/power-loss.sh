#!/bin/sh
# Cuts the power of the disk under a mount's cache while files are read, and reads what is left with --offline.
# As root, after `npm run build`: sh test/power-loss.sh [rounds]. Needs nginx, e2fsprogs, python3, loop devices.
set -eu
rounds=${1:-5}
program="$(cd "$(dirname "$0")/.." && pwd)/dist/bundle/d7y-mount.js"
work=$(mktemp -d)
disk=$work/disk mnt=$work/mnt origin=$work/origin
mkdir "$disk" "$mnt" "$origin"

cleanup() {
  umount -l "$mnt" 2>/dev/null || true
  umount -l "$disk" 2>/dev/null || true
  [ ! -f "$work/nginx.pid" ] || kill "$(cat "$work/nginx.pid")" || true
  rm -rf "$work"
}
trap cleanup EXIT

truncate -s 1G "$work/image"
mkfs.ext4 -q -F "$work/image"
mount -o loop "$work/image" "$disk"
for file in 1 2 3 4; do head -c 60000000 /dev/urandom > "$origin/$file.bin"; done
mkdir "$origin/small"
for file in $(seq 200); do head -c 5000 /dev/urandom > "$origin/small/$file.bin"; done
chmod -R a+rX "$work"
port=$((20000 + $$ % 20000))
cat > "$work/nginx.conf" <<CONF
pid $work/nginx.pid; error_log $work/nginx.log; events {}
http { access_log off; server { listen 127.0.0.1:$port; root $origin; } }
CONF
nginx -c "$work/nginx.conf"

start() {
  node "$program" "$mnt" --foreground --cache-dir "$disk/cache" --log-file "$work/log" "$@" > /dev/null &
  pid=$!
  until mountpoint -q "$mnt"; do kill -0 "$pid" && sleep 0.1; done
}
urls() { (cd "$origin" && find . -name '*.bin' | sed 's/^..//'); }

for round in $(seq "$rounds"); do
  umount "$disk" && mount -o loop "$work/image" "$disk" && rm -rf "$disk/cache"
  start
  seconds=$((4 + round * 3 % 11))
  (urls | sort -R | while read -r name; do cat "$mnt/http/127.0.0.1:$port/$name" > /dev/null; sleep 0.05; done) 2>/dev/null &
  reader=$!
  sleep "$seconds"
  python3 -c "import fcntl, os, struct; fcntl.ioctl(os.open('$disk', 0), 0x8004587D, struct.pack('I', 2))"
  kill -9 "$pid"
  umount -l "$mnt"
  wait "$reader" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  umount "$disk"
  e2fsck -fp "$work/image" > /dev/null || [ $? -le 1 ]
  mount -o loop "$work/image" "$disk"
  start --offline
  ORIGIN="$origin" MOUNT="$mnt/http/127.0.0.1:$port" SECONDS_READ="$seconds" python3 - <<'PYTHON'
import os
blocks = right = files = 0
origin, mount = os.environ['ORIGIN'], os.environ['MOUNT']
for folder, _, names in os.walk(origin):
    for name in names:
        path = os.path.join(folder, name)
        expected = open(path, 'rb').read()
        copy = os.path.join(mount, os.path.relpath(path, origin))
        count = 0
        try:
            fd = os.open(copy, os.O_RDONLY)
        except OSError:
            fd = None
        for at in range(0, len(expected), 32768):
            blocks += 1
            if fd is None:
                continue
            try:
                found = os.pread(fd, 32768, at)
            except OSError:
                continue
            if found != expected[at:at + 32768]:
                raise SystemExit(f'WRONG BYTES: {copy} at {at}')
            count += 1
        right += count
        files += count > 0
        if fd is not None:
            os.close(fd)
print(f'power lost after {os.environ["SECONDS_READ"]} s: {right} of {blocks} blocks, of {files} files, are there, and right')
PYTHON
  node "$program" unmount "$mnt" > /dev/null
  wait "$pid"
done
