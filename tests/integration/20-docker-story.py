#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Compose-like project on a real engine, from its first packet to one chat message.

It is learned with a day of eight seconds; restarted, scaled and redeployed without a word;
then the worker opens the database it never used: one incident, one message, and the same
facts from every place where a person may look.
"""

import json
import sqlite3

from live import *
from live.shop import EngineShop, story_settings, wait_learned

hook = Webhook()
made = {}


def loud(daemon):
    """Signals a person would hear of."""
    return [s for s in daemon.rows("signals") if s["score"] >= 50]


@test("the daemon starts before the project and knows every container by its service")
def starts():
    engine = made["engine"] = Engine()
    engine.image()
    daemon = made["daemon"] = Daemon(story_settings(hook)).start()
    shop = made["shop"] = EngineShop(engine)
    wanted = {shop.workload(part) for part in ("db", "cache", "api", "web", "worker", "edge")}
    wait_until("every workload by name", lambda: wanted <= {r["workload"] for r in daemon.rows("workloads")})


@test("what talks is learned, with the initiator on the left", needs=starts)
def learns():
    wait_learned(made["daemon"], made["shop"])
    flows = made["daemon"].rows("flows", "--to-workload", made["shop"].workload("db"))
    assert {f["src_workload"] for f in flows} == {made["shop"].workload("api")}, flows[:3]
    assert {f["dst_port"] for f in flows} == {5432}


@test("restart, three replicas and a new release are not news", needs=learns)
def quiet():
    shop, daemon = made["shop"], made["daemon"]
    shop.restart()
    shop.scale("worker", 3)
    shop.redeploy("api", "2")
    names = {shop.containers["worker", n].id[:12] for n in (1, 2, 3)}
    wait_until("flows of every replica", lambda: names <= {
        str(f["src_instance"])[:12] for f in daemon.rows("flows", "--from-workload", shop.workload("worker"))})
    made["quiet_until"] = json.loads(daemon.eastwatch("sql", "-o", "json", "SELECT max(end_us) AS now FROM v_flows").stdout)["now"]
    assert not loud(daemon), loud(daemon)
    assert not hook.requests, hook.requests[0].body


@test("a connection never made, to the database, is one incident and one message", needs=quiet)
def attack():
    shop, daemon = made["shop"], made["daemon"]
    made["begun"] = shop.connect("worker", shop.address("db"), 5432)
    incidents = wait_until("an incident", lambda: daemon.rows("incidents"))
    assert len(incidents) == 1, incidents
    incident = made["incident"] = incidents[0]
    assert incident["src_workload"] == shop.workload("worker"), incident
    assert [t.get("workload") for t in incident["targets"]] == [shop.workload("db")], incident
    assert incident["tier"] in ("notify", "page"), incident
    messages = hook.wait(1)
    assert len(messages) == 1, [m.body for m in messages]
    assert messages[0].json["data"]["id"] == incident["id"]


@test("the message, the command, the explanation and the views agree", needs=attack)
def agree():
    shop, daemon, incident = made["shop"], made["daemon"], made["incident"]
    told = hook.accepted[0].json["data"]
    for key in ("id", "src_workload", "tier", "title"):
        assert told[key] == incident[key], (key, told[key], incident[key])
    explained = daemon.eastwatch("explain", incident["id"]).stdout
    assert shop.workload("worker") in explained and shop.workload("db") in explained, explained
    assert str(incident["score"]) in explained, explained
    with sqlite3.connect(f"file:{daemon.database}?mode=ro", uri=True) as db:
        rows = db.execute("SELECT src_workload, tier FROM v_incidents").fetchall()
        assert rows == [(incident["src_workload"], incident["tier"])], rows
        signals = db.execute("SELECT dst_workload, ts_us FROM v_signals WHERE score >= 50").fetchall()
    assert {s[0] for s in signals} == {shop.workload("db")}, signals
    diag(f"signal {signals[0][1] / 1e6 - made['begun']:.3f} s after the sender's clock before connect (packet time)")


@test("the incident survives a kill of the daemon, and the message is not sent again", needs=agree)
def survives():
    daemon = made["daemon"]
    import signal
    daemon.stop(signal.SIGKILL)
    daemon.start()
    assert [i["id"] for i in daemon.rows("incidents")] == [made["incident"]["id"]]
    made["shop"].connect("worker", made["shop"].address("db"), 5432)
    wait_until("new flows", lambda: daemon.rows("flows", "--from-workload", made["shop"].workload("worker"), "--port", "5432"))
    assert len(hook.accepted) == 1, [m.body for m in hook.accepted]


@test("it stops cleanly and leaves a database that commands can ask", needs=starts)
def stops():
    assert made["daemon"].stop() == 0, made["daemon"].log_text()[-2000:]
    assert eastwatch("edges", "--db", made["daemon"].database, "-o", "json").stdout.strip()


main()
