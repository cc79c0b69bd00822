# SPDX-License-Identifier: Apache-2.0
"""Captures and inventories made by hand: a node's workloads, their usual traffic, and what
somebody does to them. Deterministic: the same story gives the same bytes.

Packets are Ethernet frames without options or checksums that anybody judges; a connection is
the packets an ordinary Linux client and server exchange (SYN, SYN-ACK, ACK, request, answer,
FIN both ways). The expectation of a story is written beside it, never taken from a run.
"""

import json
import random
import socket
import struct
import time

EPOCH = 1767225600  # 2026-01-01T00:00:00Z, a Thursday

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


class Instance:
    def __init__(self, node, name, workload, network, number, image, labels, posture, started, ifindex):
        self.node, self.name, self.workload, self.image = node, name, workload, image
        self.network, self.labels, self.posture = network, labels, posture
        self.started, self.stopped = started, None
        self.id = f"{number:012x}" * 5 + f"{number:04x}"
        self.address = network.take()
        self.mac = struct.pack("!BBI", 2, 0x42, struct.unpack("!I", socket.inet_aton(self.address))[0])
        self.ifindex = ifindex
        self.port = 32768 + number % 1000

    def stop(self, at):
        self.stopped = at
        self.network.give(self.address)

    def next_port(self):
        self.port = 32768 + (self.port - 32767) % 28000
        return self.port


class Network:
    def __init__(self, name, prefix):
        self.name, self.prefix = name, prefix
        self.free = [f"{prefix}.{n}" for n in range(2, 255)]
        self.gateway = f"{prefix}.1"

    def take(self):
        return self.free.pop(0)  # the lowest free one, as Docker does

    def give(self, address):
        self.free.insert(0, address)


