#!/usr/bin/env python3
"""An upstream that answers as badly as the path asks. Usage: upstreams.py ADDRESS PORT"""

import os
import socketserver
import sys
import time

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def slowly(send, piece, times, pause=0.0):
    for _ in range(times):
        send(piece)
        time.sleep(pause)


ANSWERS = {
    "bad-status": lambda send: send(b"HTTP/1.1 ABC what\r\n\r\n"),
    "no-http": lambda send: send(os.urandom(4096)),
    "bad-chunk": lambda send: send(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"),
    "short": lambda send: send(OK + b"Content-Length: 100\r\n\r\n{}"),
    "long": lambda send: send(OK + b"Content-Length: 2\r\n\r\n{}" + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
    "two-lengths": lambda send: send(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
    "noise": lambda send: send(OK + b"Content-Encoding: gzip\r\nContent-Length: 64\r\n\r\n" + os.urandom(64)),
    "close": lambda send: None,
    "silent": lambda send: time.sleep(20),
    "endless-head": lambda send: slowly(send, OK + b"X: " + b"a" * 60_000 + b"\r\n", 2000),
    "endless": lambda send: (
        send(OK + b"Transfer-Encoding: chunked\r\n\r\n"),
        slowly(send, b"4000\r\n" + b"x" * 0x4000 + b"\r\n", 200_000),
    ),
}


class Upstream(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline().split()
        while self.rfile.readline().strip():
            pass
        name = line[1].decode().split("?")[0].rsplit("/", 1)[-1] if len(line) > 1 else "close"
        try:
            ANSWERS.get(name, ANSWERS["close"])(self.connection.sendall)
        except OSError:
            pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1024


Server((sys.argv[1], int(sys.argv[2])), Upstream).serve_forever()
