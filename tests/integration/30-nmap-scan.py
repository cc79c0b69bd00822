#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real nmap from a container that was taken over: one scan incident, one message, from the
daemon's first minute and whatever it has learned."""

from live import *
from live.shop import EngineShop, story_settings

hook = Webhook()
made = {}


@test("nmap -sT of one neighbour is one scan incident and one message")
def scan():
    engine = Engine()
    tools = engine.image("eastwatch-test/nmap", programs=["nmap"], paths=["/usr/share/nmap"])
    daemon = made["daemon"] = Daemon(story_settings(hook, learning={"startup_min": "1s", "startup_max": "2s", "grace": "1s"})).start()
    shop = made["shop"] = EngineShop(engine)
    attacker = made["attacker"] = engine.compose("shop", "jump", 1, network="shop_back", image=tools)
    target = shop.address("db")
    wait_until("the project's edges", lambda: len(daemon.rows("edges")) >= 6)
    said = attacker.run("nmap", "-sT", "-n", "-Pn", "--top-ports", "100", target).stdout
    assert "100 scanned ports" in said or "scanned in" in said, said
    incidents = wait_until("the incident", lambda: [
        i for i in daemon.rows("incidents") if any("scan" in d for d in i["detectors"])])
    assert len(incidents) == 1, incidents
    incident = made["incident"] = incidents[0]
    assert incident["src_workload"] == shop.workload("jump"), incident
    assert shop.workload("db") in [t.get("workload") for t in incident["targets"]], incident
    assert "T1046" in incident["techniques"], incident
    hook.wait(1)


@test("going on with the scan adds evidence, not messages", needs=scan)
def goes_on():
    daemon, attacker = made["daemon"], made["attacker"]
    attacker.run("nmap", "-sT", "-n", "-Pn", "--top-ports", "400", made["shop"].address("cache"), timeout=300)
    rejected = lambda: daemon.rows("flows", "--from-workload", made["shop"].workload("jump"), "--state", "REJ")
    wait_until("the refused connections as rows", lambda: len(rejected()) > 300)
    incidents = [i for i in daemon.rows("incidents") if i["src_workload"] == made["shop"].workload("jump")]
    assert len(incidents) == 1, incidents
    assert len(hook.accepted) == 1, [m.json["data"]["title"] for m in hook.accepted]


main()