class Node:
    """Workloads of one node over a stretch of time, and a capture of what they said."""

    def __init__(self, seed=1):
        self.random = random.Random(seed)
        self.networks, self.instances, self.packets = {}, [], []
        self.count = 0

    # --- who is there -----------------------------------------------------------------------

    def network(self, name):
        if name not in self.networks:
            self.networks[name] = Network(name, f"172.{18 + len(self.networks)}.0")
        return self.networks[name]

    def instance(self, workload, network="shop", image=None, labels=None, posture=None, started=0.0):
        self.count += 1
        short = workload.rsplit("/", 1)[-1]
        one = Instance(self, f"{short}-{self.count}", workload, self.network(network), self.count,
                       image or f"{short}:1.0", labels or {}, posture or {}, started, 100 + 2 * self.count)
        self.instances.append(one)
        return one

    def replace(self, old, at, image=None):
        """A rolling deploy's step: the old one goes, a new revision comes, on its address."""
        old.stop(at)
        return self.instance(old.workload, old.network.name, image or old.image, old.labels, old.posture, at + 0.5)

    # --- packets -------------------------------------------------------------------------------

    def frame(self, at, src_mac, dst_mac, kind, payload):
        self.packets.append((at, len(self.packets), dst_mac + src_mac + struct.pack("!H", kind) + payload))

    def mac_of(self, address):
        for one in self.instances:
            if one.address == address and one.stopped is None:
                return one.mac
        return b"\x02\x42\x00\x00\x00\x01"  # the gateway

    def ip(self, at, src, dst, proto, body, src_mac=None, ttl=64, ip_id=None):
        ident = self.random.randrange(65536) if ip_id is None else ip_id
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), ident, 0x4000, ttl, proto, 0,
                           socket.inet_aton(src), socket.inet_aton(dst))
        self.frame(at, src_mac or self.mac_of(src), self.mac_of(dst), 0x0800, head + body)

    def segment(self, at, src, sport, dst, dport, seq, ack, flags, payload=b"", window=64240, options=b"", **more):
        body = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xffffffff, ack & 0xffffffff,
                           (20 + len(options)) // 4 << 4, flags, window, 0, 0) + options + payload
        self.ip(at, src, dst, 6, body, **more)

    # --- conversations ---------------------------------------------------------------------------

    def tcp(self, at, client, server, port, request=80, answer=400, outcome="ok", duration=0.02, sport=None):
        """One connection of an instance (or address) to an instance or address.

        outcome: ok | refused | silent (no answer) | open (handshake and payload, never closed)
        """
        src = client.address if isinstance(client, Instance) else client
        dst = server.address if isinstance(server, Instance) else server
        sport = sport or (client.next_port() if isinstance(client, Instance) else 40000)
        c, s = self.random.randrange(1 << 32), self.random.randrange(1 << 32)
        rtt = 0.0002
        syn = struct.pack("!BBHBBBBBB", 2, 4, 1460, 4, 2, 1, 3, 3, 7)  # MSS, SACK, window scale
        syn += b"\x01" * (-len(syn) % 4)
        self.segment(at, src, sport, dst, port, c, 0, SYN, options=syn)
        if outcome == "silent":
            for again in (1.0, 3.0):
                self.segment(at + again, src, sport, dst, port, c, 0, SYN, options=syn)
            return
        if outcome == "refused":
            self.segment(at + rtt, dst, port, src, sport, 0, c + 1, RST | ACK, window=0)
            return
        self.segment(at + rtt, dst, port, src, sport, s, c + 1, SYN | ACK, options=syn)
        self.segment(at + 2 * rtt, src, sport, dst, port, c + 1, s + 1, ACK)
        self.segment(at + 3 * rtt, src, sport, dst, port, c + 1, s + 1, PSH | ACK, b"q" * min(request, 1400))
        self.segment(at + duration / 2, dst, port, src, sport, s + 1, c + 1 + request, PSH | ACK, b"a" * min(answer, 1400))
        request, answer = min(request, 1400), min(answer, 1400)
        if outcome == "open":
            return
        self.segment(at + duration, src, sport, dst, port, c + 1 + request, s + 1 + answer, FIN | ACK)
        self.segment(at + duration + rtt, dst, port, src, sport, s + 1 + answer, c + 2 + request, FIN | ACK)
        self.segment(at + duration + 2 * rtt, src, sport, dst, port, c + 2 + request, s + 2 + answer, ACK)

    def arp(self, at, who, target, answered=True):
        """who asks for an address."""
        ask = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, who.mac, socket.inet_aton(who.address), b"\0" * 6,
                          socket.inet_aton(target))
        self.frame(at, who.mac, b"\xff" * 6, 0x0806, ask)
        if answered:
            owner = self.mac_of(target)
            say = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 2, owner, socket.inet_aton(target), who.mac,
                              socket.inet_aton(who.address))
            self.frame(at + 0.0001, owner, who.mac, 0x0806, say)

    def steady(self, begin, end, client, server, port, every, **more):
        """The usual: a connection about every so many seconds, jittered by a fifth."""
        at = begin + self.random.random() * every
        while at < end:
            targets = [i for i in self.living(server, at)] if isinstance(server, str) else [server]
            sources = [i for i in self.living(client, at)] if isinstance(client, str) else [client]
            for source in sources:
                if targets:
                    self.tcp(at, source, self.random.choice(targets), port, **more)
            at += every * (0.9 + 0.2 * self.random.random())

    def living(self, workload, at):
        return [i for i in self.instances
                if i.workload == workload and i.started <= at and (i.stopped is None or at < i.stopped)]

    # --- files ---------------------------------------------------------------------------------------

    def write_capture(self, path):
        with open(path, "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
            for at, _, data in sorted(self.packets):
                micro = round((EPOCH + at) * 1e6)
                file.write(struct.pack("<IIII", micro // 1000000, micro % 1000000, len(data), len(data)) + data)

    def write_inventory(self, path):
        def stamp(at):
            return None if at is None else time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(EPOCH + int(at))) + \
                f".{int(at % 1 * 1e6):06d}Z"
        inventory = {
            "format": "eastwatch-inventory-1", "node": "n1",
            "networks": [{"id": n.name, "bridge": f"br-{n.name}", "subnets": [f"{n.prefix}.0/24"],
                          "gateways": [n.gateway]} for n in self.networks.values()],
            "instances": [{
                "id": i.id, "name": i.name, "hostname": i.id[:12], "image": i.image, "spec": f"spec:{i.image}",
                "runtime": "docker", "workload": i.workload, "labels": i.labels, "started": stamp(i.started),
                "stopped": stamp(i.stopped), "posture": i.posture,
                "interfaces": [{"network": i.network.name, "ifindex": i.ifindex,
                                "mac": ":".join(f"{b:02x}" for b in i.mac), "addresses": [i.address],
                                "from": stamp(i.started), "to": stamp(i.stopped)}],
            } for i in self.instances]}
        with open(path, "w", encoding="utf-8") as file:
            json.dump(inventory, file, indent=1)
