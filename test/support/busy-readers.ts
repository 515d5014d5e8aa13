/** Programs that read a mount in many ways until they are ended, and compare all that they get with the files themselves. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

import type { ExecutionContext } from 'ava';

/**
 * `big` and `small-…` are in both directories. Each reader is a process; it prints its way, how often it was through, the
 * longest time that one step took, and what was wrong.
 */
const READERS = `
import ctypes, json, mmap, os, random, signal, subprocess, sys, time
mount, files, scratch, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
names = sorted(os.listdir(files))
small = [name for name in names if name.startswith('small-')]
sizes = {name: os.path.getsize(f'{files}/{name}') for name in names}
content = {name: open(f'{files}/{name}', 'rb').read() for name in names}
big = content['big']
stop = False

def wrong(what):
    raise AssertionError(what)

def drop(fd):
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)

def sequential(step):
    fd = os.open(f'{mount}/big', os.O_RDONLY)
    at = 0
    while not stop:
        data = step(lambda: os.read(fd, 131072))
        if data != big[at:at + len(data)]: wrong(f'sequential at {at}')
        if not data:
            if at != len(big): wrong(f'ended at {at}')
            break
        at += len(data)
    drop(fd)
    os.close(fd)

kept = None
def pread(step):
    global kept
    if kept is None: kept = os.open(f'{mount}/big', os.O_RDONLY)
    at = random.randrange(len(big) - 65536)
    data = step(lambda: os.pread(kept, 65536, at))
    if data != big[at:at + 65536]: wrong(f'pread at {at}')
    if os.fstat(kept).st_size != len(big): wrong('fstat')
    drop(kept)

def openclose(step):
    name = random.choice(small)
    def one():
        with open(f'{mount}/{name}', 'rb') as file: return file.read()
    if step(one) != content[name]: wrong(name)

inodes = {}
def listing(step):
    entries = step(lambda: [(entry.name, entry.stat()) for entry in os.scandir(mount)])
    found = {name: stat.st_size for name, stat in entries}
    if found != sizes: wrong(f'listing: {sorted(set(found) ^ set(sizes))[:3]}')
    for name, stat in entries:
        if inodes.setdefault(name, stat.st_ino) != stat.st_ino: wrong(f'inode of {name}')

def ls(step):
    out = step(lambda: subprocess.run(['ls', '-l', mount], capture_output=True, text=True))
    if stop: return
    if out.returncode != 0 or len(out.stdout.splitlines()) != len(names) + 1: wrong(f'ls: {out.stderr}')

libc = ctypes.CDLL(None, use_errno=True)
mapped = None
def mapping(step):
    global mapped
    if mapped is None:
        fd = os.open(f'{mount}/big', os.O_RDONLY)
        mapped = (fd, mmap.mmap(fd, 0, prot=mmap.PROT_READ))
    fd, memory = mapped
    at = random.randrange(len(big) // 4096 - 16) * 4096
    if step(lambda: memory[at:at + 65536]) != big[at:at + 65536]: wrong(f'mmap at {at}')
    memory.madvise(mmap.MADV_DONTNEED)
    drop(fd)

def copying(step):
    target = f'{scratch}/copy-{os.getpid()}'
    out = step(lambda: subprocess.run(['cp', f'{mount}/big', target], capture_output=True, text=True))
    if stop: return
    if out.returncode != 0: wrong(f'cp: {out.stderr}')
    if open(target, 'rb').read() != big: wrong('cp')

ways = [sequential, pread, openclose, listing, ls, mapping, copying]

def run(way):
    rounds, longest = 0, 0
    def step(work):
        nonlocal longest
        began = time.monotonic()
        result = work()
        longest = max(longest, time.monotonic() - began)
        return result
    error = None
    try:
        while not stop:
            way(step)
            rounds += 1
    except InterruptedError as failure:
        # The signal that ends it; os.scandir does not try again.
        if not stop: error = f'InterruptedError: {failure}'
    except BaseException as failure:
        error = f'{type(failure).__name__}: {failure}'
    return {'way': way.__name__, 'rounds': rounds, 'longestMs': round(longest * 1000), 'error': error}

def end(*_):
    global stop
    stop = True

signal.signal(signal.SIGTERM, end)
children = []
for i in range(count):
    pid = os.fork()
    if pid == 0:
        random.seed(i)
        os.write(1, (json.dumps(run(ways[i % len(ways)])) + chr(10)).encode())
        os._exit(0)
    children.append(pid)
def pass_on(*_):
    for pid in children:
        try: os.kill(pid, signal.SIGTERM)
        except ProcessLookupError: pass
signal.signal(signal.SIGTERM, pass_on)
for pid in children:
    os.waitpid(pid, 0)
`;

export interface ReaderReport {
  readonly way: string;
  readonly rounds: number;
  readonly longestMs: number;
  readonly error: string | null;
}

/** Starts so many; returns what ends them, and resolves to their reports. */
export function startReaders(
  t: Pick<ExecutionContext, 'teardown'>,
  {
    mount,
    files,
    scratch,
    count,
  }: Readonly<Record<'mount' | 'files' | 'scratch', string>> & { count: number },
  prefix: readonly string[] = [],
): () => Promise<ReaderReport[]> {
  const command = [...prefix, 'python3', '-c', READERS, mount, files, scratch, String(count)];
  const child = spawn(command[0] ?? '', command.slice(1), {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  t.teardown(() => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // They have ended.
    }
  });
  const printed = text(child.stdout);
  const ended = once(child, 'exit');
  return async () => {
    // Under nsenter(1) it is not the child itself.
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
    await ended;
    return (await printed)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as ReaderReport);
  };
}
