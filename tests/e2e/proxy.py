#!/usr/bin/env python3
"""A proxy that serves nothing and says what it is told to say.

Arguments: the controller's address, a file with a token, the Gateway's namespace and name, and a file. The first line of
that file says what to do, whenever it changes:

  silent                      nothing is acknowledged
  ack                         what came is acknowledged
  refuse ROUTE MESSAGE…       so is all but this route, NAMESPACE/NAME
  down BACKEND                no place is left to send requests for this AgentgatewayBackend to, NAMESPACE/NAME

What was received and said goes to standard output. HTTP/2 is curl's, the messages are made by hand.
"""
import subprocess
import sys
import threading
import time

from frame import field, framed, hello, object_key

ROUTE = 2  # Kind
AGENTGATEWAY_BACKEND = 1  # BackendKind


def version_of(message):
    """An Update's first field; it is written first, for it is never 0."""
    if message[0] != 1 << 3:
        raise ValueError(f"not an update: {message[:8]!r}")
    number, shift = 0, 0
    for byte in message[1:]:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number
    raise ValueError("a version without an end")


class Proxy:
    def __init__(self, address, token, gateway):
        with open(token, encoding="utf-8") as file:
            bearer = file.read().strip()
        url = f"https://{address}/agentgateway.xds.v1.ConfigurationDiscovery/Stream"
        headers = [f"authorization: Bearer {bearer}", "content-type: application/grpc", "te: trailers", "expect:"]
        arguments = [word for header in headers for word in ("-H", header)]
        # A dot: what is sent is read as it comes, while answers are.
        command = ["curl", "-kN", "--no-progress-meter", "--http2", "-X", "POST", "-T", ".", url, *arguments]
        self.curl = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.version = 0
        self.say(hello("e2e-far", *gateway))

    def say(self, message):
        self.curl.stdin.write(framed(message))
        self.curl.stdin.flush()

    def read(self):
        while head := self.curl.stdout.read(5):
            message = self.curl.stdout.read(int.from_bytes(head[1:], "big"))
            self.version = version_of(message)
            print(f"received {self.version}", flush=True)
        print("the stream has ended", flush=True)

    def ack(self, errors=b""):
        self.say(field(2, field(1, self.version) + errors))

    def obey(self, word, rest):
        if word == "ack":
            self.ack()
        elif word == "refuse":
            route, message = rest.split(" ", 1)
            name = field(1, ROUTE) + field(2, route.encode())
            self.ack(field(2, field(1, name) + field(2, message.encode())))
        elif word == "down":
            self.ack()
            key = field(1, AGENTGATEWAY_BACKEND) + field(2, object_key(*rest.split("/")))
            report = field(1, key) + field(2, 0) + field(3, 1) + field(5, int(time.time() * 1000))
            self.say(field(3, field(1, report)))


def main(address, token, namespace, name, orders):
    proxy = Proxy(address, token, (namespace, name))
    threading.Thread(target=proxy.read, daemon=True).start()
    done = None
    while proxy.curl.poll() is None:
        with open(orders, encoding="utf-8") as file:
            order = file.readline().strip()
        now = (order, proxy.version)
        if proxy.version and order and now != done:
            word, _, rest = order.partition(" ")
            proxy.obey(word, rest)
            print(f"said {order}", flush=True)
            done = now
        time.sleep(0.05)


if __name__ == "__main__":
    main(*sys.argv[1:])
