#!/usr/bin/env python3
"""Writes a proxy's first message, framed for gRPC, for the Gateway NAMESPACE NAME.

By hand from discovery.proto, so that the test needs no compiler and shares no code with what it judges.
"""
import sys


def field(number, data):
    return bytes([number << 3 | 2, len(data)]) + data


def main(namespace, name):
    gateway = field(1, namespace.encode()) + field(2, name.encode())
    hello = field(1, b"e2e") + field(2, gateway)
    message = field(1, hello)
    sys.stdout.buffer.write(b"\0" + len(message).to_bytes(4, "big") + message)


if __name__ == "__main__":
    main(*sys.argv[1:])
