#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who is behind an address, and when: namespaces without a runtime. Names, addresses that
change hands at once, history, translations, macvlan."""

import json
import random
import subprocess
import threading
import time

from live import *

node = Node()
made = {}
NO_RUNTIME = {"runtimes": {"docker": {"socket": "/nonexistent/docker.sock"},
                           "podman": {"socket": "/nonexistent/podman.sock"},
                           "containerd": {"root": "/nonexistent/containerd"}}}


def workload_of(name):
    return f"netns/{name}"


def instances(**match):
    rows = made["daemon"].rows("instances")
    return [r for r in rows if all(r[k] == v for k, v in match.items())]


@test("a namespace is an instance with its name and addresses before it says a word")
def listed():
    daemon = made["daemon"] = Daemon(NO_RUNTIME).start()
    bridge = made["bridge"] = node.bridge("br0", "10.93.0.1/24", "fd93::1/64")
    server = made["server"] = node.namespace("server")
    server.attach(bridge, "10.93.0.2/24", "fd93::2/64", gateway="10.93.0.1")
    server.serve(80)

    def there():
        rows = instances(workload=workload_of("server"))
        assert len(rows) == 1, daemon.rows("instances")
        assert {"10.93.0.2", "fd93::2"} <= set(rows[0]["addresses"]), rows
        return True
    wait_until("the server among the instances", there)


@test("an address added later, renamed links and a second network are known at once", needs=listed)
def changes():
    server = made["server"]
    server.run("ip", "address", "add", "10.93.0.200/24", "dev", "eth0")
    wait_until("the new address", lambda: "10.93.0.200" in
               instances(workload=workload_of("server"))[0]["addresses"], limit=2)
    server.run("ip", "address", "del", "10.93.0.200/24", "dev", "eth0")
    other = node.bridge("br1", "10.94.0.1/24")
    host = server.attach(other, "10.94.0.2/24", inside="eth1")
    run("ip", "link", "set", host, "down")
    run("ip", "link", "set", host, "name", "renamed0")
    run("ip", "link", "set", "renamed0", "up")
    client = made["client"] = node.namespace("client")
    client.attach(other, "10.94.0.3/24")
    client.connect("10.94.0.2", 80)

    def row():
        rows = made["daemon"].rows("flows", "--from-ip", "10.94.0.3")
        assert rows and rows[0]["dst_workload"] == workload_of("server"), rows
        assert rows[0]["src_workload"] == workload_of("client"), rows
        return True
    wait_until("the flow on the second network", row)


class Churn:
    """Short-lived namespaces that hand a few addresses from one to the next, and the log."""

    def __init__(self, seconds, per_minute):
        self.log = []        # (address, name, from, to) in seconds
        self.random = random.Random(7)
        self.until = time.monotonic() + seconds
        self.pause = 60 / per_minute
        self.lock = threading.Lock()
        self.reused = self.lives = 0

    def lane(self, number):
        """One address at a time; each owner is another workload than the last."""
        last = None
        bridge = made["bridge"].name
        address = f"10.93.0.{100 + number}"
        while time.monotonic() < self.until:
            name = self.random.choice([f"w{number}-{k}" for k in range(5) if f"w{number}-{k}" != last])
            begin = time.time()
            # Everything in one shell: it connects the moment it can.
            script = f"""
                ip netns add {name} || exit 1
                ip link add vc{number} type veth peer name eth0 netns {name}
                ip link set vc{number} master {bridge} up
                ip -n {name} address add {address}/24 dev eth0
                ip -n {name} link set eth0 up
                ip netns exec {name} nc -w 3 -N 10.93.0.2 80 </dev/null >/dev/null
                ip netns exec server nc -w 1 {address} 81 </dev/null 2>/dev/null || true
            """
            done = subprocess.run(["sh", "-c", script], check=False, stderr=subprocess.DEVNULL)
            end = time.time()
            subprocess.run(["ip", "netns", "del", name], check=False)
            subprocess.run(["ip", "link", "del", f"vc{number}"], check=False, stderr=subprocess.DEVNULL)
            if done.returncode == 0:
                with self.lock:
                    self.lives += 1
                    self.reused += last is not None
                    self.log.append((address, name, begin, end))
            last = name
            time.sleep(self.random.uniform(0, 2 * self.pause))

    def run(self, lanes=3):
        threads = [threading.Thread(target=self.lane, args=(n,)) for n in range(lanes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def owner(self, address, moment):
        for where, name, begin, end in self.log:
            if where == address and begin <= moment <= end:
                return workload_of(name)
        return None


@test("addresses handed on at once are never credited to the wrong namespace", needs=listed)
def churn():
    script = made["churn"] = Churn(seconds=20, per_minute=1500)
    script.run()
    assert script.lives >= 60, f"only {script.lives} namespaces in 20 s"
    assert script.reused >= 0.8 * script.lives
    daemon = made["daemon"]

    def all_there():
        # One connection from, and one refused attempt to, each life.
        made["rows"] = daemon.rows("flows", "--last", "100000")
        for port in (80, 81):
            seen = [r for r in made["rows"] if r["dst_port"] == port and
                    {r["src_ip"], r["dst_ip"]} & {where for where, *_ in script.log}]
            assert len(seen) >= script.lives, f"{len(seen)} connections to port {port} of {script.lives}"
        return True
    wait_until("a row for every connection", all_there, limit=60)
    wrong, judged = [], 0
    for row in made["rows"]:
        for end in ("src", "dst"):
            owner = script.owner(row[f"{end}_ip"], row["start_us"] / 1e6)
            if owner is None:
                continue
            judged += 1
            if row[f"{end}_workload"] != owner:
                wrong.append((end, owner, row[f"{end}_workload"], row[f"{end}_ip"], row["proto"], row["start_us"],
                              row.get("src_attribution")))
    diag(f"{script.lives} namespaces, {script.reused} reused addresses, {judged} ends judged, {len(wrong)} wrong")
    assert not wrong, wrong[:10]
    assert judged >= 2 * script.lives, judged


@test("who answers from history, and never with the wrong owner", needs=churn)
def history():
    log = made["churn"].log
    known = 0
    for address, name, _begin, end in random.Random(1).sample(log, 12):
        # Just before it was taken down, when it surely had the address.
        at = end - 0.002
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1e6):06d}Z"
        said = made["daemon"].eastwatch("who", address, "--at", moment, "-o", "json").stdout
        rows = [json.loads(line) for line in said.splitlines()]
        owners = [r["workload"] for r in rows if r["workload"]][:1]
        # A namespace of a few ms can be gone before its name is read: then nobody is named.
        assert owners in ([], [workload_of(name)]), (moment, name, rows)
        known += len(owners)
    diag(f"{known} of 12 owners are known by name")
    assert known >= 6, known


def nft(text):
    run("nft", "-f", "-", input=text)


@test("a service address is one row to the real responder, with and without masquerade", needs=listed)
def service_address():
    node.forwarding()
    client = node.namespace("svc-client")
    client.attach(made["bridge"], "10.93.0.30/24", gateway="10.93.0.1")
    other = node.bridge("br2", "10.95.0.1/24")
    backend = node.namespace("svc-backend")
    backend.attach(other, "10.95.0.2/24", gateway="10.95.0.1")
    backend.serve(8080)
    nft("""
        table ip svc {
            chain pre { type nat hook prerouting priority -100;
                ip daddr 10.96.0.10 tcp dport 80 dnat to 10.95.0.2:8080
                ip daddr 10.96.0.11 tcp dport 80 dnat to 10.95.0.2:8080
            }
            chain post { type nat hook postrouting priority 100;
                ct original ip daddr 10.96.0.11 masquerade
            }
        }""")
    for vip in ("10.96.0.10", "10.96.0.11"):
        assert client.connect(vip, 80) == "hello\n"
    daemon = made["daemon"]

    def rows():
        found = [r for r in daemon.rows("flows", "--last", "1000")
                 if r["dst_workload"] == workload_of("svc-backend") or r["dst_ip"].startswith(("10.96.", "10.95."))]
        made["svc"] = found
        assert len(found) == 2, found
        return True
    wait_until("one row for each of the two connections", rows, limit=20)
    for row in made["svc"]:
        assert row["src_workload"] == workload_of("svc-client"), row
        assert row["dst_workload"] == workload_of("svc-backend"), row
        assert (row["nat_dst_ip"], row["nat_dst_port"]) == ("10.95.0.2", 8080), row
        assert row["conn_state"] == "SF", row
    time.sleep(1)
    rows()


@test("a macvlan container is found by its MAC", needs=listed)
def macvlan():
    run("ip", "link", "add", "mvp", "type", "veth", "peer", "name", "mvq")
    run("ip", "link", "set", "mvp", "up")
    run("ip", "link", "set", "mvq", "up")
    ends = []
    for number, name in ((2, "mv-a"), (3, "mv-b")):
        ns = node.namespace(name)
        run("ip", "link", "add", "link", "mvp", "name", "eth0", "netns", name, "type", "macvlan", "mode", "bridge")
        ns.run("ip", "address", "add", f"10.97.0.{number}/24", "dev", "eth0")
        ns.run("ip", "link", "set", "eth0", "up")
        ends.append(ns)
    ends[1].serve(80)
    ends[0].connect("10.97.0.3", 80)

    def row():
        rows = made["daemon"].rows("flows", "--from-ip", "10.97.0.2")
        assert len(rows) == 1, rows
        assert rows[0]["src_workload"] == workload_of("mv-a"), rows
        assert rows[0]["dst_workload"] == workload_of("mv-b"), rows
        assert rows[0]["src_attribution"] == "mac", rows
        return True
    wait_until("one row between the two", row)


main()
