#!/bin/sh
# Sets up what is missing, for `run`, `test` or `servers` (test, and what some tests of servers do without): system packages,
# node modules, the build.
# Silent, quick and without network when nothing is missing. Run from the project's root.
set -eu
purpose=${1:-run}
optional=''
if [ "$purpose" = servers ]; then purpose=test optional=1; fi

fail() {
  echo "setup: $*" >&2
  exit 1
}

# What must not stay behind, however this ends.
temporary=''
log=''
guard=''
clean_up() {
  [ -z "$temporary" ] || rm -rf "$temporary"
  [ -z "$log" ] || rm -f "$log"
  # shellcheck disable=SC2086 # `sudo`, or nothing
  [ -z "$guard" ] || ${guard_as:-} rm -f "$guard"
  guard=''
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Runs a step; its output is shown only if it fails.
quietly() {
  log=$(mktemp)
  if ! "$@" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    fail "failed: $*"
  fi
  rm -f "$log"
}

get_node='install one from https://nodejs.org/en/download, or, where npm is there, by: npm install -g node@22 (as root)'
command -v node >/dev/null 2>&1 || fail "Node.js 20.19 or newer is needed, and there is no node; $get_node"
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
  fail "Node.js 20.19 or newer is needed, and $(command -v node) is $(node --version) (Debian 12 has no newer one); $get_node"

missing=''
needs() { # COMMAND PACKAGE
  if command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; then return; fi
  case " $missing " in
    *" $2 "*) ;;
    *) missing="$missing $2" ;;
  esac
}
needs_file() { # PATH PACKAGE
  [ -e "$1" ] || missing="$missing $2"
}
has_library() {
  { ldconfig -p 2>/dev/null || /sbin/ldconfig -p; } | grep -q "$1"
}
if [ "$(uname -s)" = Linux ]; then
  [ -e /dev/fuse ] ||
    fail 'there is no /dev/fuse; as root, run: modprobe fuse (container: docker run --device /dev/fuse --cap-add SYS_ADMIN)'
  [ -w /dev/fuse ] || fail "$(id -un) cannot open /dev/fuse; as root, run: chmod 666 /dev/fuse"
  # Root mounts by a system call; an ordinary user through fusermount3. The tests run on both transports.
  [ "$(id -u)" = 0 ] || needs fusermount3 fuse3
  if [ "$purpose" = test ]; then
    has_library 'libfuse\.so\.2' || missing="$missing libfuse2"
    needs fusermount fuse3
    needs nginx nginx
    needs apache2 apache2-bin
    needs_file /usr/lib/nginx/modules/ngx_http_dav_ext_module.so libnginx-mod-http-dav-ext
    needs lighttpd lighttpd
    needs_file /usr/lib/lighttpd/mod_webdav.so lighttpd-mod-webdav
    needs docker-registry docker-registry
    needs htpasswd apache2-utils
    needs openssl openssl
    needs sshd openssh-server
    needs ssh-keygen openssh-client
    needs python3 python3
    needs vsftpd vsftpd
    # The tests run the system's Python, which has Debian's packages.
    /usr/bin/python3 -c 'import pyftpdlib' 2>/dev/null || missing="$missing python3-pyftpdlib"
    needs sqlite3 sqlite3
    needs git git
    needs unzip unzip
    needs rsync rsync
    needs getfattr attr
    needs pgrep procps
    needs fincore util-linux-extra
    [ "$(id -u)" != 0 ] || needs mkfs.ext4 e2fsprogs
  fi
fi

guard_services() {
  # Installed for tests, not to serve: no service is started.
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    guard_as=$1
    guard=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' | $1 tee "$guard" >/dev/null
    $1 chmod +x "$guard"
  fi
}
install_packages() {
  guard_services "$1"
  quietly $1 apt-get update
  # Newer releases have libfuse 2 under another name.
  packages=''
  for package in $missing; do
    if [ "$package" = libfuse2 ] && apt-cache show libfuse2t64 >/dev/null 2>&1; then package=libfuse2t64; fi
    packages="$packages $package"
  done
  # shellcheck disable=SC2086 # a list of words
  quietly $1 env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages
  # Nor at the next boot.
  for package in $packages; do $1 systemctl disable "$package" >/dev/null 2>&1 || :; done
  clean_up
}
if [ -n "$missing" ]; then
  command -v apt-get >/dev/null 2>&1 || fail "missing:$missing; install them with your system's package manager"
  if [ "$(id -u)" = 0 ]; then
    as_root=''
  elif sudo -n true 2>/dev/null; then
    as_root=sudo
  else
    fail "packages are missing; as root, run: apt-get update && apt-get install -y --no-install-recommends$missing"
  fi
  echo "setup: installing$missing" >&2
  install_packages "$as_root"
fi

# Prometheus, Caddy and a browser: large, and not to be had everywhere. Their tests are skipped without them.
install_optional() { # COMMAND PACKAGE
  if command -v "$1" >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then return; fi
  if [ "$(id -u)" = 0 ]; then as_root=''; elif sudo -n true 2>/dev/null; then as_root=sudo; else return; fi
  echo "setup: installing $2, if it can be had" >&2
  guard_services "$as_root"
  # shellcheck disable=SC2086 # `sudo`, or nothing
  {
    $as_root apt-get update && $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$2"
  } >/dev/null 2>&1 || echo "setup: there is no $2, so its tests are skipped" >&2
  clean_up
}
if [ -n "$optional" ] && [ "$(uname -s)" = Linux ]; then
  install_optional prometheus prometheus
  install_optional caddy caddy
  install_optional chromium chromium
fi

# `npm start` needs no development packages, unless it has to build; then they lie in a directory that goes again.
stamp=node_modules/.d7y-lock
lock=$(cksum <package-lock.json)
has_modules() { # all|production
  case "$1 $(cat "$stamp" 2>/dev/null)" in
    "all $lock" | "production $lock" | "production $lock production") ;;
    *) return 1 ;;
  esac
}
sources='bin src test bench tsconfig.json package-lock.json'
is_built() {
  # shellcheck disable=SC2086 # a list of words
  [ -f dist/.built ] && [ -z "$(find $sources -newer dist/.built 2>/dev/null | head -n 1)" ]
}

# Through a link, npm ci empties the modules of another checkout.
install_modules() {
  [ ! -L node_modules ] || fail "node_modules is a link to $(readlink node_modules), and lacks something; remove the link"
  quietly npm ci "$@" --no-audit --no-fund
}

# Who has installed development packages by hand keeps them.
modules=production
if [ "$purpose" = test ] || [ -e node_modules/ava ]; then modules=all; fi
if [ $modules = all ] && ! has_modules all; then
  echo 'setup: npm ci' >&2
  install_modules
  echo "$lock" >"$stamp"
elif ! has_modules production; then
  echo 'setup: npm ci --omit=dev' >&2
  install_modules --omit=dev
  echo "$lock production" >"$stamp"
fi

build_elsewhere() {
  temporary=$(mktemp -d)
  # shellcheck disable=SC2086 # a list of words
  cp -R $sources package.json "$temporary"
  (
    cd "$temporary"
    quietly npm ci --ignore-scripts --no-audit --no-fund
    quietly npm run --silent build
  )
  mv "$temporary/dist" dist
  rm -rf "$temporary"
  temporary=''
}
if ! is_built; then
  echo 'setup: build' >&2
  rm -rf dist
  if has_modules all; then quietly npm run --silent build; else build_elsewhere; fi
  # What `npm link` has linked stays a program.
  chmod +x "$(node -p 'require("./package.json").bin["d7y-mount"]')"
  touch dist/.built
fi
