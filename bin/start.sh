#!/bin/sh
# Sets up everything that is missing, and mounts: npm start [-- DIR OPTIONS]
set -eu
cd "$(dirname "$0")/.."
sh bin/setup.sh run

# A directory that this user may mount on: fusermount3 requires the right to write to it.
default_mountpoint() {
  if [ "$(id -u)" = 0 ] || [ -O /mnt/d7y ] || [ -w /mnt/d7y ] || { [ ! -e /mnt/d7y ] && [ -w /mnt ]; }; then
    echo /mnt/d7y
  else
    echo "start: $(id -un) cannot mount at /mnt/d7y; mounting at $HOME/d7y" >&2
    echo "$HOME/d7y"
  fi
}
case "${1:-}" in
  --) ;;
  '' | -*) set -- "$(default_mountpoint)" "$@" ;;
esac
exec node dist/bundle/d7y-mount.js "$@"
