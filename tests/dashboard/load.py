#!/usr/bin/env python3
"""Asks the six example patterns over and over, and lets providers fail now and then, until it is ended.

Arguments: the gateway's HOST:PORT and the mock's URL.
"""
import concurrent.futures
import http.client
import itertools
import json
import os
import signal
import socket
import sys
import time
import urllib.request

LONG = "word " * 60
# Path, headers, content, streamed.
REQUESTS = [
    ("/models/mini", {}, "Hi", False),
    ("/models/large", {}, "Hi", True),
    ("/chat", {"X-Stage": "staging"}, "Hi", False),
    ("/chat", {"X-Experiment": "group-b"}, "Hi", True),
    ("/ask?tier=cheap", {}, "Hi", False),
    ("/rollout", {}, "Hi", True),
    ("/auto", {}, "Hi", False),
    ("/auto", {}, LONG, False),
    ("/steady", {}, "Hi", True),
    ("/nowhere", {}, "Hi", False),
]
FAULTS = [{}, {"gpt-4o": {"status": 503}}, {"*": {"status": 503}}]
# At once, so that a backend that fails runs out of retries.
CLIENTS = 8


def body(content, streamed):
    message = {"messages": [{"role": "user", "content": content}]}
    if streamed:
        message["stream"] = True
    return json.dumps(message)


def ask(gateway, path, headers, data, method="POST"):
    connection = http.client.HTTPConnection(gateway, timeout=30)
    try:
        connection.request(method, path, data, {"content-type": "application/json", **headers})
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass  # The checker looks at what the gateway counted.
    finally:
        connection.close()


def control(mock, method, path, data=None):
    request = urllib.request.Request(mock + path, json.dumps(data).encode() if data else None, method=method)
    urllib.request.urlopen(request, timeout=10).read()


def begin_slowly(gateway, unfinished):
    """A client that never ends the head of its request; the gateway gives it half a minute."""
    host, port = gateway.split(":")
    client = socket.create_connection((host, int(port)))
    client.sendall(b"GET / HTTP/1.1\r\n")
    unfinished.append(client)
    if len(unfinished) > 100:
        unfinished.pop(0).close()


def main(gateway, mock):
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    unfinished = []
    for faults in itertools.cycle(FAULTS):
        control(mock, "DELETE", "/_mock/faults")
        for model, fault in faults.items():
            control(mock, "PUT", f"/_mock/faults/{model}", fault)
        end = time.monotonic() + 2
        begin_slowly(gateway, unfinished)
        while time.monotonic() < end:
            with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
                for _ in range(4 * CLIENTS):
                    clients.submit(ask, gateway, "/insistent", {}, body("Hi", False))
            for path, headers, content, streamed in REQUESTS:
                ask(gateway, path, headers, body(content, streamed))
            # Its body is no JSON, so the expressions that look into it fail.
            ask(gateway, "/auto", {}, "not json")


if __name__ == "__main__":
    main(*sys.argv[1:])
