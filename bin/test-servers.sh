#!/bin/sh
# Runs the sources against stronger servers than `npm test` has, and our servers against the vendors' own clients.
# They are installed once, into the user's cache; what cannot be installed is skipped, and the reason is printed.
set -eu
cd "$(dirname "$0")/.."
sh bin/setup.sh test
tools=${D7Y_TEST_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/d7y-mount-test-tools}
mkdir -p "$tools"
D7Y_TEST_TOOLS=$(cd "$tools" && pwd)
export D7Y_TEST_TOOLS
PATH=$PATH:/usr/local/go/bin

# What belongs to a name is installed anew when its stamp changes. In the background: all of them at once.
install() { # NAME STAMP COMMAND…
  name=$1 stamp=$2
  shift 2
  directory=$D7Y_TEST_TOOLS/$name
  [ "$(cat "$directory/.stamp" 2>/dev/null)" = "$stamp" ] && return
  rm -rf "$directory" "$directory.missing"
  mkdir -p "$directory"
  if "$@" "$directory" >"$directory.log" 2>&1; then
    echo "$stamp" >"$directory/.stamp"
  else
    rm -rf "$directory"
    grep -v '^$' "$directory.log" | tail -n 1 >"$directory.missing"
    echo "test:servers: no $name, so its tests are skipped: $(cat "$directory.missing")" >&2
  fi
}

needs() { # COMMAND
  command -v "$1" >/dev/null 2>&1 || {
    echo "there is no $1"
    return 1
  }
}

install_python() { # DIRECTORY
  needs python3 || return
  python3 -m venv "$1" || return
  "$1/bin/pip" --disable-pip-version-check install -q -r test/servers/requirements.txt
}

install_go() { # PACKAGE DIRECTORY
  needs go || return
  GOBIN=$2 go install "$1"
}

install_azurite() { # DIRECTORY
  cp test/servers/azurite/*.json "$1" || return
  npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund
}

versitygw=github.com/versity/versitygw/cmd/versitygw@v1.8.0
oras=oras.land/oras/cmd/oras@v1.3.0
install python "$(python3 --version 2>&1) $(cksum <test/servers/requirements.txt)" install_python &
install azurite "$(cksum <test/servers/azurite/package-lock.json)" install_azurite &
(
  install oras "$oras" install_go "$oras"
  install versitygw "$versitygw" install_go "$versitygw"
) &
wait

npx --no-install ava --config ava.servers.config.js "$@"
