#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The ground the other live tests stand on: does the sandbox play a node as it claims?"""

import json
import os
import urllib.error
import urllib.request

from live import *
from live.daemon import unit_command

node = Node()
made = {}  # what later cases use


@test("the sandbox is a node of its own")
def own_node():
    links = json.loads(output("ip", "-j", "link"))
    # The kernel may add devices of its own (ifb, tunnels) to every namespace.
    assert not [l for l in links if l["ifname"].startswith(("eth", "en", "docker", "ve"))], links
    assert not set(os.listdir("/run")) - {"lock", "mount"}, os.listdir("/run")
    assert len([p for p in os.listdir("/proc") if p.isdigit()]) < 10


@test("two namespaces on a bridge talk, in IPv4 and IPv6")
def bridge_talks():
    bridge = node.bridge("br0", "10.77.0.1/24", "fd77::1/64")
    one, two = node.namespace("one"), node.namespace("two")
    one.attach(bridge, "10.77.0.2/24", "fd77::2/64", gateway="10.77.0.1")
    two.attach(bridge, "10.77.0.3/24", "fd77::3/64", gateway="10.77.0.1")
    two.serve(80, "pong")
    assert one.connect("10.77.0.3", 80) == "pong\n"
    assert one.connect("fd77::3", 80) == "pong\n"


@test("a process under the unit's powers has these and no others")
def unit_powers():
    status = output(*unit_command(), "cat", "/proc/self/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    expected = 1 << 11 | 1 << 12 | 1 << 13  # NET_BROADCAST, NET_ADMIN, NET_RAW
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(fields[name], 16) == expected, f"{name} is {fields[name]}"
    assert fields["NoNewPrivs"].strip() == "1"
    assert fields["Uid"].split() == ["64999"] * 4 or fields["Uid"].split()[0] != "0"


@test("the webhook receiver answers as told and keeps what it got")
def webhook():
    hook = Webhook()
    hook.script(500, (429, {"Retry-After": "1"}), "close")
    statuses = []
    for number in range(4):
        request = urllib.request.Request(hook.url, data=json.dumps({"n": number}).encode())
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                statuses.append(answer.status)
        except urllib.error.HTTPError as error:
            statuses.append(error.code)
        except OSError:
            statuses.append("closed")
    assert statuses == [500, 429, "closed", 200], statuses
    assert [r.json["n"] for r in hook.wait(1)] == [3]
    assert len(hook.requests) == 4


@test("the container engine runs a Compose-like project from local files")
def engine_runs():
    engine = made["engine"] = Engine()
    engine.network("shop_default", "172.30.0.0/24")
    web = engine.compose("shop", "web", 1, "httpd", "-f", "-p", "80", "-h", "/var/www", network="shop_default")
    client = engine.compose("shop", "client", 1, network="shop_default")
    said = wait_until("an answer from web",
                      lambda: client.run("wget", "-qO-", f"http://{web.address()}/", check=False).stdout)
    assert said == "hello\n", said
    assert web.pid() > 0
    web.restart()
    assert engine.run("ps", "-q").stdout.count("\n") == 2


@test("an image can carry other programs of this machine", needs=engine_runs)
def richer_image():
    engine = made["engine"]
    name = engine.image("eastwatch-test/tools", programs=["nmap", "curl"], paths=["/usr/share/nmap/nmap-services"])
    said = engine.run("run", "--rm", "--network", "none", name, "nmap", "--version").stdout
    assert "Nmap version" in said, said


main()
