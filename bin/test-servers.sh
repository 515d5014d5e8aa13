#!/bin/sh
# Runs the sources against stronger servers than `npm test` has, and our servers against the vendors' own clients.
# They are installed once, into the user's cache; what cannot be installed is skipped, and the reason is printed.
set -eu
cd "$(dirname "$0")/.."
sh bin/setup.sh servers
tools=${D7Y_TEST_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/d7y-mount-test-tools}
mkdir -p "$tools"
D7Y_TEST_TOOLS=$(cd "$tools" && pwd)
export D7Y_TEST_TOOLS
PATH=$PATH:/usr/local/go/bin
# Of two runs, one installs.
if command -v flock >/dev/null 2>&1; then
  exec 9>"$D7Y_TEST_TOOLS/lock"
  flock 9
fi

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
    reason "$directory.log" >"$directory.missing"
    echo "test:servers: no $name, so its tests are skipped: $(cat "$directory.missing")" >&2
  fi
}

# The line that says most.
reason() { # LOG
  grep -i -m 1 error "$1" || tail -n 1 "$1"
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
  "$1/bin/pip" --disable-pip-version-check install -q -r test/servers/requirements.txt || return
  # Whatever the version.
  for library in "$1"/lib/python3.*; do ln -s "${library##*/}" "$1/lib/python3"; done
}

install_go() { # PACKAGE DIRECTORY
  needs go || return
  GOBIN=$2 go install "$1"
}

install_npm() { # NAME DIRECTORY
  cp "test/servers/$1"/*.json "$2" || return
  npm ci --prefix "$2" --ignore-scripts --no-audit --no-fund --loglevel=error
}

install_hadoop() { # DIRECTORY
  { needs javac && needs mvn; } || return
  mvn -B -q -f test/servers/hadoop/pom.xml -Dmaven.repo.local="$1/m2" \
    dependency:copy-dependencies -DoutputDirectory="$1/lib" || return
  rm -rf "$1/m2" test/servers/hadoop/target
  javac -cp "$1/lib/*" -d "$1/classes" test/servers/hadoop/MiniCluster.java
}

# Daemons of FTP exclude each other: this one is unpacked, with the libraries that the system lacks.
install_proftpd() { # DIRECTORY
  needs apt-get && needs dpkg || return
  packages=$(apt-get -qq -s install --no-install-recommends proftpd-core proftpd-mod-crypto | awk '/^Inst /{print $2}')
  case $packages in *proftpd-core*) ;; *) echo 'error: there is no proftpd-core' && return 1 ;; esac
  # shellcheck disable=SC2086 # a list of words
  (cd "$1" && apt-get -qq download $packages && for package in *.deb; do dpkg -x "$package" . || exit 1; done && rm -f ./*.deb)
}

# In the checkout, where their tests look for them.
install_oracles() {
  stamp=test/oracles/node_modules/.d7y-lock
  lock=$(cksum <test/oracles/package-lock.json)
  [ "$(cat "$stamp" 2>/dev/null)" = "$lock" ] && return
  log=$D7Y_TEST_TOOLS/oracles.log
  if npm ci --prefix test/oracles --ignore-scripts --no-audit --no-fund --loglevel=error >"$log" 2>&1; then
    echo "$lock" >"$stamp"
  else
    echo "test:servers: no SDKs of vendors, so their tests are skipped: $(reason "$log")" >&2
  fi
}

versitygw=github.com/versity/versitygw/cmd/versitygw@v1.8.0
oras=oras.land/oras/cmd/oras@v1.3.0
install python "$(python3 --version 2>&1) $(cksum <test/servers/requirements.txt)" install_python &
install_oracles &
install hadoop "$(cat test/servers/hadoop/* | cksum)" install_hadoop &
for name in azurite node-servers; do
  install "$name" "$(cksum <"test/servers/$name/package-lock.json")" install_npm "$name" &
done
install proftpd 1 install_proftpd &
(
  install oras "$oras" install_go "$oras"
  install versitygw "$versitygw" install_go "$versitygw"
) &
wait
exec 9>&-

npx --no-install ava --config ava.servers.config.js "$@"
