"""Reads stamped blocks one after the other, of files below a directory, or as ranged GETs on one keep-alive
connection: reads.py DIRECTORY|http://HOST:PORT/PATH WORKLOAD
The workload is JSON: [path, number of the file, index of the block] for each read. Prints JSON: the rate per second, and
the time of one, the median in microseconds. Fails on a wrong byte."""

import http.client
import json
import os
import statistics
import sys
import time
from urllib.parse import urlsplit

BLOCK = 4096
UNSTAMPED = bytes(i * 31 % 251 for i in range(BLOCK))[8:]

root, workload = sys.argv[1], json.load(open(sys.argv[2]))
opened, handle = None, -1
if root.startswith("http:"):
    connection = http.client.HTTPConnection(urlsplit(root).netloc)
    connection.connect()
    prefix = urlsplit(root).path
else:
    prefix = root + "/"


def get(path, offset):
    connection.request("GET", path, headers={"Range": f"bytes={offset}-{offset + BLOCK - 1}"})
    return connection.getresponse().read()


def pread(path, offset):
    global opened, handle
    if path != opened:
        if handle != -1:
            os.close(handle)
        handle, opened = os.open(path, os.O_RDONLY), path
    return os.pread(handle, BLOCK, offset)


read = get if root.startswith("http:") else pread
reads = [
    (prefix + path, index * BLOCK, file.to_bytes(4, "little") + index.to_bytes(4, "little"))
    for path, file, index in workload
]
microseconds = []
begin = time.perf_counter()
for path, offset, stamp in reads:
    before = time.perf_counter()
    block = read(path, offset)
    microseconds.append((time.perf_counter() - before) * 1e6)
    if block[:8] != stamp or block[8:] != UNSTAMPED:
        sys.exit(f"wrong bytes: {path} at {offset}")
rate = len(reads) / (time.perf_counter() - begin)
print(json.dumps({"rate": rate, "time": statistics.median(microseconds)}))
