#!/bin/sh
# Sets up everything that is missing, and mounts: npm start [-- DIR OPTIONS]
set -eu
cd "$(dirname "$0")/.."
sh bin/setup.sh run
case "${1:-}" in
  --) ;;
  '' | -*) set -- /mnt/d7y "$@" ;;
esac
exec node dist/bundle/d7y-mount.js "$@"
