"""Many readers, each of a sparse stamped file of its own, from begin to end: many.py DIRECTORY COUNT
Prints JSON: seconds, bytes, and progress: the slowest reader's part of the median reader's, the least of
several moments. Fails on a wrong byte. All begin at once, and hold the interpreter's lock only for moments, so
that it is the mount that a slow one waits for."""

import json
import os
import statistics
import sys
import threading
import time

CHUNK = 1024 * 1024
MOMENTS = (0.1, 0.25, 0.5, 0.75)

directory, count = sys.argv[1], int(sys.argv[2])
done, failures, ready = [0] * count, [], threading.Barrier(count + 1)


def read(number):
    # Whole chunks are compared as bytearrays, which is one memcmp.
    buffer, expected, offset = bytearray(CHUNK), bytearray(CHUNK), 0
    view = memoryview(buffer)
    ready.wait()
    try:
        handle = os.open(os.path.join(directory, f"{number}.bin"), os.O_RDONLY)
        while True:
            at = offset % CHUNK
            expected[:8] = number.to_bytes(4, "little") + (offset // 4096).to_bytes(4, "little") if at == 0 else bytes(8)
            length = os.preadv(handle, [view[: CHUNK - at]], offset)
            if length == 0:
                return
            same = buffer == expected if length == CHUNK else buffer[:length] == expected[:length]
            if not same:
                raise ValueError(f"wrong bytes: {number}.bin at {offset}")
            offset += length
            done[number] = offset
    except (OSError, ValueError) as error:
        failures.append(str(error))


readers = [threading.Thread(target=read, args=(i,), daemon=True) for i in range(count)]
for reader in readers:
    reader.start()
ready.wait()
begin = time.perf_counter()
total, progress = os.stat(os.path.join(directory, "0.bin")).st_size * count, []
while any(reader.is_alive() for reader in readers):
    if len(progress) < len(MOMENTS) and sum(done) >= MOMENTS[len(progress)] * total:
        now = list(done)
        progress.append(min(now) / statistics.median(now))
    time.sleep(0.01)
if not failures and sum(done) != total:
    failures.append(f"{sum(done)} bytes instead of {total}")
if failures:
    sys.exit(failures[0])
seconds = time.perf_counter() - begin
print(json.dumps({"seconds": seconds, "bytes": total, "progress": min(progress, default=1)}))
