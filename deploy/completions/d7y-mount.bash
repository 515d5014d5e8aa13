# Made of the command line by `npm run docs`.
_d7y_mount() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command='' next options='' values='' words='' index
  for ((index = 1; index < COMP_CWORD; index += 1)); do
    next="${command:+$command }${COMP_WORDS[index]}"
    case $next in 'unmount' | 'list' | 'status' | 'stats' | 'reload' | 'restart' | 'log-level' | 'warm' | 'pin' | 'unpin' | 'evict' | 'forget' | 'doctor' | 'plugin' | 'config check' | 'config show' | 'config path' | 'path' | 'url' | 'config') command=$next ;; esac
  done
  case $command in
    '')
      options='-f --foreground --no-supervise --config --root --transport --no-passthrough --allow-other --no-exec --uid --gid --umask -o --memory --cache-dir --cache-size --metadata-ttl --negative-ttl --stale-if-error --offline --timeout --retries --io-threads --header --allow-address --p2p-proxy --p2p-mode --plugin-dir --plugin-option --plugin-override --plugin-memory --metrics-listen --show-control --log-file --log-level -V --version'
      values='directory'
      words='unmount list status stats reload restart log-level warm pin unpin evict forget doctor plugin config path url'
      ;;
    'unmount')
      options='-l --lazy'
      values='mountpoint'
      words=''
      ;;
    'list')
      options='--json'
      values=''
      words=''
      ;;
    'status')
      options='--json --live --ready'
      values='mountpoint'
      words=''
      ;;
    'stats')
      options='--json -i --interval -n --count --by'
      values='mountpoint'
      words=''
      ;;
    'reload')
      options='--json'
      values='mountpoint'
      words=''
      ;;
    'restart')
      options='--json'
      values='mountpoint'
      words=''
      ;;
    'log-level')
      options='--json'
      values='mountpoint'
      words=''
      ;;
    'warm')
      options='--json -f --file -j --jobs -r --recursive --check --pin --background --stop --mountpoint'
      values='file'
      words=''
      ;;
    'pin')
      options='--json -r --recursive --mountpoint'
      values='file'
      words=''
      ;;
    'unpin')
      options='--json -r --recursive --mountpoint'
      values='file'
      words=''
      ;;
    'evict')
      options='--json --force --mountpoint'
      values='file'
      words=''
      ;;
    'forget')
      options='--json --mountpoint'
      values='file'
      words=''
      ;;
    'doctor')
      options='--json -v --verbose --bundle'
      values=''
      words=''
      ;;
    'plugin')
      options='--json --strict'
      values=''
      words=''
      ;;
    'config check')
      options='--json'
      values='file'
      words=''
      ;;
    'config show')
      options='--origin --json'
      values=''
      words=''
      ;;
    'config path')
      options='--json'
      values=''
      words=''
      ;;
    'path')
      options=''
      values='directory'
      words=''
      ;;
    'url')
      options=''
      values='file'
      words=''
      ;;
    'config') words='check show path' ;;
  esac
  COMPREPLY=()
  case $previous in
    --config) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    --root) return ;;
    --transport) mapfile -t COMPREPLY < <(compgen -W 'auto dev-fuse fuse-native' -- "$current"); return ;;
    --uid) return ;;
    --gid) return ;;
    --umask) return ;;
    -o) return ;;
    --memory) return ;;
    --cache-dir) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    --cache-size) return ;;
    --metadata-ttl) return ;;
    --negative-ttl) return ;;
    --stale-if-error) return ;;
    --timeout) return ;;
    --retries) return ;;
    --io-threads) return ;;
    --header) return ;;
    --allow-address) return ;;
    --p2p-proxy) return ;;
    --p2p-mode) mapfile -t COMPREPLY < <(compgen -W 'stream ranges' -- "$current"); return ;;
    --plugin-dir) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    --plugin-option) return ;;
    --plugin-override) return ;;
    --plugin-memory) return ;;
    --metrics-listen) return ;;
    --log-file) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    --log-level) mapfile -t COMPREPLY < <(compgen -W 'fatal error warn info debug trace' -- "$current"); return ;;
    -i | --interval) return ;;
    -n | --count) return ;;
    --by) mapfile -t COMPREPLY < <(compgen -W 'pid uid path' -- "$current"); return ;;
    -f | --file) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    -j | --jobs) return ;;
    --stop) return ;;
    --mountpoint) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    --bundle) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
  esac
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    return
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  case " $values " in
    *' mountpoint '*) mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W "$(sed -n 's/^[^ ]* \([^ ]*\) fuse\.d7y .*/\1/p' /proc/self/mounts)" -- "$current") ;;
    *' directory '*) mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -d -- "$current") ;;
    *' file '*) mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$current") ;;
  esac
}
complete -o filenames -F _d7y_mount d7y-mount
