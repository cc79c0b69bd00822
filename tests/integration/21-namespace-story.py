#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The story of 20-docker-story without a container runtime: network namespaces on bridges.
A namespace's own name is its workload; what is seen and judged is the same."""

from live import *
from live.shop import NamespaceShop, story_settings, wait_learned

hook = Webhook()
node = Node()
made = {}


@test("without a runtime, namespaces are the workloads and their edges are learned")
def learns():
    daemon = made["daemon"] = Daemon(story_settings(hook)).start()
    shop = made["shop"] = NamespaceShop(node)
    wait_learned(daemon, shop)
    doctor = daemon.eastwatch("doctor", check=False).stdout
    assert "docker" in doctor.lower(), doctor


@test("a restart of everything is not news", needs=learns)
def quiet():
    made["shop"].restart()
    before = len(made["daemon"].rows("flows"))
    wait_until("more flows", lambda: len(made["daemon"].rows("flows")) > before + 50)
    loud = [s for s in made["daemon"].rows("signals") if s["score"] >= 50]
    assert not loud, loud
    assert not hook.requests


@test("a connection never made, to the database, is one incident and one message", needs=quiet)
def attack():
    shop, daemon = made["shop"], made["daemon"]
    shop.connect("worker", shop.address("db"), 5432)
    incidents = wait_until("an incident", lambda: daemon.rows("incidents"))
    assert len(incidents) == 1, incidents
    assert incidents[0]["src_workload"] == shop.workload("worker"), incidents
    assert [t.get("workload") for t in incidents[0]["targets"]] == [shop.workload("db")], incidents
    assert len(hook.wait(1)) == 1


main()
