#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The story the product exists for, on a real engine: a project is learned, lives through
restart, scaling and redeployment without a word, and then one of its containers opens a
connection it never made: one incident, one message, the same facts everywhere.

Learning is shortened by its unit alone (learning.minimum_age, in seconds) and the real-time
keys beside it.
"""

import json
import os
import sqlite3
import sys
import time

from live import *

AGE_S = 5
SETTINGS = {
    "node": "n1",
    "learning": {"minimum_age": f"{AGE_S}s", "startup_min": "2s", "startup_max": "4s",
                 "change_window": "4s", "change_hold": "1s", "grace": "1s"},
    "incidents": {"hold_down": {"page": "1s", "notify": "2s"}},
}
# A client that calls its neighbours in turn, a few times a second, and its listener.
LOOP = "while :; do for u in %s; do wget -q -T 2 -O /dev/null http://$u/; done; sleep 0.2; done"
REDIS = "while :; do printf 'PING\\r\\nQUIT\\r\\n' | nc -w 2 db 6379 >/dev/null; sleep 0.2; done"

engine = Engine()
hook = Webhook()
daemon = Daemon({**SETTINGS, "webhooks": [
    {"name": "ops", "type": "generic", "url": hook.url, "tiers": ["page", "notify"]}]})
made = {}


def shell(listen, *loops):
    parts = [f"httpd -p {listen} -h /var/www"] if listen else []
    parts += [f"({loop}) &" for loop in loops]
    return ("sh", "-c", "; ".join(parts).replace("&;", "& ") + "; wait; sleep 86400")


def web(number, extra=()):
    container = engine.compose("shop", "web", number, *shell(80, LOOP % "api:8000"),
                               network="front", options=("--network-alias", "web", *extra))
    container.join("back")
    return container


def loud():
    """Signals a person would hear of."""
    return [s for s in daemon.rows("signals") if s["score"] >= 50]


def incidents():
    return [i for i in daemon.rows("incidents") if i["tier"] in ("notify", "page")]


def sql(query, *values):
    """What a second process sees in the public views, with the stock SQLite."""
    with sqlite3.connect(f"file:{daemon.database}?mode=ro", uri=True) as db:
        return db.execute(query, values).fetchall()


@test("the daemon watches before a container exists, and says so")
def begins():
    daemon.start()
    status = daemon.eastwatch("status").stdout
    assert "docker" in status, status


@test("a project of six services on two networks is learned", needs=begins)
def learned():
    engine.network("front", "10.81.0.0/24")
    engine.network("back", "10.82.0.0/24")
    redis = engine.image("eastwatch-test/redis", programs=["/usr/bin/redis-server"])
    engine.compose("shop", "db", 1, "redis-server", "--protected-mode", "no", "--save", "",
                   network="back", image=redis, options=("--network-alias", "db"))
    engine.compose("shop", "cache", 1, *shell(8080), network="back",
                   options=("--network-alias", "cache"))
    api = engine.compose("shop", "api", 1, *shell(8000, REDIS, LOOP % "cache:8080"),
                         network="back", options=("--network-alias", "api"))
    made["web"] = web(1)
    engine.compose("shop", "edge", 1, *shell(None, LOOP % "web"), network="front")
    engine.compose("shop", "probe", 1, *shell(None, LOOP % "web"), network="front")
    made["api"] = api
    expected = {("compose/shop/edge", "compose/shop/web", 80),
                ("compose/shop/probe", "compose/shop/web", 80),
                ("compose/shop/web", "compose/shop/api", 8000),
                ("compose/shop/api", "compose/shop/db", 6379),
                ("compose/shop/api", "compose/shop/cache", 8080)}

    def settled():
        edges = {(e["src_workload"], e["dst_workload"], e["dst_port"]): e for e in daemon.rows("edges")}
        assert expected <= set(edges), f"missing {expected - set(edges)}"
        waiting = [k for k in expected if edges[k]["status"] != "baseline"]
        assert not waiting, f"not baseline yet: {waiting}"
        states = {w["workload"]: w["state"] for w in daemon.rows("workloads")}
        young = [n for n in ("edge", "web", "api") if states[f"compose/shop/{n}"] not in ("provisional", "mature")]
        assert not young, f"still learning: {young} {states}"
        return edges

    made["edges"] = wait_until("the baseline of the project", settled, limit=25 * AGE_S, every=0.5)
    between = {k[:2] for k in made["edges"] if k[0].startswith("compose/") and k[1].startswith("compose/")}
    assert between == {k[:2] for k in expected}, f"an edge nobody made: {between}"
    assert not loud(), loud()


@test("restart, three replicas and a redeployment raise nothing at notify", needs=learned)
def quiet():
    made["web"].restart()
    made["api"].restart()
    time.sleep(2)
    two, three = web(2), web(3)
    time.sleep(AGE_S)
    for number, container in enumerate((made["web"], two, three), 1):
        container.remove()
        made[f"web{number}"] = web(number, ("--env", "RELEASE=2"))
    made["web"] = made["web1"]
    time.sleep(2 * AGE_S)
    assert not loud(), loud()
    assert not incidents(), incidents()
    assert not hook.requests, [r.json for r in hook.requests]
    rows = [i for i in daemon.rows("instances") if i["workload"] == "compose/shop/web"]
    assert len([i for i in rows if not i["stopped_us"]]) == 3, rows


@test("one connection nobody ever made is one incident at the right workloads", needs=quiet)
def attacked():
    # Fully grown: at 7 A a lone edge scores its full novelty.
    time.sleep(4 * AGE_S)
    made["t"] = time.time()
    said = made["web2"].run("sh", "-c", "printf 'KEYS *\\r\\nQUIT\\r\\n' | nc -w 2 db 6379").stdout
    assert said.startswith(("*", "+")), said
    found = wait_until("the incident", incidents, limit=15)
    assert len(found) == 1, found
    incident = made["incident"] = found[0]
    assert incident["src_workload"] == "compose/shop/web", incident
    targets = [(t.get("workload"), t["port"]) for t in incident["targets"]]
    assert targets == [("compose/shop/db", 6379)], incident
    assert "new-edge" in incident["detectors"], incident
    assert incident["src_instance"], incident


@test("exactly one message reaches the receiver, with the incident's id and facts", needs=attacked)
def told():
    hook.wait(1, limit=20)
    time.sleep(4)  # a second one would come now
    assert len(hook.requests) == 1, [r.json for r in hook.requests]
    data = hook.requests[0].json["data"]
    assert data["id"] == made["incident"]["id"], data
    assert data["src_workload"] == "compose/shop/web", data
    assert "compose/shop/db" in json.dumps(data["targets"]), data


@test("incidents, explain and the SQL views tell the same", needs=attacked)
def agrees():
    incident = made["incident"]
    text = daemon.eastwatch("explain", incident["id"]).stdout
    for fact in ("compose/shop/web", "compose/shop/db", "6379", *incident["techniques"]):
        assert fact in text, f"{fact} is not in:\n{text}"
    for reason in incident["reasons"]:
        assert reason["reason"] in text, f"{reason} is not in:\n{text}"
    rows = sql("SELECT id, src_workload, score FROM v_incidents WHERE tier IN ('notify', 'page')")
    assert rows == [(incident["id"], "compose/shop/web", incident["score"])], rows
    rows = sql("SELECT DISTINCT detector, src_workload, dst_workload FROM v_signals WHERE score >= 50")
    assert ("new-edge", "compose/shop/web", "compose/shop/db") in rows, rows
    flows = daemon.rows("flows", "--from-workload", "compose/shop/web", "--to-workload", "compose/shop/db")
    assert flows and all(f["dst_port"] == 6379 for f in flows), flows


@test("a signal is visible to a second process within a second of the first packet", needs=learned)
def fast():
    # Twenty services that each know one neighbour, then each opens the database.
    count = 20
    services = [engine.compose("fleet", f"s{n}", 1, *shell(None, LOOP % "cache:8080"), network="back")
                for n in range(count)]
    names = {f"compose/fleet/s{n}" for n in range(count)}

    def grown():
        states = {w["workload"]: w for w in daemon.rows("workloads")}
        young = [n for n in names if states[n]["state"] not in ("provisional", "mature")]
        assert not young, f"still learning: {len(young)}"
        return True

    wait_until("twenty services to be learned", grown, limit=30 * AGE_S, every=0.5)
    database = next(i for i in daemon.rows("instances") if i["workload"] == "compose/shop/db" and not i["stopped_us"])
    address = database["addresses"][0]
    script = ("import socket, sys, time\nt = time.time()\ns = socket.create_connection((sys.argv[1], 6379), 3)\n"
              "print(t)\ns.sendall(b'PING\\r\\nQUIT\\r\\n')\ns.recv(100)\n")
    delays = []
    with sqlite3.connect(f"file:{daemon.database}?mode=ro", uri=True) as db:
        for number, container in enumerate(services):
            sent = float(output("nsenter", "-t", str(container.pid()), "-n", sys.executable, "-c", script, address))
            seen = wait_until("the signal row", lambda: db.execute(
                "SELECT 1 FROM v_signals WHERE src_workload = ? AND dst_workload = 'compose/shop/db'",
                (f"compose/fleet/s{number}",)).fetchone() and time.time(), limit=20, every=0.005)
            delays.append(seen - sent)
    delays.sort()
    p95 = delays[int(len(delays) * 0.95) - 1]
    diag(f"latency of {count}: median {delays[count // 2]:.3f} s, p95 {p95:.3f} s, max {delays[-1]:.3f} s")
    # Not a benchmark: the issue's own requirement on what a person can rely on.
    assert p95 <= 1.0, delays


@test("the daemon stops in order and the database can be asked without it", needs=begins)
def stops():
    assert daemon.stop() == 0, daemon.log_text()[-2000:]
    assert len(daemon.rows("edges")) >= 1


main()
