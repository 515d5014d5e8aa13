"""Reads stamped blocks one after the other, of files below a directory, or on one connection: as ranged GETs, or
by RETR from an offset on: reads.py DIRECTORY|http://HOST:PORT/PATH/|ftp://HOST:PORT/ WORKLOAD
The workload is JSON: [path, number of the file, index of the block] for each read. Prints JSON: the rate per second, and
the time of one, the median in microseconds. Fails on a wrong byte."""

import ftplib
import http.client
import json
import os
import socket
import statistics
import sys
import time
from urllib.parse import urlsplit

BLOCK = 4096
UNSTAMPED = bytes(i * 31 % 251 for i in range(BLOCK))[8:]

root, opened, handle = sys.argv[1], None, -1
is_http = root.startswith("http:")
is_ftp = root.startswith("ftp:")
connection = http.client.HTTPConnection(urlsplit(root).netloc if is_http else "unused")
if is_http:
    connection.connect()
if is_ftp:
    server = ftplib.FTP()
    server.connect(urlsplit(root).hostname, urlsplit(root).port)
    server.login()
    server.voidcmd("TYPE I")


def retrieve(path, offset):
    data = server.transfercmd("RETR " + path, offset or None)
    block = data.recv(BLOCK, socket.MSG_WAITALL)
    data.close()
    # 226, or 426 where there was more.
    server.getmultiline()
    return block


def read(path, offset):
    global opened, handle
    if is_http:
        connection.request("GET", path, headers={"Range": f"bytes={offset}-{offset + BLOCK - 1}"})
        return connection.getresponse().read()
    if is_ftp:
        return retrieve(path, offset)
    if path != opened:
        if handle != -1:
            os.close(handle)
        handle, opened = os.open(path, os.O_RDONLY), path
    return os.pread(handle, BLOCK, offset)


prefix, microseconds = urlsplit(root).path if is_http or is_ftp else root + "/", []
reads = [(prefix + path, file, index) for path, file, index in json.load(open(sys.argv[2]))]
begin = time.perf_counter()
for path, file, index in reads:
    before = time.perf_counter()
    block = read(path, index * BLOCK)
    microseconds.append((time.perf_counter() - before) * 1e6)
    if block[:8] != file.to_bytes(4, "little") + index.to_bytes(4, "little") or block[8:] != UNSTAMPED:
        sys.exit(f"wrong bytes: {path}, block {index}")
rate = len(reads) / (time.perf_counter() - begin)
print(json.dumps({"rate": rate, "time": statistics.median(microseconds)}))
