#!/usr/bin/env python3
"""Attacks on a running gateway, all on loopback and bounded in count and time.

After and during each one an honest client must be served, memory must stay bounded and every connection must go away.
Usage: run.py ADDRESS PID [ATTACK...]
"""

import http.client
import json
import os
import re
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.request

ADDRESS, PID = sys.argv[1], int(sys.argv[2])
ONLY = set(sys.argv[3:])
CHAT = json.dumps({"messages": [{"role": "user", "content": "Hi"}]}).encode()
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
failures = []


def check(what, holds, found=""):
    print(f"  {'ok  ' if holds else 'FAIL'}  {what}{'' if holds else ': ' + str(found)}", flush=True)
    if not holds:
        failures.append(what)


def connect(port=8080, timeout=10, address=ADDRESS):
    stream = socket.create_connection((address, port), timeout=timeout)
    stream.settimeout(timeout)
    return stream


def rss():
    """Resident memory in MiB."""
    with open(f"/proc/{PID}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def metric(name):
    page = urllib.request.urlopen(f"http://{ADDRESS}:15020/metrics", timeout=10).read().decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if re.match(name + r"[{ ]", line))


def honest(path="/v1/chat/completions", body=CHAT):
    """Status and seconds of an honest request."""
    started = time.monotonic()
    request = urllib.request.Request(f"http://{ADDRESS}:8080{path}", body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            answer.read()
            return answer.status, time.monotonic() - started
    except urllib.error.HTTPError as error:
        return error.code, time.monotonic() - started


def served(during):
    status, seconds = honest()
    check(f"{during}: an honest client is served", status == 200 and seconds < 15, (status, seconds))


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def text(name, value):
    """An HPACK literal without indexing."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def head(path=b"/v1/chat/completions"):
    return b"".join([text(b":method", b"POST"), text(b":scheme", b"http"), text(b":path", path), text(b":authority", b"a")])


def until_closed(stream, seconds):
    """Whether the other side ends the connection within that time; what it sends is dropped."""
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            stream.settimeout(max(0.1, end - time.monotonic()))
            if not stream.recv(1 << 16):
                return True
    except socket.timeout:
        return False
    except OSError:
        return True
    return False


def pour(stream, data, times):
    """Sends as often as the other side takes it; how often that was."""
    for count in range(times):
        try:
            stream.sendall(data)
        except OSError:
            return count
    return times


def rapid_reset():
    stream = connect()
    stream.sendall(PREFACE + frame(4, 0, 0))
    batch = 0
    for number in range(20_000):
        identifier = 2 * number + 1
        data = frame(1, 4, identifier, head()) + frame(3, 0, identifier, struct.pack(">I", 8))
        if pour(stream, data, 1) == 0:
            break
        batch += 1
    check("rapid reset: the connection is ended", until_closed(stream, 10), f"after {batch}")
    served("after rapid reset")


def continuation_flood():
    before = rss()
    stream = connect()
    stream.sendall(PREFACE + frame(4, 0, 0) + frame(1, 0, 1, head()))
    field = text(b"x-filler", b"v" * 100)
    sent = pour(stream, frame(9, 0, 1, field * 100), 20_000)
    check("CONTINUATION flood: it is ended early", sent < 20_000 and until_closed(stream, 10), sent)
    check("CONTINUATION flood: memory stays", rss() - before < 32, rss() - before)
    served("after a CONTINUATION flood")


def empty_continuations():
    stream = connect()
    stream.sendall(PREFACE + frame(4, 0, 0) + frame(1, 0, 1, head()))
    sent = pour(stream, frame(9, 0, 1) * 1000, 1000)
    check("empty CONTINUATIONs: it is ended", until_closed(stream, 10), sent)


def tiny_frames():
    before = rss()
    stream = connect(timeout=60)
    length = text(b"content-type", b"application/json")
    stream.sendall(PREFACE + frame(4, 0, 0) + frame(1, 4, 1, head() + length))
    reader = threading.Thread(target=until_closed, args=(stream, 60), daemon=True)
    reader.start()
    one = frame(0, 0, 1, b" ")
    sent = pour(stream, one * 1000, 1000)
    check("a million tiny frames: memory stays", rss() - before < 128, (sent, rss() - before))
    stream.close()
    served("after a million tiny frames")


def control_floods():
    for name, data in [
        ("ping", frame(6, 0, 0, b"12345678")),
        ("settings", frame(4, 0, 0)),
        ("empty data", frame(0, 0, 1)),
        ("window update", frame(8, 0, 0, struct.pack(">I", 1))),
        ("priority", frame(2, 0, 1, struct.pack(">IB", 0, 1))),
    ]:
        before = rss()
        stream = connect()
        stream.sendall(PREFACE + frame(4, 0, 0) + frame(1, 4, 1, head()))
        pour(stream, data * 500, 200)
        check(f"{name} flood: memory stays", rss() - before < 48, rss() - before)
        stream.close()
    served("after control frame floods")


def large_heads():
    for what, data in [
        ("one header of 100 KB", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 100_000 + b"\r\n\r\n"),
        ("a path of 100 KB", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("10,000 headers", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 10_000 + b"\r\n"),
    ]:
        stream = connect()
        pour(stream, data, 1)
        try:
            answer = stream.recv(200)
        except OSError as error:
            answer = str(error).encode()
        check(f"{what}: refused", answer[9:12] in (b"431", b"414"), answer[:60])
        stream.close()


def smuggling():
    for what, data in [
        ("length and chunks", b"Content-Length: 5\r\nTransfer-Encoding: chunked"),
        ("chunks and length", b"Transfer-Encoding: chunked\r\nContent-Length: 5"),
        ("two lengths", b"Content-Length: 5\r\nContent-Length: 6"),
        ("a negative length", b"Content-Length: -1"),
        ("a length with a sign", b"Content-Length: +5"),
        ("an odd coding", b"Transfer-Encoding: xchunked"),
        ("a coding after chunked", b"Transfer-Encoding: chunked, identity"),
        ("a space before the colon", b"Content-Length : 5"),
        ("two hosts", b"Host: b"),
        ("a control character", b"X: a\0b"),
    ]:
        stream = connect(timeout=5)
        stream.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n" + data + b"\r\n\r\n0\r\n\r\n")
        try:
            answer = stream.recv(1000)
        except OSError as error:
            answer = str(error).encode()
        check(f"{what}: 400", answer[9:12] == b"400", answer[:80])
        stream.close()


def handshake_flood():
    before = rss()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    stop = time.monotonic() + 4

    def shake():
        while time.monotonic() < stop:
            try:
                context.wrap_socket(connect(8443)).close()
            except OSError:
                pass

    half = [connect(8443) for _ in range(500)]
    for stream in half:
        stream.sendall(b"\x16\x03\x01\x02\x00\x01")
    threads = [threading.Thread(target=shake) for _ in range(8)]
    for thread in threads:
        thread.start()
    served("during a handshake flood")
    for thread in threads:
        thread.join()
    check("handshake flood: memory stays", rss() - before < 96, rss() - before)
    check("half handshakes are ended", all(until_closed(s, 15) for s in half[:20]))
    for stream in half:
        stream.close()


def churn():
    before = rss()
    for _ in range(10_000):
        connect().close()
    served("after 10,000 connections that said nothing")
    check("connection churn: memory stays", rss() - before < 48, rss() - before)


def answer_of(path, body=CHAT):
    """Status and body as a client without mercy sees them; the body is None when it is cut."""
    request = urllib.request.Request(f"http://{ADDRESS}:8080{path}", body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            try:
                return answer.status, answer.read()
            except (OSError, http.client.HTTPException):
                return answer.status, None
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except (OSError, http.client.HTTPException) as error:
        return 0, error


def bad_upstreams():
    before = rss()
    for name, wanted in {
        "bad-status": 502,
        "no-http": 502,
        "two-lengths": 502,
        "close": 502,
        "silent": 504,
        "endless-head": 502,
    }.items():
        status, body = answer_of(f"/plain/{name}")
        check(f"plain upstream, {name}: {wanted}", status == wanted, (status, body))
    for name in ("bad-chunk", "short"):
        status, body = answer_of(f"/plain/{name}")
        check(f"plain upstream, {name}: the client sees the cut", body is None or status == 502, (status, body))
    status, body = answer_of("/plain/long")
    check("plain upstream, long: just what was announced", (status, body) == (200, b"{}"), (status, body))
    for _ in range(3):
        status, body = answer_of("/plain/long")
        check("and the next request does not get the rest", (status, body) == (200, b"{}"), (status, body))
    status, body = answer_of("/plain/noise")
    check("plain upstream, noise: passed on as it is", status == 200 and len(body or b"") == 64, status)
    for name in ("bad-status", "no-http", "bad-chunk", "short", "close", "endless-head", "silent"):
        status, body = answer_of(f"/model/{name}")
        wanted = 504 if name == "silent" else 502
        cut = body is None and name in ("bad-chunk", "short")
        says = cut or (status == wanted and b'"error"' in (body or b""))
        check(f"model upstream, {name}: an error in the client's dialect", says, (status, body))
    check("bad upstreams: memory stays", rss() - before < 64, rss() - before)
    served("after bad upstreams")


def unread_streams(count=20):
    """Asks for endless answers and reads none; what it returns checks that they were ended."""
    before = rss()
    streams = []
    for _ in range(count):
        stream = socket.socket()
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        stream.settimeout(20)
        stream.connect((ADDRESS, 8080))
        stream.sendall(b"GET /plain/endless HTTP/1.1\r\nHost: a\r\n\r\n")
        streams.append(stream)
    time.sleep(3)
    served(f"with {count} clients that never read")
    check("clients that never read: memory stays", rss() - before < 64, rss() - before)

    def finish():
        for _ in range(80):
            left = metric("agentgateway_client_connections")
            if left <= 2:
                break
            time.sleep(1)
        check(f"{count} clients that never read: all are ended", left <= 2, left)
        for stream in streams:
            stream.close()

    return finish


def slow_heads(count=2000):
    """Begins slow heads; what it returns checks that they were ended."""
    streams = [connect() for _ in range(count)]
    for stream in streams:
        stream.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nX-Sl")
    begun = time.monotonic()
    served(f"with {count} slow heads")

    def finish():
        ended = 0
        for stream in streams:
            try:
                stream.sendall(b"o")
            except OSError:
                pass
            ended += until_closed(stream, max(0.2, 40 - (time.monotonic() - begun)))
            stream.close()
        check(f"{count} slow heads: all are ended", ended == count, ended)

    return finish


def half_bodies(count=50):
    """Sends half a body and waits; what it returns checks that they were ended."""
    before = rss()
    streams = []
    for _ in range(count):
        stream = socket.socket()
        stream.settimeout(80)
        stream.connect((ADDRESS, 8080))
        stream.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n{")
        streams.append(stream)
    time.sleep(1)
    served(f"with {count} clients that stopped sending")

    def finish():
        answers = [stream.recv(12)[9:] for stream in streams]
        check(f"{count} clients that stopped sending: 408", answers == [b"408"] * count, answers[:3])
        ended = sum(until_closed(stream, 5) for stream in streams)
        check("and they are ended", ended == count, ended)
        check("memory stays", rss() - before < 128, rss() - before)

    return finish


def attacks():
    yield large_heads
    yield smuggling
    yield rapid_reset
    yield continuation_flood
    yield empty_continuations
    yield tiny_frames
    yield control_floods
    yield handshake_flood
    yield churn
    yield bad_upstreams


def main():
    honest()
    before = rss()
    later = [begin() for begin in (slow_heads, half_bodies, unread_streams) if not ONLY or begin.__name__ in ONLY]
    for attack in attacks():
        if not ONLY or attack.__name__ in ONLY:
            attack()
    for finish in later:
        finish()
    for _ in range(120):
        left = metric("agentgateway_client_connections")
        if left <= 2:
            break
        time.sleep(0.5)
    check("no connection is left", left <= 2, left)
    check("memory after all", rss() - before < 128, f"{before:.0f} to {rss():.0f} MiB")
    print(f"  memory: {before:.0f} MiB before, {rss():.0f} MiB after", flush=True)
    served("after all")
    sys.exit(1 if failures else 0)


main()
