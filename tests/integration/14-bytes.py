#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Byte counts of large transfers follow from sequence numbers, of which a live capture sees
one in a mebibyte: past the end of the sequence space, with segments of 64 KiB and of one
frame, with packets lost and sent again, and when a side breaks off."""

import os
import sys

from live import *

node = Node()
made = {}
MIB = 1 << 20

# Counts what it gets on each connection; the script asks it for the sums.
SINK = """
import socket, sys, threading
sums = {}
def take(c, port):
    buffer, total = bytearray(1 << 20), 0
    try:
        while n := c.recv_into(buffer):
            total += n
    except OSError:
        pass
    with open(sys.argv[1], "a") as file:
        print(port, total, file=file, flush=True)
    c.close()
s = socket.create_server(("::", 9000), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    c, who = s.accept()
    threading.Thread(target=take, args=(c, who[1]), daemon=True).start()
"""

# source.py ADDRESS BYTES [reset]: prints its port
SOURCE = """
import socket, struct, sys
c = socket.create_connection((sys.argv[1], 9000))
print(c.getsockname()[1])
left, block = int(sys.argv[2]), bytes(1 << 20)
while left:
    left -= c.send(block[:left])
if len(sys.argv) > 3:
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
c.close()
"""


def transfer(size, *words, address="10.96.0.2"):
    return int(made["client"].run(sys.executable, "-c", SOURCE, address, size, *words, timeout=300).stdout)


def received(port):
    def line():
        with open(made["sums"], encoding="ascii") as file:
            return [int(t) for p, t in (row.split() for row in file) if int(p) == port]
    return wait_until(f"the sink's sum of {port}", line)[-1:][0]


def row(port, state):
    def found():
        rows = [f for f in made["daemon"].rows("flows", "--port", "9000") if f["src_port"] == port]
        assert rows and rows[0]["conn_state"] == state, rows
        return rows[0]
    return wait_until(f"the row of port {port}", found, limit=60)


@test("a sink and a source on a bridge")
def setup():
    bridge = node.bridge("br0", "10.96.0.1/24", "fd96::1/64")
    for name, last in (("server", 2), ("client", 3)):
        made[name] = node.namespace(name)
        made[name + "-veth"] = made[name].attach(bridge, f"10.96.0.{last}/24", f"fd96::{last}/64", gateway="10.96.0.1")
    made["sums"] = os.path.join(os.environ["EW_WORK"], "sums")
    open(made["sums"], "w", encoding="ascii").close()
    made["server"].start(sys.executable, "-c", SINK, made["sums"])
    made["server"].wait_listening(9000)
    made["daemon"] = Daemon({"web": {"listen": "off"}}).start()


@test("5 GiB: past the end of the sequence space", needs=setup)
def wrap():
    size = 5 << 30
    port = transfer(size)
    assert received(port) == size
    flow = row(port, "SF")
    assert (flow["src_bytes"], flow["dst_bytes"]) == (size, 0), flow


@test("300 MiB and a bit over IPv6", needs=setup)
def six():
    size = 300 * MIB + 12345
    port = transfer(size, address="fd96::2")
    assert row(port, "SF")["src_bytes"] == size


def segments(count):
    for name in ("client", "server"):
        made[name].run("ip", "link", "set", "dev", "eth0", "gso_max_segs", count)


@test("segments of one frame each", needs=setup)
def small_segments():
    segments(1)
    size = 200 * MIB + 1
    port = transfer(size)
    segments(65535)
    assert row(port, "SF")["src_bytes"] == size


@test("one packet in fifty lost, and sent again", needs=setup)
def loss():
    run("nft", "-f", "-", input="""
        table bridge loss {
            chain forward {
                type filter hook forward priority 0
                tcp dport 9000 numgen random mod 50 0 drop
            }
        }
    """)
    try:
        segments(8)
        size = 20 * MIB + 77
        port = transfer(size)
    finally:
        segments(65535)
        run("nft", "delete", "table", "bridge", "loss")
    assert received(port) == size
    flow = row(port, "SF")
    assert flow["src_bytes"] == size, flow


@test("a reset: what was sent before it", needs=setup)
def reset():
    size = 3 * MIB
    port = transfer(size, "reset")
    flow = row(port, "RSTO")
    # close() may throw away what was not sent yet: the RST says how far it came
    assert received(port) <= flow["src_bytes"] <= size, flow


main()
