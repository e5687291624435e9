#!/usr/bin/env python3
"""Backends of connections: echoes over TCP and UDP, and a web server. Usage: backends.py ADDRESS"""
import http.server
import socket
import socketserver
import sys
import threading

ADDRESS = sys.argv[1]


class Stream(socketserver.StreamRequestHandler):
    def handle(self):
        # The server speaks first.
        self.wfile.write(b"welcome\n")
        for line in self.rfile:
            self.wfile.write(b"tcp " + line)


class Web(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"web " + self.path.encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def datagrams():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((ADDRESS, 7001))
    while True:
        data, client = server.recvfrom(65535)
        server.sendto(b"udp " + data, client)


streams = socketserver.ThreadingTCPServer((ADDRESS, 7000), Stream)
threading.Thread(target=streams.serve_forever, daemon=True).start()
threading.Thread(target=datagrams, daemon=True).start()
print("ready", flush=True)
http.server.ThreadingHTTPServer((ADDRESS, 7002), Web).serve_forever()
