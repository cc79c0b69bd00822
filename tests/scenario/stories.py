#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attack stories and as many quiet days, through `eastwatch replay`.

Each story makes a capture and an inventory (tests/support/synth.py), and says beforehand
which incidents a person must hear of. Scores come from detectors.md section 2 by hand; no
expectation is taken from a run. Learning is shortened by its unit A alone.
"""

import json
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.dont_write_bytecode = True

from live.proc import run  # noqa: E402
from live.tap import diag, main, test  # noqa: E402
from synth import Node  # noqa: E402

A = 60.0  # seconds; the unit of every age
GROWN = 8 * A  # maturity is complete at 7 A
CONFIG = """
node: n1
learning: {minimum_age: 60s, startup_min: 5s, startup_max: 10s, change_window: 30s, change_hold: 10s, grace: 1s, tombstone: 1h}
incidents: {hold_down: {page: 20s, notify: 120s}}
"""

EASTWATCH = os.path.join(os.environ.get("EW_BUILDDIR", "."), "eastwatch")


def shop(seed=1, until=GROWN + 120):
    """The usual day: front -> web -> api -> {db, cache}, metrics on everything."""
    node = Node(seed)
    for name in ("front", "web", "api", "db", "cache", "metrics"):
        node.instance(f"compose/shop/{name}")
    for client, server, port, every in (("front", "web", 80, 0.5), ("web", "api", 8000, 0.5),
                                        ("api", "db", 5432, 0.4), ("api", "cache", 6379, 0.4),
                                        ("metrics", "web", 80, 2.0), ("metrics", "api", 8000, 2.0)):
        node.steady(1.0, until, f"compose/shop/{client}", f"compose/shop/{server}", port, every)
    return node


def one(node, name):
    return next(i for i in reversed(node.instances) if i.workload.endswith("/" + name) and i.stopped is None)


def judge(node, name, *words):
    """Replay the story; returns (incidents, signals, connections) as the commands list them."""
    with tempfile.TemporaryDirectory(prefix="ew-story-") as folder:
        paths = {n: os.path.join(folder, n) for n in ("capture.pcap", "inventory.json", "config.yaml", "case.db")}
        node.write_capture(paths["capture.pcap"])
        node.write_inventory(paths["inventory.json"])
        with open(paths["config.yaml"], "w", encoding="utf-8") as file:
            file.write(CONFIG)
        run(EASTWATCH, "replay", "--config", paths["config.yaml"], "--inventory", paths["inventory.json"],
            "--db", paths["case.db"], "--summary", *words, paths["capture.pcap"])

        def rows(verb):
            said = run(EASTWATCH, verb, "--db", paths["case.db"], "-o", "json", "--last", "0").stdout
            return [json.loads(line) for line in said.splitlines()]
        incidents, signals = rows("incidents"), rows("signals")
    diag(f"{name}: " + "; ".join(f"{i['tier']} {i['score']} {i['title']}" for i in incidents))
    return incidents, signals


def heard(incidents):
    return [i for i in incidents if i["tier"] in ("notify", "page")]


def expect(found, source, tier, targets=None, detector=None, techniques=()):
    loud = heard(found[0])
    assert len(loud) == 1, f"{len(loud)} incidents a person hears of: {[i['title'] for i in loud]}"
    incident = loud[0]
    assert incident["src_workload"] == source, incident["src_workload"]
    assert incident["tier"] == tier, (incident["tier"], incident["score"], incident["reasons"])
    if targets is not None:
        got = {(t.get("workload"), t["port"]) for t in incident["targets"]}
        assert targets <= got, got
    if detector:
        assert detector in incident["detectors"], incident["detectors"]
    for technique in techniques:
        assert technique in incident["techniques"], incident["techniques"]
    return incident


# --- attacks ------------------------------------------------------------------------------------


@test("a lone new edge of a grown workload is a notify: 35 + 15 + 10 = 60")
def lone_edge():
    node = shop()
    node.tcp(GROWN, one(node, "front"), one(node, "metrics"), 9999)
    incident = expect(judge(node, "lone edge"), "compose/shop/front", "notify", {("compose/shop/metrics", 9999)}, "new-edge")
    assert incident["score"] == 60, incident["reasons"]


@test("ssh to a peer is a page: 35 + 15 + 20 + 10 = 80")
def ssh_peer():
    node = shop()
    node.tcp(GROWN, one(node, "web"), one(node, "cache"), 22, request=900, answer=1400)
    incident = expect(judge(node, "ssh to a peer"), "compose/shop/web", "page", {("compose/shop/cache", 22)})
    assert incident["score"] == 80, incident["reasons"]


@test("the metadata address from an application is a page: 35 + 15 + 25 + 10 = 85")
def metadata():
    node = shop()
    node.tcp(GROWN, one(node, "api"), "169.254.169.254", 80)
    incident = expect(judge(node, "metadata"), "compose/shop/api", "page", detector="sensitive-access")
    assert incident["score"] >= 85, incident["reasons"]


@test("five refused ports on one host are a vertical scan, one incident")
def vertical_scan():
    node = shop()
    for number, port in enumerate((21, 22, 23, 25, 110, 111, 135, 139, 143, 443)):
        node.tcp(GROWN + number * 0.05, one(node, "web"), one(node, "cache"), port, outcome="refused")
    expect(judge(node, "vertical scan"), "compose/shop/web", "page", detector="scan-vertical", techniques=("T1046",))


@test("a sweep of addresses nobody owns shows in ARP alone and is one incident")
def arp_sweep():
    node = shop()
    for last in range(100, 130):
        node.arp(GROWN + (last - 100) * 0.03, one(node, "web"), f"172.18.0.{last}", answered=False)
    expect(judge(node, "arp sweep"), "compose/shop/web", "page", techniques=("T1018",))


@test("a scan from the first second is heard although everybody is still learning")
def early_scan():
    node = shop(until=100)
    for number in range(20):
        node.tcp(30 + number * 0.02, one(node, "web"), one(node, "db"), 1000 + number, outcome="refused")
    incidents, _ = judge(node, "early scan")
    loud = heard(incidents)
    assert len(loud) == 1 and loud[0]["src_workload"] == "compose/shop/web", incidents


# --- quiet days -----------------------------------------------------------------------------------


def expect_quiet(node, name):
    incidents, signals = judge(node, name)
    assert not heard(incidents), [(i["title"], i["score"], i["reasons"]) for i in heard(incidents)]
    return incidents, signals


@test("an ordinary day says nothing at all")
def ordinary():
    incidents, signals = expect_quiet(shop(), "ordinary day")
    assert not incidents and not signals, signals


@test("a rolling deploy that reuses addresses is quiet")
def rolling_deploy():
    node = shop(until=0)
    for at, name in ((GROWN, "web"), (GROWN + 3, "api")):
        node.replace(one(node, name), at, image=f"{name}:2.0")
    for client, server, port, every in (("front", "web", 80, 0.5), ("web", "api", 8000, 0.5),
                                        ("api", "db", 5432, 0.4), ("api", "cache", 6379, 0.4),
                                        ("metrics", "web", 80, 2.0), ("metrics", "api", 8000, 2.0)):
        node.steady(1.0, GROWN + 100, f"compose/shop/{client}", f"compose/shop/{server}", port, every)
    expect_quiet(node, "rolling deploy")


@test("a database that is down for minutes is no scan: known edges are never scored")
def outage():
    node = shop(until=GROWN)
    for number in range(200):
        node.tcp(GROWN + number * 0.4, one(node, "api"), one(node, "db"), 5432,
                 outcome="refused" if number % 2 else "silent")
    expect_quiet(node, "outage")


@test("scaling one service to five replicas and back is quiet")
def scaling():
    node = shop(until=GROWN)
    replicas = [node.instance("compose/shop/web", started=GROWN + n) for n in range(4)]
    for client, server, port, every in (("front", "web", 80, 0.2), ("web", "api", 8000, 0.5),
                                        ("api", "db", 5432, 0.4)):
        node.steady(GROWN, GROWN + 60, f"compose/shop/{client}", f"compose/shop/{server}", port, every)
    for replica in replicas:
        replica.stop(GROWN + 60)
    expect_quiet(node, "scaling")


@test("the same capture gives the same incidents, twice")
def deterministic():
    def story():
        node = shop(7)
        node.tcp(GROWN, one(node, "front"), one(node, "db"), 5432)
        return judge(node, "twice")
    first, second = story(), story()
    assert first == second, "two runs differ"
    incident = expect(first, "compose/shop/front", "notify", {("compose/shop/db", 5432)})
    assert incident["score"] == 65, incident["reasons"]  # 35 + 5 (one peer has it) + 15 + 10


main()
