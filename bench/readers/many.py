"""Many readers, each of a sparse stamped file of its own, from begin to end: many.py DIRECTORY COUNT
Prints JSON: seconds, bytes, and progress: the slowest reader's part of the median reader's, the least of
several moments. Fails on a wrong byte."""

import json
import os
import statistics
import sys
import threading
import time

CHUNK = 1024 * 1024
MOMENTS = (0.1, 0.25, 0.5, 0.75)
HOLE = bytes(CHUNK - 8)

directory, count = sys.argv[1], int(sys.argv[2])
done, failures = [0] * count, []


def read(number):
    buffer, offset = bytearray(CHUNK), 0
    view = memoryview(buffer)
    try:
        handle = os.open(os.path.join(directory, f"{number}.bin"), os.O_RDONLY)
        while True:
            length = os.preadv(handle, [view[: CHUNK - offset % CHUNK]], offset)
            if length == 0:
                return
            at = offset % CHUNK
            stamp = number.to_bytes(4, "little") + (offset // 4096).to_bytes(4, "little")
            if at == 0 and length < 8:
                raise ValueError(f"only {length} bytes")
            if at == 0 and (buffer[:8] != stamp or view[8:length] != memoryview(HOLE)[: length - 8]):
                raise ValueError(f"wrong bytes: {number}.bin at {offset}")
            if at != 0 and any(buffer[:length]):
                raise ValueError(f"wrong bytes: {number}.bin at {offset}")
            offset += length
            done[number] = offset
    except (OSError, ValueError) as error:
        failures.append(str(error))


begin = time.perf_counter()
readers = [threading.Thread(target=read, args=(i,), daemon=True) for i in range(count)]
for reader in readers:
    reader.start()
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
