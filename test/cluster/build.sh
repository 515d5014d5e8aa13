#!/bin/sh
# Builds the scheduler and the dfdaemon of the test cluster from Go's and crates' registries. What is built already stays.
# Usage: build.sh [DIRECTORY], by default d7y-mount-test/cluster in the user's cache directory. Prints where the binaries are.
set -eu

scheduler_version=v2.5.1
dfdaemon_version=1.5.10
directory=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/d7y-mount-test/cluster}
mkdir -p "$directory/bin"
directory=$(cd "$directory" && pwd)

lacking=
for tool in go cargo protoc cmake g++ pkg-config; do
  command -v "$tool" > /dev/null || lacking="$lacking $tool"
done
ls /usr/lib/llvm-*/lib/libclang*.so* > /dev/null 2>&1 || lacking="$lacking libclang"
if [ -n "$lacking" ]; then
  echo "build.sh: missing:$lacking" >&2
  echo 'Go from 1.25, Rust from 1.88. The others, for root:' >&2
  echo '  apt-get install -y protobuf-compiler libprotobuf-dev cmake g++ pkg-config libclang-dev' >&2
  exit 69
fi

# One build at a time: cargo's directory is shared.
exec 9> "$directory/lock"
flock 9

if [ ! -x "$directory/bin/scheduler-$scheduler_version" ]; then
  # Not `go install`, which looks for newer versions as well, and does not use the checksums that the module brings:
  # not every proxy has the list of versions, and the checksum of each dependency.
  module=$directory/scheduler-module
  source=$(cd / && go mod download -json "d7y.io/dragonfly/v2@$scheduler_version" | sed -n 's/^.*"Dir": "\(.*\)".*/\1/p')
  rm -rf "$module"
  cp -r "$source" "$module"
  chmod -R u+w "$module"
  (cd "$module" && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$directory/bin/scheduler-$scheduler_version" ./cmd/scheduler)
  rm -rf "$module"
fi

if [ ! -x "$directory/bin/dfdaemon-$dfdaemon_version" ]; then
  # The crate's own release profile optimises for hours. console-subscriber needs tokio_unstable.
  RUSTFLAGS='--cfg tokio_unstable' \
    CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_DEBUG=false \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_STRIP=symbols \
    CARGO_TARGET_DIR="$directory/target" \
    cargo install dragonfly-client --version "$dfdaemon_version" --locked --bin dfdaemon --bin dfget \
    --root "$directory/cargo" --no-track --force
  mv "$directory/cargo/bin/dfget" "$directory/bin/dfget-$dfdaemon_version"
  mv "$directory/cargo/bin/dfdaemon" "$directory/bin/dfdaemon-$dfdaemon_version"
  rm -rf "$directory/target"
fi

ln -sf "scheduler-$scheduler_version" "$directory/bin/scheduler"
ln -sf "dfget-$dfdaemon_version" "$directory/bin/dfget"
ln -sf "dfdaemon-$dfdaemon_version" "$directory/bin/dfdaemon"
echo "D7Y_MOUNT_SCHEDULER=$directory/bin/scheduler"
echo "D7Y_MOUNT_DFDAEMON=$directory/bin/dfdaemon"
