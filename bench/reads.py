"""Reads stamped blocks one after the other: of files below a directory, or on one connection, as ranged GETs, by RETR from
an offset on, or by SFTP over ssh(1): reads.py DIRECTORY|http://HOST:PORT/PATH/|ftp://…|sftp://… WORKLOAD [SSH_CONFIG]
The workload is JSON: [path, number of the file, index of the block] for each read. Prints JSON: the rate per second, and
the time of one, the median in microseconds. Fails on a wrong byte."""

import ftplib
import http.client
import json
import os
import socket
import statistics
import struct
import subprocess
import sys
import time
from urllib.parse import urlsplit

BLOCK = 4096
UNSTAMPED = bytes(i * 31 % 251 for i in range(BLOCK))[8:]


class Directory:
    def __init__(self, root):
        self.prefix, self.opened, self.handle = root.path.rstrip("/") + "/", None, -1

    def read(self, path, offset):
        if path != self.opened:
            if self.handle != -1:
                os.close(self.handle)
            self.handle, self.opened = os.open(path, os.O_RDONLY), path
        return os.pread(self.handle, BLOCK, offset)


class Http:
    def __init__(self, root):
        self.prefix, self.connection = root.path, http.client.HTTPConnection(root.netloc)
        self.connection.connect()

    def read(self, path, offset):
        self.connection.request("GET", path, headers={"Range": f"bytes={offset}-{offset + BLOCK - 1}"})
        return self.connection.getresponse().read()


class Ftp:
    def __init__(self, root):
        self.prefix, self.server = root.path, ftplib.FTP()
        self.server.connect(root.hostname, root.port)
        self.server.login()
        self.server.voidcmd("TYPE I")

    def read(self, path, offset):
        data = self.server.transfercmd("RETR " + path, offset or None)
        block = data.recv(BLOCK, socket.MSG_WAITALL)
        data.close()
        # 226, or 426 where there was more.
        self.server.getmultiline()
        return block


class Sftp:
    """The fewest requests: OPEN, READ, and a CLOSE that is not waited for."""

    def __init__(self, root):
        self.prefix, self.opened, self.handle = root.path, None, None
        command = ["ssh", "-F", sys.argv[3], "-s", root.hostname, "sftp"]
        self.ssh = subprocess.Popen(command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.answers = os.fdopen(self.ssh.stdout.fileno(), "rb", buffering=65536)
        self.send(struct.pack(">BI", 1, 3))
        self.answer(2)

    def send(self, packet):
        self.ssh.stdin.write(struct.pack(">I", len(packet)) + packet)

    def answer(self, kind):
        """What follows the number of the request, of the next answer of that type; others are passed over."""
        while True:
            packet = self.answers.read(struct.unpack(">I", self.answers.read(4))[0])
            if packet[0] == kind:
                return packet[5:]

    def read(self, path, offset):
        if path != self.opened:
            if self.handle is not None:
                self.send(struct.pack(">BI", 4, 0) + self.handle)
            name = path.encode()
            self.send(struct.pack(">BII", 3, 0, len(name)) + name + struct.pack(">II", 1, 0))
            self.handle, self.opened = self.answer(102), path
        self.send(struct.pack(">BI", 5, 0) + self.handle + struct.pack(">QI", offset, BLOCK))
        return self.answer(103)[4:]


root = urlsplit(sys.argv[1])
source = {"http": Http, "ftp": Ftp, "sftp": Sftp}.get(root.scheme, Directory)(root)
microseconds = []
reads = [(source.prefix + path, file, index) for path, file, index in json.load(open(sys.argv[2]))]
begin = time.perf_counter()
for path, file, index in reads:
    before = time.perf_counter()
    block = source.read(path, index * BLOCK)
    microseconds.append((time.perf_counter() - before) * 1e6)
    if block[:8] != file.to_bytes(4, "little") + index.to_bytes(4, "little") or block[8:] != UNSTAMPED:
        sys.exit(f"wrong bytes: {path}, block {index}")
rate = len(reads) / (time.perf_counter() - begin)
print(json.dumps({"rate": rate, "time": statistics.median(microseconds)}))
