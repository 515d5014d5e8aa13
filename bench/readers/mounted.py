"""Reads stamped blocks as any program does, one after the other: mounted.py ROOT WORKLOAD
Prints JSON: seconds for all, microseconds of each. Fails on a wrong byte."""

import json
import os
import sys
import time

BLOCK = 4096
UNSTAMPED = bytes(i * 31 % 251 for i in range(BLOCK))[8:]

root, workload = sys.argv[1], json.load(open(sys.argv[2]))
reads = [
    (os.path.join(root, path), index * BLOCK, file.to_bytes(4, "little") + index.to_bytes(4, "little"))
    for path, file, index in workload
]
opened, handle, microseconds = None, -1, []
begin = time.perf_counter()
for path, offset, stamp in reads:
    before = time.perf_counter()
    if path != opened:
        if handle != -1:
            os.close(handle)
        handle, opened = os.open(path, os.O_RDONLY), path
    block = os.pread(handle, BLOCK, offset)
    microseconds.append((time.perf_counter() - before) * 1e6)
    if block[:8] != stamp or block[8:] != UNSTAMPED:
        sys.exit(f"wrong bytes: {path} at {offset}")
print(json.dumps({"seconds": time.perf_counter() - begin, "microseconds": microseconds}))
