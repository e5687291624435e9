#!/usr/bin/env python3
"""Load on a gateway, and what became of it. Usage: load.py ADDRESS PID streams|held|steady|leavers COUNT"""

import asyncio
import json
import os
import sys
import time

ADDRESS, PID, WHAT, COUNT = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])


def request(path, body, fault):
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    return f"{head}x-mock-fault: {fault}\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode() + data


async def exchange(data):
    """Everything that comes back."""
    reader, writer = await asyncio.open_connection(ADDRESS, 8080)
    try:
        writer.write(data)
        return await asyncio.wait_for(reader.read(), 90)
    finally:
        writer.close()


def chat(text, stream):
    return {"stream": stream, "messages": [{"role": "user", "content": text}]}


def judge(answer, token):
    """What is wrong with a stream; None when nothing is."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        return f"status: {head[:80]}"
    events = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ")]
    if not events or events[-1].strip() != b"[DONE]":
        return f"cut: {body[-200:]}"
    chunks = [json.loads(event) for event in events[:-1]]
    if any("error" in chunk for chunk in chunks):
        return f"error: {chunks[-1]}"
    if len({chunk["model"] for chunk in chunks}) != 1:
        return "two models in one answer"
    text = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])
    if token not in text or chunks[0]["model"] not in text:
        return f"not its own answer: {text[:200]}"
    return None


async def streams():
    """Streams that begin over three seconds and last a few more."""
    turn = asyncio.Semaphore(256)

    async def one(number):
        token = f"token-{number:06d}"
        await asyncio.sleep(3 * number / COUNT)
        async with turn:
            opened = exchange(request("/v1/chat/completions", chat(token, True), "chunk-delay=250ms"))
            task = asyncio.ensure_future(opened)
            await asyncio.sleep(0.01)
        return judge(await task, token)

    outcomes = await asyncio.gather(*(one(n) for n in range(COUNT)), return_exceptions=True)
    wrong = [str(o) or repr(o) for o in outcomes if o is not None]
    print(f"{COUNT} streams, {len(wrong)} failed, cut or mixed up{': ' + wrong[0] if wrong else ''}")
    return not wrong


async def held():
    """Streams that are all open at once and last some seconds more. Says when they are open."""
    connecting, opened = asyncio.Semaphore(64), 0

    async def one(number):
        nonlocal opened
        token = f"token-{number:06d}"
        async with connecting:
            reader, writer = await asyncio.open_connection(ADDRESS, 8080)
            writer.write(request("/v1/chat/completions", chat(token, True), "chunk-delay=700ms"))
            start = await asyncio.wait_for(reader.readuntil(b"data: "), 60)
        opened += 1
        if opened == COUNT:
            print("open", flush=True)
        rest = await asyncio.wait_for(reader.read(), 90)
        writer.close()
        return judge(start + rest, token)

    outcomes = await asyncio.gather(*(one(n) for n in range(COUNT)), return_exceptions=True)
    wrong = [str(o) or repr(o) for o in outcomes if o is not None]
    print(f"{COUNT} streams, {len(wrong)} failed, cut or mixed up{': ' + wrong[0] if wrong else ''}")
    return not wrong


async def steady():
    """Requests without a pause for COUNT seconds, most of them waiting for their provider."""
    end = time.monotonic() + COUNT
    counts = {}

    async def one(worker):
        while time.monotonic() < end:
            stream = worker % 2 == 0
            data = request("/reliable/chat/completions", chat("Hi", stream), "delay=150ms")
            try:
                answer = await exchange(data)
            except OSError as error:
                answer = str(error).encode()
            # A stream's content comes in one go here: there is no middle in which it could be cut.
            model = next((m for m in (b"first", b"second") if b'"model":"' + m in answer), None)
            good = answer.startswith(b"HTTP/1.1 200") and model and b'"error"' not in answer
            key = model.decode() if good else f"failed {answer[:300]!r}"
            counts[key] = counts.get(key, 0) + 1

    await asyncio.gather(*(one(w) for w in range(40)))
    failed = {k: v for k, v in counts.items() if k.startswith("failed")}
    print(f"the primary was killed under load: {counts.get('first', 0)} answers of it, {counts.get('second', 0)} of the"
          f" standby, {sum(failed.values())} errors {list(failed)[:1] or ''}")
    return not failed and counts.get("first") and counts.get("second")


def upstream_connections():
    """Established connections to the provider, without those whose other end has closed."""
    with open(f"/proc/{PID}/net/tcp") as table:
        rows = [line.split() for line in table][1:]
    return sum(row[2] == "0251007F:1F9A" and row[3] == "01" for row in rows)


def descriptors():
    return len(os.listdir(f"/proc/{PID}/fd"))


async def leavers():
    """Clients that leave in the middle of their stream."""
    files, worst, left = descriptors(), 0.0, 0
    data = request("/v1/chat/completions", chat("word " * 50, True), "chunk-delay=5s")

    async def one():
        reader, writer = await asyncio.open_connection(ADDRESS, 8080)
        writer.write(data)
        await asyncio.wait_for(reader.readuntil(b"data: "), 30)
        return writer

    batch = 250
    for _ in range(COUNT // batch):
        writers = await asyncio.gather(*(one() for _ in range(batch)))
        for writer in writers:
            writer.transport.abort()
        gone = time.monotonic()
        while upstream_connections() > 0 and time.monotonic() - gone < 10:
            await asyncio.sleep(0.002)
        worst = max(worst, time.monotonic() - gone)
        left += upstream_connections()
    await asyncio.sleep(0.5)
    leaked = descriptors() - files
    print(f"{COUNT} clients left in mid-stream: {left} upstream connections left open, the slowest batch of {batch} was"
          f" closed after {worst * 1000:.0f} ms, {leaked} more descriptors than before")
    return left == 0 and leaked < 50


sys.exit(0 if asyncio.run({"streams": streams, "held": held, "steady": steady, "leavers": leavers}[WHAT]()) else 1)
