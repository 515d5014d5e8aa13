"""Reads stamped files in many ways until SIGTERM, and compares every byte: reader.py FILE.

What is wrong is printed as a line of JSON, and at the end how much was read. Its current step is in a file, for one that hangs.
"""
import errno, json, mmap, os, random, signal, subprocess, sys, threading, time

settings = json.load(open(sys.argv[1]))
random.seed(settings['seed'])
EPOCH, LIMIT, TTL = settings['epoch'], settings['limitSeconds'], settings['ttlSeconds']
# What a version may be older than its TTL: attributes in the kernel, an answer on its way, an origin that was stopped.
SLACK = 6
ALWAYS = {getattr(errno, name) for name in settings['errors']}
# Of the errors of an open and of a read, by what is wrong with the answers.
ERRORS = {
    'calm': '', 'slow': '', 'closes': '', 'rotten': 'EIO', 'cuts': 'EIO', 'stalls': 'ETIMEDOUT EIO',
    'errors': 'EIO EAGAIN ENOENT ESTALE ETIMEDOUT', 'wrong': 'EIO ESTALE',
}
stop = False


def end(*_):
    global stop
    stop = True


signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, signal.SIG_DFL)
# From now on signals may come.
status = os.open(settings['status'], os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
counts = {'steps': 0, 'bytes': 0, 'errors': 0, 'longest': 0}


class Wrong(Exception):
    pass


class File:
    def __init__(self, name):
        facts = settings['files'][name]
        self.id, self.bytes, self.period = facts['id'], facts['bytes'], facts['periodSeconds']
        self.validator, self.fault = facts['validator'], facts['fault']
        # Else its size may become known, and any part of it be readable, only later.
        self.is_sized = not facts['isChunked']
        has_weak = self.validator in ('weak', 'none')
        changes = bool(self.period) or settings['killsMounts'] and has_weak
        codes = f"{ERRORS[self.fault]} {'ESTALE' if changes else ''} {'' if self.is_sized else 'ESPIPE'}"
        # The length that the first body said is that of an earlier version: the second one ends elsewhere.
        if self.period and self.validator == 'none':
            codes += ' EIO'
        self.errors = ALWAYS | {getattr(errno, code) for code in codes.split()}
        # Without strong validators each lookup may find a new one.
        self.may_be_replaced = bool(self.period) or has_weak

    def size(self, version):
        return self.bytes if not self.period or self.bytes < 1000 else self.bytes + version // 2 % 3 * 1001

    def version_at(self, now):
        return 1 + int((now - EPOCH) // self.period) if self.period else 1


# Word i of 16 KiB of stamps of nothing is i: adding the same to each word makes those of a version and a place.
WORDS = 2048
COUNT = sum(i << 64 * i for i in range(WORDS))
ONES = sum(1 << 64 * i for i in range(WORDS))


def stamped(file, version, start, end):
    first, parts = start // 8, []
    for word in range(first, -(-end // 8), WORDS):
        base = file.id << 48 | (version & 0xFFFF) << 32 | word
        parts.append((COUNT + base * ONES).to_bytes(WORDS * 8, 'little'))
    return b''.join(parts)[start - first * 8:end - first * 8]


class Handle:
    """What is read of one open file is of one version, which was the current one not long before it was opened."""

    def __init__(self, path, file, began):
        self.path, self.file, self.version = path, file, None
        oldest = 1 if settings['isOffline'] or file.fault not in ('calm', 'slow', 'closes') else file.version_at(began - TTL - SLACK)
        self.window = range(max(1, oldest), file.version_at(time.time()) + 1)

    def check(self, at, data, wanted=None):
        place = -at % 8
        if len(data) >= place + 8:
            word = int.from_bytes(data[place:place + 8], 'little')
            version = self.version or word >> 32 & 0xFFFF
            # Without validators the version is that of the first body, which may come later.
            if self.file.validator == 'none':
                self.window = range(self.window.start, self.file.version_at(time.time()) + 1)
            if version not in self.window:
                raise Wrong(f'{self.decode(word)} at {at + place}: versions {self.window} may be opened')
            self.version = version
        versions = [self.version] if self.version else self.window
        if not any(data == stamped(self.file, version, at, at + len(data)) for version in versions):
            raise Wrong(self.difference(at, data))
        counts['bytes'] += len(data)
        if wanted is not None and len(data) < wanted:
            ends = [self.file.size(version) for version in versions]
            if at + len(data) not in ends and not (not data and at > min(ends)):
                raise Wrong(f'the file ends at {at + len(data)}, not at {ends}')

    def difference(self, at, data):
        good = stamped(self.file, self.version or self.window[-1], at, at + len(data))
        i = next((i for i in range(len(data)) if data[i] != good[i]), 0)
        i -= (at + i) % 8
        i = i + 8 if i < 0 else i
        word = int.from_bytes(data[i:i + 8], 'little')
        return f'version {self.version} of {self.window}: {len(data)} bytes from {at}, at {at + i} there is {self.decode(word)}'

    def decode(self, word):
        return f'file {word >> 48} version {word >> 32 & 0xFFFF} offset {(word & 0xFFFFFFFF) * 8} ({word:016x})'


def timed(what, call):
    os.pwrite(status, f'{what[:500]:500}{time.time():20.3f}'.encode(), 0)
    began = time.monotonic()
    try:
        return call()
    finally:
        seconds = time.monotonic() - began
        counts['longest'] = max(counts['longest'], round(seconds, 1))
        if seconds > LIMIT:
            report(f'{what} took {seconds:.1f} s')


def report(text):
    os.write(1, (json.dumps({'wrong': text, 'seed': settings['seed'], 'at': round(time.time() - EPOCH, 1)}) + '\n').encode())


def pread(handle, fd, at, count):
    """As much as there is: what is short may be the end, or come before an error."""
    data = b''
    while len(data) < count:
        more = timed(f'pread {count} at {at} of {handle.path}', lambda: os.pread(fd, count - len(data), at + len(data)))
        if not more:
            break
        data += more
    handle.check(at, data, count)


def sequential(handle, fd):
    at, chunk, limit = 0, random.choice([4096, 65536, 131072, 1 << 20]), random.choice([1 << 20, 1 << 40])
    while at < limit and not stop:
        data = timed(f'read {chunk} at {at} of {handle.path}', lambda: os.read(fd, chunk))
        handle.check(at, data, 1 if not data else None)
        at += len(data)
        if not data:
            break


def at_random(handle, fd):
    for _ in range(random.randrange(1, 40)):
        if stop:
            break
        pread(handle, fd, random.randrange(handle.file.bytes + 2000), random.choice([1, 512, 4096, 40000, 131072, 700000]))


def backward(handle, fd):
    step, at = random.choice([4096, 65536, 262144]), handle.file.bytes
    for _ in range(30):
        if at == 0 or stop:
            break
        at = max(0, at - step)
        pread(handle, fd, at, step)


def as_database(handle, fd):
    """Pages, of which some are read again and again, past the page cache."""
    pages = max(1, handle.file.bytes // 4096)
    hot = [0] + [random.randrange(pages) for _ in range(3)]
    for _ in range(60):
        if stop:
            break
        page = random.choice(hot) if random.random() < 0.5 else random.randrange(pages)
        pread(handle, fd, page * 4096, 4096)
        if random.random() < 0.3:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


def by_threads(handle, fd):
    failed = []
    def work():
        try:
            at_random(handle, fd)
        except (OSError, Wrong) as error:
            failed.append(error)
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    if failed:
        raise next((error for error in failed if isinstance(error, Wrong)), failed[0])


def mapped(handle, fd):
    size = os.fstat(fd).st_size
    # Past its end, and where the source fails, a map ends its process (SIGBUS).
    if handle.file.period or handle.file.fault != 'calm' or ALWAYS or settings['killsMounts'] or size == 0:
        return
    with mmap.mmap(fd, 0, prot=mmap.PROT_READ) as memory:
        for _ in range(30):
            at = random.randrange(size)
            end = min(size, at + random.choice([1, 4096, 200000]))
            handle.check(at, timed(f'map {at} of {handle.path}', lambda: memory[at:end]))
            if random.random() < 0.3:
                memory.madvise(mmap.MADV_DONTNEED)


def direct(handle, fd):
    fd = os.open(handle.path, os.O_RDONLY | os.O_DIRECT)
    try:
        second = Handle(handle.path, handle.file, time.time())
        count = random.choice([4096, 131072, 1 << 20])
        buffer = mmap.mmap(-1, count)
        for _ in range(20):
            if stop:
                break
            at = random.randrange(handle.file.bytes // 4096 + 1) * 4096
            got = timed(f'direct {count} at {at} of {handle.path}', lambda: os.preadv(fd, [buffer], at))
            second.check(at, buffer[:got])
    finally:
        os.close(fd)


def by_program(path, file):
    commands = [['cat'], ['cp', '{}', '/dev/stdout'], ['dd', 'if={}', 'bs=1M', 'iflag=direct'], ['tail', '-c', '+100001'], ['head', '-c', '300000']]
    command = [word.replace('{}', path) for word in random.choice(commands)]
    if command[0] in ('cat', 'tail', 'head'):
        command.append(path)
    if command[0] == 'tail' and not file.is_sized:
        return
    began = time.time()
    handle = None
    at, patience = 100000 if command[0] == 'tail' else 0, random.choice([1 << 40, 1 << 40, 300000, 3 << 20])
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={'LC_ALL': 'C', 'PATH': os.environ['PATH']})
    try:
        while at < patience and not stop:
            data = timed(f'{command[0]} at {at} of {path}', lambda: program.stdout.read(131072))
            handle = handle or Handle(path, file, began)
            if not data:
                break
            handle.check(at, data)
            at += len(data)
        if stop or at >= patience:
            return program.send_signal(random.choice([signal.SIGINT, signal.SIGKILL, signal.SIGTERM]))
        code = timed(f'the end of {command[0]} of {path}', program.wait)
        message = program.stderr.read().decode().strip()
        if code != 0:
            # Several are possible: one of the source, and one more of the program.
            if command[0] == 'dd' and 'records' in message: message = message.split('\n')[0]
            replaced = 'replaced while being copied' in message and file.may_be_replaced
            if not replaced and not any(os.strerror(number) in message for number in file.errors):
                raise Wrong(f'{" ".join(command)}: {message}')
            raise OSError(0, 'allowed')
        if command[0] != 'head' and (at, handle.version) != (100000, None):
            handle.check(at, b'', 1)
    finally:
        # One that is ended while it waits for the mount must end.
        if program.poll() is None and not (stop or at >= patience): program.kill()
        timed(f'the end of {command[0]} of {path}', program.communicate)


def listing(place):
    path, names = f'{place["base"]}/{random.choice(place["lists"])}', place['names']
    try:
        found = timed(f'list {path}', lambda: {entry.name: entry for entry in os.scandir(path)})
        if path.endswith('many'):
            missing = {f'n{i}' for i in range(settings['longListing'])} ^ set(found)
        else:
            missing = set(names) - set(found)
        if missing:
            raise Wrong(f'{path}: {len(found)} names, {sorted(missing)[:3]} differ')
    except OSError as error:
        if error.errno not in ALWAYS and not (stop and error.errno == errno.EINTR):
            raise Wrong(f'{path}: {error}')


def one_file():
    place = random.choice(settings['places'])
    if random.random() < 0.05 and place['lists'] and not settings['isOffline']:
        return listing(place)
    name = random.choice(place['names'])
    path, file = f'{place["base"]}/stress/{name}', File(name)
    try:
        if random.random() < 0.2:
            return by_program(path, file)
        began = time.time()
        fd = timed(f'open {path}', lambda: os.open(path, os.O_RDONLY))
        try:
            handle = Handle(path, file, began)
            size = os.fstat(fd).st_size
            if (size or file.is_sized) and size not in [file.size(version) for version in handle.window]:
                raise Wrong(f'{path}: the size is {size}, of versions {handle.window}')
            ways = [sequential] + ([at_random, backward, as_database, by_threads, mapped, direct] if size else [])
            random.choice(ways)(handle, fd)
            if random.random() < 0.3:
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)
    except OSError as error:
        counts['errors'] += 1
        if error.errno not in file.errors and error.errno != 0:
            raise Wrong(f'{error.strerror} ({errno.errorcode.get(error.errno)}): {path}')
    except Wrong as wrong:
        raise Wrong(f'{path}: {wrong}')


while not stop:
    try:
        one_file()
        counts['steps'] += 1
    except Wrong as wrong:
        report(str(wrong))
os.pwrite(status, f'{"ended":500}'.encode(), 0)
os.write(1, (json.dumps(counts) + '\n').encode())
