#!/usr/bin/env python3
"""Mixed load, with memory and descriptors looked at meanwhile. Usage: load.py ADDRESS PID MINUTES"""

import asyncio
import json
import os
import random
import sys
import time

ADDRESS, PID, MINUTES = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
END = time.monotonic() + 60 * MINUTES
counts = {}


def request(path, stream, text, fault="times=1"):
    data = json.dumps({"stream": stream, "messages": [{"role": "user", "content": text}]}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n"
    return f"{head}{'x-mock-fault: ' + fault if fault != 'times=1' else 'x-plain: 1'}\r\nConnection: close\r\n\r\n".encode() + data


# What is asked, how often, and how its answer begins.
MIX = [
    (40, lambda: request("/v1/chat/completions", False, "word " * random.randint(1, 400)), b"HTTP/1.1 200"),
    (25, lambda: request("/v1/chat/completions", True, "word " * 40), b"HTTP/1.1 200"),
    (5, lambda: request("/v1/chat/completions", True, "Hi", "chunk-delay=100ms"), b"HTTP/1.1 200"),
    (5, lambda: request("/reliable/chat/completions", False, "Hi", "status=503"), b"HTTP/1.1 503"),
    (3, lambda: request("/v1/chat/completions", True, "word " * 40, "cut-after=3"), b"HTTP/1.1 200"),
    (3, lambda: request("/v1/chat/completions", False, "Hi", "garbage"), b"HTTP/1.1 502"),
    (3, lambda: request("/v1/chat/completions", False, "x" * 200_000), b"HTTP/1.1 200"),
    (5, lambda: b"GET /a/..;/b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"HTTP/1.1 400"),
    (3, lambda: request("/v1/chat/completions", False, "Hi")[:-20], None),
]


async def one():
    make, wanted = random.choices([(m, w) for _, m, w in MIX], [n for n, _, _ in MIX])[0]
    reader, writer = await asyncio.open_connection(ADDRESS, 8080)
    try:
        writer.write(make())
        if wanted is None or random.random() < 0.05:
            # Leaves in the middle.
            await asyncio.sleep(random.random() / 10)
            counts["left"] = counts.get("left", 0) + 1
            return
        answer = await asyncio.wait_for(reader.read(), 60)
        key = "as expected" if answer.startswith(wanted) else f"unexpected {answer[:60]!r}, not {wanted!r}"
        counts[key] = counts.get(key, 0) + 1
    finally:
        writer.transport.abort()


async def worker():
    while time.monotonic() < END:
        await one()
        await asyncio.sleep(0.02)


def look():
    with open(f"/proc/{PID}/status") as status:
        rss = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    return rss / 1024, len(os.listdir(f"/proc/{PID}/fd"))


def slope(samples):
    """Least squares, in units an hour."""
    times, values = [t for t, _ in samples], [v for _, v in samples]
    middle, mean = sum(times) / len(times), sum(values) / len(values)
    spread = sum((t - middle) ** 2 for t in times)
    return 3600 * sum((t - middle) * (v - mean) for t, v in samples) / spread


async def main():
    first = look()
    workers = [asyncio.ensure_future(worker()) for _ in range(16)]
    started, memory, files = time.monotonic(), [], []
    while time.monotonic() < END:
        await asyncio.sleep(10)
        now, (rss, descriptors) = time.monotonic() - started, look()
        memory.append((now, rss))
        files.append((now, descriptors))
        print(f"{now:6.0f} s  {rss:7.1f} MiB  {descriptors:4d} descriptors  {sum(counts.values())} requests", flush=True)
    await asyncio.gather(*workers)
    await asyncio.sleep(60)
    last = look()
    warm = [s for s in memory if s[0] > 60 * MINUTES / 3]
    grows = slope(warm) if len(warm) > 2 else 0.0
    print(json.dumps(counts, indent=2))
    print(f"memory {first[0]:.1f} MiB at first, {last[0]:.1f} MiB at last; after warm-up {grows:+.2f} MiB an hour")
    print(f"descriptors {first[1]} at first, {last[1]} after a minute of rest")
    unexpected = {k: v for k, v in counts.items() if k.startswith("unexpected")}
    if MINUTES >= 30 and grows > 1:
        print("FAIL: memory grows")
    return not unexpected and last[1] <= first[1] + 16 and (MINUTES < 30 or grows <= 1)


sys.exit(0 if asyncio.run(main()) else 1)
