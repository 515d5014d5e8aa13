"""The same reads as mounted.py, as ranged GETs on one keep-alive connection: bare.py HOST:PORT WORKLOAD"""

import http.client
import json
import sys
import time

BLOCK = 4096
UNSTAMPED = bytes(i * 31 % 251 for i in range(BLOCK))[8:]

host, workload = sys.argv[1], json.load(open(sys.argv[2]))
reads = [
    ("/" + path, index * BLOCK, file.to_bytes(4, "little") + index.to_bytes(4, "little"))
    for path, file, index in workload
]
connection = http.client.HTTPConnection(host)
connection.connect()
microseconds = []
begin = time.perf_counter()
for path, offset, stamp in reads:
    before = time.perf_counter()
    connection.request("GET", path, headers={"Range": f"bytes={offset}-{offset + BLOCK - 1}"})
    block = connection.getresponse().read()
    microseconds.append((time.perf_counter() - before) * 1e6)
    if block[:8] != stamp or block[8:] != UNSTAMPED:
        sys.exit(f"wrong bytes: {path} at {offset}")
print(json.dumps({"seconds": time.perf_counter() - begin, "microseconds": microseconds}))
