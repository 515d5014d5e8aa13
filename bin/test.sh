#!/bin/sh
# Sets up everything that is missing, and runs lint, type check (the build) and all tests.
set -eu
cd "$(dirname "$0")/.."
sh bin/setup.sh test
npm run --silent lint
exec npx --no-install ava "$@"
