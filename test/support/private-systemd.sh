#!/bin/sh
# Runs a systemd of its own as root, in namespaces of its own: private-systemd.sh DIRECTORY. It can write to DIRECTORY only, whose
# `units` it has instead of /etc/systemd/system: a unit that pulls in sysinit.target would empty the machine's /tmp
# (systemd-tmpfiles) and set its kernel's parameters.
set -eu
directory=$1
mount --make-rprivate /
# Copies of mounts that stand here would keep them.
awk '$3 ~ /^fuse/ { print $2 }' /proc/self/mounts | while read -r path; do umount -l "$path"; done
mount --bind "$directory" "$directory"
mount -o remount,ro,bind /
mount --bind /proc/sys /proc/sys
mount -o remount,ro,bind /proc/sys
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /dev/shm
mkdir -p /run/lock
mount --bind "$directory/units" /etc/systemd/system
for unit in sysinit.target basic.target; do ln -sf /dev/null "$directory/units/$unit"; done
for path in /tmp /etc /var/tmp /proc/sys/kernel/hostname; do
  if [ -w "$path" ]; then
    echo "$path can be written to" >&2
    exit 1
  fi
done
exec env -i PATH="$PATH" container=private TERM=dumb \
  /lib/systemd/systemd --system --unit=test.target --log-target=console --show-status=no
