#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same traffic, watched by daemons that capture in different ways: one worker, three
workers, a handle per interface, every packet. Their rows must be the same, and their byte
counts those of the programs that talked."""

import sys
from collections import Counter

from live import *

node = Node()
made = {}
WAYS = {
    "one": {},
    "three": {"workers": 3},
    "interfaces": {"mode": "interfaces"},
    "all": {"profile": "all"},
}

# Reads to the end, then sends as many bytes as the port says; port 7000 + n: n KiB.
SERVER = """
import socket, sys, threading
def serve(port):
    s = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=100)
    while True:
        c, _ = s.accept()
        threading.Thread(target=answer, args=(c, port), daemon=True).start()
def answer(c, port):
    while c.recv(65536):
        pass
    c.sendall(bytes((port - 7000) * 1024))
    c.close()
for port in (7000, 7001, 7003, 7100):
    threading.Thread(target=serve, args=(port,), daemon=True).start()
u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
u.bind(("::", 7500))
while True:
    data, who = u.recvfrom(65536)
    u.sendto(data * 2, who)
"""

# client.py ADDRESS PORT BYTES COUNT: connections that send BYTES and read to the end
CLIENT = """
import socket, sys
address, port, size, count = sys.argv[1], *map(int, sys.argv[2:])
for _ in range(count):
    c = socket.create_connection((address, port))
    c.sendall(bytes(size))
    c.shutdown(socket.SHUT_WR)
    while c.recv(1 << 20):
        pass
    c.close()
"""

DATAGRAMS = """
import socket, sys
for family, address in ((socket.AF_INET, "10.94.0.2"), (socket.AF_INET6, "fd94::2")):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(5)
    for size in (1, 100, 1400, 9000):
        s.sendto(bytes(size), (address, 7500))
        s.recv(65536)
"""

EXCHANGES = [(port, size, count) for port, size, count in
             ((7000, 0, 3), (7001, 1, 3), (7003, 5000, 3), (7100, 3_000_000, 2), (7000, 40_000_000, 1))]


@test("four daemons watch the same node")
def setup():
    made["bridge"] = node.bridge("br0", "10.94.0.1/24", "fd94::1/64")
    for name, last in (("server", 2), ("client", 3), ("other", 4)):
        made[name] = node.namespace(name)
        made[name].attach(made["bridge"], f"10.94.0.{last}/24", f"fd94::{last}/64", gateway="10.94.0.1")
    made["server"].start(sys.executable, "-c", SERVER)
    made["server"].wait_listening(7100)
    for way, capture in WAYS.items():
        settings = {"capture": capture, "web": {"listen": "off"}}
        made[way] = Daemon(settings, name=way).start()


@test("connections, refusals, datagrams, fragments and echoes of both families", needs=setup)
def traffic():
    for address in ("10.94.0.2", "fd94::2"):
        for name in ("client", "other"):
            for port, size, count in EXCHANGES:
                made[name].run(sys.executable, "-c", CLIENT, address, port, size, count)
        made["client"].connect(address, 7999, check=False)
        made["client"].run("sh", "-c", f"echo x | nc -u -w1 {address} 7998", check=False)
        made["client"].ping(address)
    made["other"].run(sys.executable, "-c", DATAGRAMS)


def rows(way):
    """Flows of this test by what names them; ICMP errors are part of another flow."""
    found = {}
    source = made[way] if made[way].process.running() else Eastwatch(made[way].config)
    for flow in source.rows("flows"):
        if flow["src_ip"] not in ("10.94.0.3", "10.94.0.4", "fd94::3", "fd94::4"):
            continue
        if flow["proto"] == "icmp6" and flow["dst_port"] not in (128, 129):
            continue
        key = (flow["proto"], flow["src_ip"], flow["src_port"], flow["dst_ip"], flow["dst_port"])
        assert key not in found, f"twice: {key}"
        found[key] = flow
    return found


def tcp_rows(way):
    return {k: f for k, f in rows(way).items() if k[0] == "tcp"}


EXPECTED_TCP = 2 * (2 * sum(count for _, _, count in EXCHANGES) + 1)


@test("each daemon has one row for each connection", needs=traffic)
def complete():
    for way in WAYS:
        wait_until(f"{EXPECTED_TCP} rows of {way}", lambda way=way: len(tcp_rows(way)) == EXPECTED_TCP, limit=90)


@test("bytes are those that the programs sent, whatever was captured", needs=complete)
def exact():
    sent = {7000: (0, 40_000_000), 7001: (1,), 7003: (5000,), 7100: (3_000_000,)}
    for way in WAYS:
        for key, flow in tcp_rows(way).items():
            if key[4] == 7999:
                continue
            assert flow["conn_state"] == "SF", (way, key, flow["conn_state"], flow["history"])
            assert flow["src_bytes"] in sent[key[4]], (way, key, flow["src_bytes"], flow["history"])
            assert flow["dst_bytes"] == (key[4] - 7000) * 1024, (way, key, flow["dst_bytes"], flow["history"])


def compare(one, other, keys):
    wanted, got = rows(one), rows(other)
    kinds = ("tcp", "udp", "icmp", "icmp6")
    wanted = {k: f for k, f in wanted.items() if k[0] in kinds}
    got = {k: f for k, f in got.items() if k[0] in kinds}
    assert set(wanted) == set(got), (set(wanted) ^ set(got))
    for key, flow in wanted.items():
        a = {k: flow[k] for k in keys}
        b = {k: got[key][k] for k in keys}
        # each socket stamps for itself, microseconds apart
        for name in ("start_us", "end_us"):
            assert abs(flow[name] - got[key][name]) < 50000, (key, flow, got[key])
        assert a == b, (key, a, b)


SAME = ("conn_state", "history", "src_bytes", "dst_bytes", "src_workload", "dst_workload", "src_attribution",
        "dir_known", "community_id", "method")


@test("a daemon that stops writes what was open: UDP and ICMP flows", needs=complete)
def ended():
    for way in WAYS:
        assert made[way].stop() == 0, made[way].log_text()
        kinds = Counter(key[0] for key in rows(way))
        # to port 7998 and 7500 of both families; an echo of each
        assert kinds["udp"] == 4 and kinds["icmp"] == kinds["icmp6"] == 1, (way, kinds)


@test("three workers write the rows of one", needs=ended)
def workers():
    compare("one", "three", SAME)


@test("a handle per interface gives the rows of one handle for all", needs=ended)
def interfaces():
    compare("one", "interfaces", SAME)


@test("every packet gives the same ends, states and bytes", needs=ended)
def everything():
    compare("one", "all", ("conn_state", "src_bytes", "dst_bytes", "src_workload", "dst_workload", "src_attribution",
                           "dir_known", "community_id"))


main()
