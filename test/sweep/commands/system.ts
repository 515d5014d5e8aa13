import { commands, listingCommands, type SweepCommand } from '../sweep-command.js';

/** What works with mounts and devices; each in a mount namespace of its own. */
export const SYSTEM: readonly SweepCommand[] = [
  ...commands('losetup', [
    'device=$(losetup -r -f --show "$D/disk.img") && head -c 1024 "$device" | cksum; code=$?; [ -z "$device" ] || losetup -d "$device"; exit $code',
    'device=$(losetup -r -f --show "$D/image") && head -c 1024 "$device" | cksum; code=$?; [ -z "$device" ] || losetup -d "$device"; exit $code',
    'losetup -r -f "$D/missing"',
    'losetup -r -f "$D/missing.img"',
  ]),
  ...commands('unshare mount', [
    'touch at; unshare -m sh -c \'mount --bind "$D/plain" at && cat at\'',
    'touch at; unshare -m sh -c \'mount --bind "$D/file.txt" at && cat at\'',
    'mkdir at; unshare -m sh -c \'mount --bind "$D/dir" at && cat at/inner.txt\'',
    'mkdir at; unshare -m sh -c \'mount --bind "$D" at && cat at/plain at/dir/inner.txt\'',
    'touch at; unshare -m sh -c \'mount --bind "$D/missing" at\'',
    'touch at; unshare -m sh -c \'mount --bind "$D/missing.txt" at\'',
    'mkdir at up work; unshare -m sh -c \'mount -t overlay overlay -o "lowerdir=$D,upperdir=$PWD/up,workdir=$PWD/work" at && cat at/plain at/file.txt\'',
    'mkdir at up work; unshare -m sh -c \'mount -t overlay overlay -o "lowerdir=$D,upperdir=$PWD/up,workdir=$PWD/work" at && echo new > at/plain && cat at/plain && cat "$D/plain"\'',
    'mkdir at up work; unshare -m sh -c \'mount -t overlay overlay -o "lowerdir=$D,upperdir=$PWD/up,workdir=$PWD/work" at && echo new > at/missing && cat at/missing\'',
    'mkdir at up work; unshare -m sh -c \'mount -t overlay overlay -o "lowerdir=$D,upperdir=$PWD/up,workdir=$PWD/work" at && cat at/missing\'',
    'mkdir at up work; unshare -m sh -c \'mount -t overlay overlay -o "lowerdir=$D,upperdir=$PWD/up,workdir=$PWD/work" at && mkdir at/missing && ls at/missing\'',
    'mkdir at; unshare -m sh -c \'mount -o ro,loop "$D/disk.img" at && ls at && umount at\'',
    'unshare -m sh -c \'mount --bind "$D/plain" "$D/file.txt" && cat "$D/file.txt"\'',
    'unshare -m sh -c \'mount -t tmpfs none "$D/dir" && echo x > "$D/dir/x" && cat "$D/dir/x"\'',
    'unshare -m sh -c \'mount -t tmpfs none "$D/missing"\'',
  ]),
  ...listingCommands('unshare mount', [
    'mkdir at up work; unshare -m sh -c \'mount -t overlay overlay -o "lowerdir=$D,upperdir=$PWD/up,workdir=$PWD/work" at && ls at at/dir && rm at/plain && ls at\'',
    'mkdir at up work; unshare -m sh -c \'mount -t overlay overlay -o "lowerdir=$D,upperdir=$PWD/up,workdir=$PWD/work" at && sed -i s/beta/BETA/ at/plain && cat at/plain\'',
    'mkdir at below; touch below/more; unshare -m sh -c \'mount -t overlay overlay -o "lowerdir=$D/dir:$PWD/below" at && ls at && cat at/inner.txt\'',
  ]),
  ...commands('bwrap', [
    'bwrap --dev-bind / / --ro-bind "$D/plain" "$PWD/at" cat "$PWD/at"',
    'bwrap --dev-bind / / --ro-bind "$D/file.txt" "$PWD/at" cat "$PWD/at"',
    'bwrap --dev-bind / / --ro-bind "$D/dir" "$PWD/at" cat "$PWD/at/inner.txt"',
    'bwrap --dev-bind / / --ro-bind "$D/missing" "$PWD/at" true',
    'bwrap --dev-bind / / --ro-bind-try "$D/missing" "$PWD/at" true',
    'bwrap --dev-bind / / --chdir "$D/dir" cat inner.txt',
  ]),
  ...commands('unshare', [
    'unshare -pf --mount-proc cat "$D/plain"',
    'unshare -pf --mount-proc sh -c \'[ -r "$D/plain" ] && cat "$D/plain"; [ -e "$D/missing" ]\'',
  ]),
];
