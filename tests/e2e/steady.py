#!/usr/bin/env python3
"""Load that a gateway must carry without a loss, until SIGTERM.

Arguments: the gateway's address, and the file that gets what was seen. Clients of three kinds run side by side: a new
connection for each request; one connection for many; and streams that take seconds. A connection that was idle may be
closed by the gateway at any time, so the second kind asks again on a new connection when it finds its own closed before
the first byte of the answer, as every HTTP client does; anything else that is no 200 is a failure. A stream that does
not end with its end mark was cut.
"""
import http.client
import json
import signal
import sys
import threading
import time

PATH = "/models/mini"
HEADERS = {"content-type": "application/json"}
PLAIN = json.dumps({"messages": [{"role": "user", "content": "Who are you?"}]})
STREAM = json.dumps({"stream": True, "messages": [{"role": "user", "content": "Who are you?"}]})
# About twenty chunks each.
SLOWLY = {"x-mock-fault": "chunk-delay=200ms"}
PAUSE = 0.02

ended = threading.Event()
lock = threading.Lock()
seen = {"requests": 0, "streams": 0, "failed": [], "cut": []}
began = time.monotonic()


def count(kind):
    with lock:
        seen[kind] += 1


def fail(kind, why):
    with lock:
        seen[kind].append(f"{time.monotonic() - began:.2f}s {why}")


def ask(connection):
    connection.request("POST", PATH, PLAIN, HEADERS)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        fail("failed", f"{answer.status} {text[:100]!r}")
    count("requests")
    return answer.will_close


def afresh(address):
    while not ended.is_set():
        connection = http.client.HTTPConnection(address, 8080, timeout=30)
        try:
            ask(connection)
        except (OSError, http.client.HTTPException) as error:
            fail("failed", f"new connection: {error!r}")
        finally:
            connection.close()
        ended.wait(PAUSE)


def keeping(address):
    connection, used = http.client.HTTPConnection(address, 8080, timeout=30), False
    while not ended.is_set():
        try:
            used = not ask(connection)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
            if not used:
                fail("failed", f"kept connection: {error!r}")
            used = False
            connection.close()
            continue
        except (OSError, http.client.HTTPException) as error:
            fail("failed", f"kept connection: {error!r}")
            used = False
        if not used:
            connection.close()
        ended.wait(PAUSE)


def streaming(address):
    while not ended.is_set():
        connection = http.client.HTTPConnection(address, 8080, timeout=60)
        try:
            connection.request("POST", PATH, STREAM, HEADERS | SLOWLY)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200 or not text.rstrip().endswith(b"data: [DONE]"):
                fail("cut", f"{answer.status} {text[-100:]!r}")
        except (OSError, http.client.HTTPException) as error:
            fail("cut", repr(error))
        finally:
            connection.close()
        count("streams")


def main(address, path):
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    clients = [threading.Thread(target=kind, args=(address,)) for kind in (afresh, keeping, streaming) for _ in range(4)]
    for client in clients:
        client.start()
    while not ended.is_set():
        if seen["requests"] > 20:
            with open(path + ".running", "w", encoding="utf-8") as file:
                file.write("yes\n")
        ended.wait(0.2)
    for client in clients:
        client.join()
    with open(path, "w", encoding="utf-8") as file:
        json.dump(seen, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
