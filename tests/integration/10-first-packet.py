#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every connection once, from the first packet, with both directions: the ground of all that
is judged later. Namespaces on a bridge, no runtime."""

from live import *

node = Node()
made = {}


@test("a namespace that connects the moment it exists is seen")
def first_packet():
    daemon = made["daemon"] = Daemon().start()
    made["bridge"] = node.bridge("br0", "10.92.0.1/24", "fd92::1/64")
    server = made["server"] = node.namespace("server")
    server.attach(made["bridge"], "10.92.0.2/24", "fd92::2/64", gateway="10.92.0.1")
    server.serve(80)
    for number in range(20):
        client = node.namespace(f"c{number}")
        client.attach(made["bridge"], f"10.92.0.{10 + number}/24", f"fd92::{10 + number}/64")
        assert client.connect("10.92.0.2", 80) == client.connect("fd92::2", 80) == "hello\n"
    wanted = sorted([f"10.92.0.{10 + n}" for n in range(20)] + [f"fd92::{10 + n}" for n in range(20)])

    def rows():
        made["flows"] = daemon.rows("flows", "--port", "80")
        assert sorted(f["src_ip"] for f in made["flows"] if f["conn_state"] == "SF") == wanted, \
            f"{len(made['flows'])} rows"
        return True
    wait_until("one row for each of the 40 connections", rows)


@test("each is counted once, where it was sent, with both directions", needs=first_packet)
def counted_once():
    for flow in made["flows"]:
        # "hi\n" to the server, "hello\n" back.
        assert (flow["src_bytes"], flow["dst_bytes"]) == (3, 6), flow
        assert flow["src_attribution"] == "veth", flow
        assert flow["conn_state"] == "SF" and flow["proto"] == "tcp", flow
        assert flow["dst_port"] == 80 and flow["dir_known"] in (True, 1), flow


@test("refused and unanswered attempts are rows of their own", needs=first_packet)
def attempts():
    client = node.namespace("late")
    client.attach(made["bridge"], "10.92.0.99/24")
    client.connect("10.92.0.2", 81, check=False)                      # refused
    client.run("ip", "neighbour", "add", "10.92.0.77", "lladdr", "02:00:00:00:00:77", "dev", "eth0")
    client.connect("10.92.0.77", 82, check=False, limit=1)            # nobody there
    daemon = made["daemon"]
    wait_until("the refused one", lambda: [
        f for f in daemon.rows("flows", "--port", "81") if f["conn_state"] == "REJ"])
    wait_until("the unanswered one", lambda: [
        f for f in daemon.rows("flows", "--port", "82") if f["conn_state"] == "S0"])


@test("UDP and ICMP are flows too", needs=first_packet)
def datagrams():
    made["server"].start("socat", "UDP-LISTEN:5353,fork", "EXEC:cat")
    client = node.namespace("dgram")
    client.attach(made["bridge"], "10.92.0.98/24")
    client.ping("10.92.0.2")
    client.run("sh", "-c", "echo hi | nc -u -w1 -q1 10.92.0.2 5353", check=False)
    daemon = made["daemon"]
    wait_until("the echo", lambda: [f for f in daemon.rows("flows", "--proto", "icmp") if f["src_ip"] == "10.92.0.98"],
               limit=90)
    wait_until("the datagram", lambda: [f for f in daemon.rows("flows", "--proto", "udp") if f["src_ip"] == "10.92.0.98"],
               limit=90)


main()
