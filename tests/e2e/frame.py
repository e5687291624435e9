#!/usr/bin/env python3
"""Writes a proxy's first message, framed for gRPC, for the Gateway NAMESPACE NAME.

By hand from discovery.proto, so that the test needs no compiler and shares no code with what it judges.
"""
import sys


def varint(number):
    groups = [number & 127]
    while number := number >> 7:
        groups.append(number & 127)
    return bytes([group | 128 for group in groups[:-1]] + groups[-1:])


def field(number, data):
    """A field with bytes, or with a number."""
    if isinstance(data, int):
        return varint(number << 3) + varint(data)
    return varint(number << 3 | 2) + varint(len(data)) + data


def framed(message):
    return b"\0" + len(message).to_bytes(4, "big") + message


def object_key(namespace, name):
    return field(1, namespace.encode()) + field(2, name.encode())


def hello(proxy, namespace, name):
    return field(1, field(1, proxy.encode()) + field(2, object_key(namespace, name)))


if __name__ == "__main__":
    sys.stdout.buffer.write(framed(hello("e2e", *sys.argv[1:])))
