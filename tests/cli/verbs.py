#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command as a whole, on a small database that `fixture` writes: what every verb prints
in every form, what it refuses and with which exit code, and that no name does harm."""

import base64
import csv
import hashlib
import io
import ipaddress
import json
import os
import re
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unicodedata
import xml.etree.ElementTree

BUILD = os.environ.get("EW_BUILDDIR", ".")
SOURCE = os.environ.get("EW_SRCDIR", ".")
EASTWATCH = os.environ.get("EASTWATCH", os.path.join(BUILD, "eastwatch"))
FIXTURE = os.environ.get("EW_FIXTURE", os.path.join(BUILD, "tests/cli/fixture"))
ENV = dict(os.environ, TZ="UTC", LC_ALL="C.UTF-8")
ENV.pop("NO_COLOR", None)
LISTS = ["flows", "edges", "incidents", "signals", "workloads", "instances"]
scratch = tempfile.TemporaryDirectory(prefix="eastwatch-cli-")
cases = []


def test(sentence):
    def note(function):
        cases.append((sentence, function))
        return function
    return note


def path(name):
    return os.path.join(scratch.name, name)


def ew(*args, db="plain.db", env=None, stdin=None):
    """Run a verb; db is appended as --db unless it is None."""
    words = [EASTWATCH, *args]
    if db:
        words[2:2] = ["--db", path(db)]
    done = subprocess.run(words, env=env or ENV, input=stdin, capture_output=True, timeout=60)
    done.out = done.stdout.decode("utf-8", "strict")
    done.err = done.stderr.decode("utf-8", "strict")
    return done


def rows(*args, db="plain.db"):
    done = ew(*args, "-o", "json", db=db)
    assert done.returncode == 0, (args, done.returncode, done.err)
    return [json.loads(line) for line in done.out.splitlines()]


def fails(code, *args, says="", db="plain.db"):
    done = ew(*args, db=db)
    assert done.returncode == code, (args, done.returncode, done.out, done.err)
    assert done.err.startswith("eastwatch"), done.err
    assert says in done.err, (says, done.err)
    assert done.err.count("\n") == 1, done.err
    return done


def ports(*args):
    return sorted(row["dst_port"] for row in rows("flows", *args))


# --- the frame ---------------------------------------------------------------------------------

@test("every verb has a help with options and examples, and nothing on stderr")
def every_help():
    overview = ew("help", db=None)
    assert overview.returncode == 0
    verbs = re.findall(r"^  ([a-z-]+) {2,}\S", overview.out, re.M)
    verbs = [v for v in verbs if v not in ("eastwatch",)]
    assert set(LISTS) < set(verbs), verbs
    for verb in verbs:
        for words in (["help", verb], [verb, "--help"]):
            done = ew(*words, db=None)
            assert done.returncode == 0 and not done.err, (words, done.err)
            assert "usage: eastwatch %s" % verb in done.out and "Examples:" in done.out


@test("without a verb, or with a wrong one, the exit code is 2 and a near name is offered")
def wrong_verb():
    assert ew(db=None).returncode == 2
    done = ew("flwos", db=None)
    assert done.returncode == 2 and 'did you mean "flows"' in done.err


@test("wrong options, values and words are refused with one sentence and 2")
def usage():
    for words, says in [
            (["flows", "--nonsense"], "--nonsense"), (["flows", "-q"], "-q"),
            (["flows", "--since"], "needs a value"), (["flows", "--since", "yesterday"], "no time"),
            (["flows", "--last", "-3"], "number"), (["flows", "-o", "yaml"], "table, wide, json, csv"),
            (["flows", "--port", "abc"], "port"), (["flows", "--ip", "1.2.3"], "1.2.3"),
            (["flows", "--not"], "none follows"), (["flows", "--not", "--since", "1h"], "filter"),
            (["flows", "--not", "--not", "--port", "1"], "once"),
            (["flows", "--by", "nonsense"], "nonsense"), (["flows", "-f", "--by", "proto"], "follow"),
            (["flows", "-f", "--until", "1h"], "--until"), (["flows", "--color", "maybe"], "auto"),
            (["flows", "--since", "1h", "--until", "2h"], "empty"),
            (["flows", "--where", "nonsense=1"], "nonsense"), (["flows", "extra"], "too much"),
            (["who"], "IP"), (["who", "nobody"], "address"), (["explain", "not-an-id"], "id"),
            (["map", "-o", "png"], "dot"), (["map", "--diff", "1d"], "two times"),
            (["map", "--hops", "2"], "--around"), (["baseline", "nonsense"], "baseline nonsense"),
            (["baseline", "accept"], "argument"), (["sql", "DELETE FROM flow"], ""),
            (["sql", "SELECT 1; SELECT 2"], ""), (["sql"], "statement"),
            (["path", "shop/web"], "FROM TO"), (["webhook", "nonsense"], "nonsense"),
            (["top", "--interval", "1ms"], "100ms")]:
        fails(2, *words, says=says)


@test("a database that is not there, foreign, newer or damaged is named: 3")
def databases():
    fails(3, "flows", db="missing.db", says="missing.db")
    with open(path("text.db"), "w") as file:
        file.write("this is no database\n" * 200)
    fails(3, "flows", db="text.db", says="text.db")
    with sqlite3.connect(path("foreign.db")) as other:
        other.execute("CREATE TABLE t (a)")
    fails(3, "edges", db="foreign.db", says="another program")
    with open(path("plain.db"), "rb") as old, open(path("newer.db"), "wb") as new:
        new.write(old.read())
    with sqlite3.connect(path("newer.db")) as newer:
        newer.execute("PRAGMA user_version = 4711")
    fails(3, "incidents", db="newer.db", says="newer")
    os.mkdir(path("folder.db"))
    fails(3, "map", db="folder.db", says="folder.db")


@test("of several exit codes the first in the order 2 3 1 4 5 wins")
def precedence():
    assert ew("flows", "--exit-code").returncode == 5
    assert ew("flows", "--exit-code", "--port", "9").returncode == 0
    strict = ew("flows", "--strict", "--exit-code", "--since", "2026-01-01")
    assert strict.returncode == 4 and "gaps" in strict.err
    assert ew("flows", "--strict", "--port", "x").returncode == 2
    assert ew("flows", "--since", "2026-01-10T11:57:00Z", "--strict").returncode == 0


@test("a reader that goes away is no failure, a full disk is")
def pipes():
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n LIMIT 300000) SELECT x FROM n"
    with subprocess.Popen([EASTWATCH, "sql", "--db", path("plain.db"), "-o", "csv", endless],
                          stdout=subprocess.PIPE, env=ENV) as p:
        p.stdout.readline()
        p.stdout.close()
        assert p.wait(30) == 0
    with open("/dev/full", "w") as full:
        done = subprocess.run([EASTWATCH, "flows", "--db", path("plain.db")], stdout=full,
                              stderr=subprocess.PIPE, env=ENV)
    assert done.returncode == 1 and b"written" in done.stderr, done


@test("-f goes on with new rows, shows each once, and ends with 0 on Ctrl-C")
def follow():
    subprocess.run([FIXTURE, path("follow.db")], check=True)
    with subprocess.Popen([EASTWATCH, "flows", "--db", path("follow.db"), "-f", "-o", "json"],
                          stdout=subprocess.PIPE, env=ENV) as p:
        seen = [json.loads(p.stdout.readline()) for _ in range(7)]
        subprocess.run([FIXTURE, path("follow.db")], check=True)
        while len([s for s in seen if s["schema"] == "eastwatch.flow/1"]) < 14:
            seen.append(json.loads(p.stdout.readline()))
        p.send_signal(signal.SIGINT)
        assert p.wait(10) == 0
        seen += [json.loads(line) for line in p.stdout]
    gaps = [s for s in seen if s["schema"] == "eastwatch.gap/1"]
    assert len(seen) == 14 + len(gaps) and gaps[0]["lost"] == 321, seen


@test("colours come when asked for, and NO_COLOR and pipes keep them away")
def colours():
    assert "\033[" not in ew("edges").out
    assert "\033[3" in ew("edges", "--color", "always").out
    assert "\033[" not in ew("edges", "--color", "never").out


@test("shared options may stand before the verb")
def before_the_verb():
    for words in (["--db", path("plain.db"), "flows"], ["--db=" + path("plain.db"), "flows"],
                  ["-o", "table", "--db", path("plain.db"), "flows"]):
        assert ew(*words, db=None).out == ew("flows").out, words
    assert ew("--nonsense", "flows", db=None).returncode == 2
    assert ew("--db", path("plain.db"), db=None).returncode == 2


# --- lists and filters -------------------------------------------------------------------------

@test("a repeated filter is OR, different ones are AND, --not negates the next")
def grammar():
    assert ports() == [22, 53, 5432, 5432, 6379, 8080, 8080]
    assert ports("--port", "22", "--port", "53") == [22, 53]
    assert ports("--port", "22", "--port", "53", "--workload", "pay/db") == [22]
    assert ports("--not", "--port", "8080", "--not", "--port", "5432") == [22, 53, 6379]
    assert ports("--from-workload", "shop/api", "--not", "--to-workload", "shop/db") == [22, 5432, 6379]
    assert ports("--workload", "pay/*") == [22, 5432, 6379]
    assert ports("--to-workload", "shop/d?") == [5432]
    assert ports("--container", "a9100000") == [22, 5432, 5432, 6379, 8080, 8080]
    assert ports("--from-container", "shop-web-1") == [53, 8080, 8080]
    assert ports("--ip", "172.19.0.0/16") == [22, 5432, 6379]
    assert ports("--from-ip", "fd00::/8") == [8080]
    assert ports("--proto", "udp") == [53] and ports("--proto", "17") == [53]
    assert ports("--state", "S0", "--state", "REJ") == [22, 6379]
    assert ports("--status", "novel", "--not", "--state", "SF") == [22, 6379]
    assert ports("--where", "src_bytes>0", "--not", "--where", "dst_port=8080") == [53, 5432, 5432]
    assert ports("--since", "2026-01-10T11:57:00Z") == [22, 5432, 6379]
    assert ports("--until", "2026-01-10T11:50:05Z") == [8080]
    assert ports("--last", "2") == [22, 6379] and len(ports("--last", "0")) == 7


@test("--by counts and adds up")
def by():
    got = {(r["src_workload"], r["verdict"]): r["count"] for r in rows("flows", "--by", "src_workload,verdict")}
    assert got == {("shop/web", "known"): 3, ("shop/api", "known"): 1, ("shop/api", "novel"): 3}, got


@test("JSON has the keys of the contract")
def keys():
    contract = {
        "flows": "schema flow_id community_id start_us end_us proto src_ip src_port dst_ip dst_port "
                 "src_workload src_instance dst_workload dst_instance conn_state history src_bytes "
                 "dst_bytes src_pkts dst_pkts method dir_known direction verdict src_attribution "
                 "nat_dst_ip nat_dst_port tunnel_parent gap",
        "edges": "src_workload dst_workload proto dst_port status first_us last_us connections failed "
                 "src_bytes dst_bytes",
        "workloads": "workload state age_s completeness instances maturity",
        "instances": "id name image runtime workload started_us stopped_us addresses",
        "incidents": "schema id opened_us updated_us state tier severity score title src_workload "
                     "src_instance targets techniques detectors reasons path signals messages_sent gaps",
        "signals": "schema id ts_us detector score src_workload src_ip dst_workload dst_ip evidence",
    }
    for verb, names in contract.items():
        for row in rows(verb):
            assert set(names.split()) <= set(row), (verb, set(names.split()) - set(row))
            assert row["schema"].startswith("eastwatch.") and row["schema"].endswith("/1")
    incident = rows("incidents")[0]
    assert incident["targets"][0]["port"] == 5432 and incident["reasons"][0]["points"] == 35
    assert isinstance(rows("instances")[0]["addresses"], list)


@test("wide shows more columns than table, --no-headers leaves the header out")
def columns():
    assert "SRC IP" in ew("flows", "-o", "wide").out and "SRC IP" not in ew("flows").out
    assert ew("flows").out.splitlines()[1:] == ew("flows", "--no-headers").out.splitlines()


def community_id(src, dst, sport, dport, proto):
    """Community ID v1 after its specification (seed 0), by hand."""
    ends = sorted([(ipaddress.ip_address(src).packed, sport), (ipaddress.ip_address(dst).packed, dport)])
    data = struct.pack("!H", 0) + ends[0][0] + ends[1][0] + struct.pack("!BBHH", proto, 0, ends[0][1], ends[1][1])
    return "1:" + base64.b64encode(hashlib.sha1(data).digest()).decode()


@test("flows speak ECS, OCSF, EVE, Zeek and CEF, each after its own schema")
def siem():
    cid = community_id("172.19.0.3", "172.19.0.2", 44101, 22, 6)
    one = ("--port", "22")
    assert rows("flows", *one)[0]["community_id"] == cid

    def line(form):
        done = ew("flows", *one, "-o", form)
        assert done.returncode == 0, done.err
        return done.out.splitlines()[-1]
    ecs = json.loads(line("ecs"))
    assert ecs["@timestamp"] == "2026-01-10T11:58:10.000000Z" and ecs["ecs"]["version"] == "8.11.0"
    assert ecs["event"]["duration"] == 10**9 and ecs["event"]["type"] == ["connection", "end"]
    assert ecs["network"] == {"transport": "tcp", "iana_number": "6", "type": "ipv4", "direction": "internal",
                              "community_id": cid, "bytes": 0}
    assert ecs["source"]["ip"] == "172.19.0.3" and ecs["destination"]["port"] == 22
    assert ecs["eastwatch"]["verdict"] == "novel" and ecs["eastwatch"]["dst_workload"] == "pay/db"
    ocsf = json.loads(line("ocsf"))
    assert (ocsf["class_uid"], ocsf["category_uid"], ocsf["activity_id"], ocsf["type_uid"]) == (4001, 4, 5, 400105)
    assert ocsf["status_id"] == 2 and ocsf["time"] == 1768046290000
    assert ocsf["connection_info"]["direction_id"] == 3 and ocsf["connection_info"]["community_uid"] == cid
    assert ocsf["metadata"]["version"] == "1.3.0" and ocsf["dst_endpoint"]["container"]["uid"].startswith("9a9")
    eve = json.loads(line("eve"))
    assert eve["event_type"] == "flow" and eve["proto"] == "TCP" and eve["dest_port"] == 22
    assert eve["timestamp"] == "2026-01-10T11:58:10.000000+0000" and eve["flow"]["state"] == "closed"
    zeek = ew("flows", *one, "-o", "zeek").out.splitlines()
    fields = zeek[-3].split("\t")[1:]
    assert zeek[-3].startswith("#fields\t") and zeek[-2].startswith("#types\t")
    assert len(fields) == len(zeek[-2].split("\t")) - 1 == len(zeek[-1].split("\t"))
    conn = dict(zip(fields, zeek[-1].split("\t")))
    assert (conn["ts"], conn["duration"]) == ("1768046289.000000", "1.000000")
    assert (conn["conn_state"], conn["history"], conn["orig_pkts"]) == ("REJ", "Sr", "-")
    assert conn["community_id"] == cid and conn["id.resp_p"] == "22"
    cef = line("cef")
    assert cef.startswith("CEF:0|eastwatch|eastwatchd|") and cef.split("|")[6] == "3"
    assert " src=172.19.0.3 " in cef and " cs2=pay/db " in cef and cid.replace("=", "\\=") in cef
    assert " c6a2=fd00:18::2 " in ew("flows", "--ip", "fd00::/8", "-o", "cef").out
    fails(2, "flows", "-o", "ecs", "--by", "proto", says="--by")
    for form in ("ecs", "ocsf", "eve", "zeek", "cef"):
        done = ew("flows", "-o", form, db="hostile.db")
        assert done.returncode == 0 and len(done.out.splitlines()) == (15 if form == "zeek" else 8)
        harmless(done.out, allow="\t" if form == "zeek" else "")
        assert ew("flows", "-o", form, "--exit-code").returncode == 5


# --- questions ---------------------------------------------------------------------------------

@test("who answers for now, for then, for ever, and says when nobody did")
def who():
    assert [r["workload"] for r in rows("who", "172.18.0.9")] == ["shop/db"]
    then = rows("who", "172.18.0.9", "--at", "2026-01-10T10:30:00Z")
    assert [r["workload"] for r in then] == ["shop/api"]
    assert set("ip network at_us workload instance from_us to_us".split()) <= set(then[0])
    assert len(rows("who", "172.18.0.9", "--history")) == 2
    nobody = ew("who", "203.0.113.9")
    assert nobody.returncode == 0 and not nobody.out and "nobody" in nobody.err


@test("explain finds an id by its beginning, and tells path, reasons, context and commands")
def explain():
    story = ew("explain", "001c").out
    for part in ["shop/api opened postgres on pay/db", "Path", "+35", "it usually talks to: shop/db:5432/tcp",
                 "What would make it benign", "baseline accept 001c000000000001", "T1021"]:
        assert part in story, (part, story)
    assert ew("explain", "last").out == story
    assert "signal 0051000000000001" in ew("explain", "0051").out
    told = json.loads(ew("explain", "001c", "-o", "json").out)
    assert told["expected"]["usually_talks_to"][0]["dst_workload"] == "shop/db"
    fails(1, "explain", "ffff", says="ffff")
    fails(1, "explain", "001c", db="hostile.db", says="several")


@test("the map is a tree, and well-formed dot, mermaid, GraphML and JSON")
def maps():
    for db in ("plain.db", "hostile.db"):
        tree = ew("map", db=db)
        assert tree.returncode == 0 and "-> shop/db:5432/tcp" in tree.out
        dot = ew("map", "-o", "dot", db=db).out
        assert re.sub(r'"(\\.|[^"\\])*"', "", dot).count('"') == 0
        mermaid = ew("map", "-o", "mermaid", db=db).out
        for label in re.findall(r'n\d+\(?\["(.*?)"\]', mermaid):
            assert not re.search(r'["<>`\[\]{}|]', label), label
        xml.etree.ElementTree.fromstring(ew("map", "-o", "graphml", db=db).out)
        graph = json.loads(ew("map", "-o", "json", db=db).out)
        assert graph["schema"] == "eastwatch.map/1"
    new = json.loads(ew("map", "--new", "-o", "json").out)["edges"]
    assert {e["status"] for e in new} == {"candidate", "quarantined", "denied"}
    around = json.loads(ew("map", "--around", "pay/db", "-o", "json").out)
    assert {n["workload"] for n in around["nodes"]} == {"pay/db", "shop/api"}
    diff = json.loads(ew("map", "--diff", "2026-01-10T11:00:00Z..2026-01-10T12:00:00Z", "-o", "json").out)
    assert {(e["dst_workload"], e["dst_port"]) for e in diff["edges"] if e["change"] == "came"} == {
        ("pay/db", 5432), ("pay/db", 22), ("shop/db", 22)}


@test("path, blast-radius and timeline answer from edges, networks and events")
def graph():
    hops = rows("path", "shop/web", "pay/db")
    assert [(h["kind"], h["dst_workload"]) for h in hops] == [("used", "shop/api"), ("used", "pay/db")]
    assert [h["dst_port"] for h in hops] == [8080, 5432]
    assert {r["dst_port"] for r in rows("top", "-b", "-n", "1", "--interval", "100ms", "--sort", "new")} >= {22, "dyn"}
    none = ew("path", "pay/db", "monitoring/prometheus")
    assert none.returncode == 0 and not none.out and "no way" in none.err
    fails(1, "path", "pay/db", "nobody", says="nobody")
    reach = {r["workload"]: r["kind"] for r in rows("blast-radius", "shop/web")}
    assert reach["pay/db"] == "used" and reach["shop/db"] == "used"
    kinds = {e["kind"] for e in rows("timeline", "shop/api")}
    assert {"start", "edge", "signal", "incident", "decision", "gap"} <= kinds


@test("baseline status says honestly how far it is, review and log show what waits and who decided")
def baseline():
    by_name = {r["workload"]: r for r in rows("baseline", "status")}
    assert "scans are judged already" in by_name["shop/db"]["sentence"]
    assert abs(by_name["shop/db"]["progress"] - 0.125) < 0.001
    assert by_name["shop/web"]["progress"] == 1
    assert "[##" in ew("baseline", "status", "shop/db").out
    review = ew("baseline", "review", "-o", "json").out.splitlines()
    assert [json.loads(r)["dst_port"] for r in review] == [22]
    assert [r["who"] for r in rows("baseline", "log")] == ["alice", "bob"]
    fails(1, "baseline", "status", "nobody", says="nobody")


@test("an exported baseline equals its database; a changed or cut file is refused")
def export():
    for db in ("plain.db", "hostile.db"):
        file = path(db + ".jsonl")
        assert ew("baseline", "export", file, db=db).returncode == 0
        with open(file) as text:
            lines = text.read().splitlines()
        assert json.loads(lines[-1])["type"] == "trailer"
        assert not re.search(r"172\.1[89]\.|a9100000", "\n".join(lines)), "an address or container id"
        assert rows("baseline", "diff", file, db=db) == []
    assert rows("baseline", "diff", path("plain.db.jsonl"), db="hostile.db")[0]["change"] == "+"
    with open(path("plain.db.jsonl")) as text:
        good = text.read()
    for name, bad, says in [("changed", good.replace("shop/web", "shop/weB", 1), "sum"),
                            ("cut", good[:len(good) // 2], "no JSON"),
                            ("no-trailer", "\n".join(good.splitlines()[:-1]) + "\n", "trailer"),
                            ("other", '{"a": 1}\n', "header"), ("empty", "", "empty")]:
        with open(path(name), "w") as text:
            text.write(bad)
        fails(1, "baseline", "diff", path(name), says=says)
    fails(1, "baseline", "export", path("plain.db.jsonl"), says="plain.db.jsonl")


@test("without a daemon, what needs one says so with 3; the rest works")
def no_daemon():
    for words in (["baseline", "accept", "a -> b:80/tcp"], ["counters"], ["webhook", "test", "ops"]):
        fails(3, *words, "--socket", path("none.sock"), says="eastwatchd", db=None)
    fails(2, "baseline", "accept", "a -> b:99999/tcp", "--socket", path("none.sock"), db=None)
    assert ew("status").returncode == 0
    state = json.loads(ew("status", "-o", "json").out)
    assert state["database"]["flows"] == 7 and state["daemon_runs"] is False


class FakeDaemon:
    """Listens like the daemon, keeps what it was asked, answers what it is told to."""

    def __init__(self, answer):
        self.path = path("fake.sock")
        self.asked = []
        self.answer = answer
        self.server = socket.socket(socket.AF_UNIX)
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.server.bind(self.path)
        self.server.listen(8)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            conn, _ = self.server.accept()
            with conn, conn.makefile("rw", encoding="utf-8") as lines:
                for line in lines:
                    request = json.loads(line)
                    self.asked.append(request)
                    reply = {"eastwatch": 1, "id": request["id"], "ok": True}
                    reply.update(self.answer)
                    lines.write(json.dumps(reply) + "\n")
                    lines.flush()


@test("decisions carry pattern or incident, time limit and reason to the daemon")
def decisions():
    daemon = FakeDaemon({"sentence": "done", "count": 2, "decision": "00000000000000aa"})

    def decide(*words):
        done = ew("baseline", *words, "--socket", daemon.path)
        assert done.returncode == 0, (words, done.err)
        assert "done" in done.out
        asked = daemon.asked[-1]
        return {k: v for k, v in asked.items() if k not in ("eastwatch", "id")}
    assert decide("accept", "a -> b:80/tcp", "--why", "release") == {
        "verb": "decide", "action": "accept", "pattern": "a -> b:80/tcp", "reason": "release"}
    assert decide("accept", "001c") == {
        "verb": "decide-incident", "decision": "accept", "incident": "001c000000000001"}
    assert decide("snooze", "001c000000000001", "--for", "24h") == {
        "verb": "decide-incident", "decision": "snooze", "incident": "001c000000000001", "ttl": "24h"}
    assert decide("deny", "* -> shop/db:22/tcp", "--for", "7d")["ttl"] == "7d"
    assert decide("label", "shop/web", "scanner,proxy")["labels"] == ["scanner", "proxy"]
    assert decide("label", "shop/web", "none")["labels"] == []
    assert decide("undo", "dec1") == {"verb": "decide", "action": "undo", "undoes": "dec1"}
    for action in ("forget", "lock", "unlock", "relearn"):
        assert decide(action, "shop/web") == {"verb": "decide", "action": action, "pattern": "shop/web"}
    asked = len(daemon.asked)
    fails(2, "baseline", "snooze", "shop/web", "--socket", daemon.path, says="--for")
    fails(2, "baseline", "label", "shop/web", "evil", "--socket", daemon.path, says="evil")
    fails(2, "baseline", "accept", "a", "--for", "soon", "--socket", daemon.path, says="soon")
    fails(2, "baseline", "undo", "not-hex", "--socket", daemon.path, says="not-hex")
    fails(1, "baseline", "accept", "001c", "--socket", daemon.path, db="hostile.db", says="several")
    assert len(daemon.asked) == asked
    file = path("import.jsonl")
    assert ew("baseline", "export", file).returncode == 0
    done = ew("baseline", "import", file, "--socket", daemon.path, db=None)
    assert done.returncode == 0, done.err
    imported = [a for a in daemon.asked if a.get("reason", "").startswith("imported")]
    assert {"shop/web -> shop/api:8080/6", "shop/web -> shop/db:22/6"} <= {a["pattern"] for a in imported}
    assert {a["action"] for a in imported} == {"accept", "deny"}
    daemon.answer = {"ok": False, "error": "there is no such incident \033[31m"}
    refused = ew("baseline", "accept", "ffffffffffffffff", "--socket", daemon.path)
    assert refused.returncode == 1 and "no such incident" in refused.err
    harmless(refused.err)


@test("webhook test and replay, counters and status pass on what the daemon says, escaped")
def daemon_answers():
    evil = "x\033[31m\u202ey"
    daemon = FakeDaemon({"delivered": True, "status": 200, "answer": "ok", "target": "ops"})
    at = ("--socket", daemon.path)
    assert "200" in ew("webhook", "test", "ops", *at, db=None).out
    daemon.answer = {"delivered": False, "status": 404, "answer": evil}
    assert ew("webhook", "test", "ops", *at, db=None).returncode == 1
    daemon.answer = {"count": 3}
    assert "3 messages" in ew("webhook", "replay", "all", *at, db=None).out
    assert daemon.asked[-1]["all"] is True
    ew("webhook", "replay", "3e", "--target", "ops", *at, db=None)
    assert (daemon.asked[-1]["message"], daemon.asked[-1]["target"]) == ("3e", "ops")
    daemon.answer = {"counters": [
        {"name": "flow_evictions", "value": 7, "unit": "flows", "meaning": evil, "gauge": False, "process": "core"},
        {"name": "flow_idle", "value": 0, "unit": "flows", "meaning": "", "gauge": True, "process": "core"}]}
    counters = ew("counters", *at, db=None).out
    assert "flow_evictions" in counters and "flow_idle" not in counters
    harmless(counters)
    assert "flow_idle" in ew("counters", "--all", *at, db=None).out
    daemon.answer = {"version": "1", "facts": {"node": evil}, "numbers": {"uptime_s": 3600},
                     "health": [{"name": "store", "level": "broken", "text": evil}], "runtimes": [
                         {"name": "docker", "connected": False, "configured": True, "sentence": evil}],
                     "webhooks": [{"name": evil, "type": "slack", "state": "idle", "sent": 1}]}
    for words in (["status"], ["status", "-o", "json"], ["doctor"], ["doctor", "-o", "json"]):
        done = ew(*words, *at)
        harmless(done.out)
        assert "store" in done.out and done.returncode == (1 if words[0] == "doctor" else 0), (words, done.err)


@test("doctor names what it probes and says what to do; every finding has a level")
def doctor():
    done = ew("doctor", "-o", "json")
    found = [json.loads(line) for line in done.out.splitlines()]
    assert {f["level"] for f in found} <= {"ok", "unusual", "broken"}
    names = {f["name"] for f in found}
    for name in ("cap_net_raw cap_net_admin cap_net_broadcast af_packet conntrack br_netfilter release lockdown "
                 "docker podman containerd loopback shared_namespace swarm_overlay sr_iov sockmap rootless "
                 "vlan_tags host_network listen control").split():
        assert name in names, name
    broken = any(f["level"] == "broken" for f in found)
    assert done.returncode == (1 if broken else 0)
    with open(path("bad.yaml"), "w") as text:
        text.write("capture: {workers: many}\n")
    bad = ew("doctor", "--config", path("bad.yaml"), "-o", "json")
    assert bad.returncode == 1
    assert any(f["name"] == "file" and f["level"] == "broken" and "bad.yaml:1" in f["text"]
               for f in map(json.loads, bad.out.splitlines()) if f["area"] == "config")


@test("config show parses back to the same, check names the place of an error")
def config():
    shown = ew("config", "show", db=None)
    assert shown.returncode == 0 and "minimum_age" in shown.out
    with open(path("full.yaml"), "w") as text:
        text.write(shown.out)
    assert ew("config", "check", path("full.yaml"), db=None).returncode == 0
    assert ew("config", "show", path("full.yaml"), db=None).out == shown.out
    fails(1, "config", "check", path("bad.yaml"), db=None, says="bad.yaml:1")
    fails(1, "config", "check", path("none.yaml"), db=None, says="none.yaml")


@test("instances -o inventory is the inventory format, with each lease at its container")
def inventory():
    document = json.loads(ew("instances", "-o", "inventory").out)
    assert document["format"] == "eastwatch-inventory-1" and document["node"] == "n1"
    assert {n["name"] for n in document["networks"]} == {"shop", "pay"}
    by_name = {i["name"]: i for i in document["instances"]}
    assert len(document["instances"]) == 4
    addresses = [a for i in by_name["shop-web-1"]["interfaces"] for a in i["addresses"]]
    assert sorted(addresses) == ["172.18.0.2", "fd00:18::2"]
    assert by_name["pay-db-1"]["posture"]["privileged"] is True
    assert by_name["shop-web-1"]["started"].startswith("2026-01-10T00:53:20")


def capture(file, packets):
    """A pcap of raw IPv4: (seconds, source, destination, port) of SYNs and their answers."""
    def ip(text):
        return bytes(int(part) for part in text.split("."))

    def tcp(src, dst, sport, dport, seq, ack, flags):
        head = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 5 << 4, flags, 1024, 0, 0)
        return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(head), 1, 0, 64, 6, 0, ip(src), ip(dst)) + head
    with open(file, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
        for at, src, dst, port in packets:
            for k, packet in enumerate((tcp(src, dst, 40000, port, 1, 0, 2), tcp(dst, src, port, 40000, 9, 2, 18),
                                        tcp(src, dst, 40000, port, 2, 10, 16))):
                out.write(struct.pack("<IIII", at, 1000 * k, len(packet), len(packet)) + packet)


def replay_again(*options, db):
    """A capture of the fixture's day, judged with what was exported from its database."""
    noon = 1768046400
    # The address .9 changed hands at eleven.
    capture(path("case.pcap"), [(noon - 30000, "172.18.0.9", "172.18.0.3", 82),
                                (noon - 300, "172.18.0.2", "172.18.0.3", 8080),
                                (noon - 200, "172.18.0.9", "172.18.0.3", 81)])
    for name, words in (("case.json", ["instances", "-o", "inventory"]), ("case.jsonl", ["baseline", "export"])):
        with open(path(name), "w") as out:
            out.write(ew(*words).out)
    done = ew("replay", "--inventory", path("case.json"), "--db", path(db), *options, path("case.pcap"), db=None)
    assert done.returncode == 0, done.err
    return {r["dst_port"]: r for r in rows("flows", db=db)}


@test("an exported inventory names both ends of a capture as they were then")
def inventory_again():
    got = replay_again(db="again.db")
    assert (got[8080]["src_workload"], got[8080]["dst_workload"]) == ("shop/web", "shop/api"), got
    assert got[82]["src_workload"] == "shop/api" and got[81]["src_workload"] == "shop/db", got


@test("an exported baseline makes its edges known in a replay")
def baseline_again():
    got = replay_again("--baseline", path("case.jsonl"), db="again2.db")
    assert {p: r["verdict"] for p, r in got.items()}[8080] == "known", got


@test("webhook preview renders what a target would get, and sends nothing")
def preview():
    for kind in ("slack", "generic"):
        body = json.loads(ew("webhook", "preview", "last", "--target", kind).out)
        assert "pay/db" in json.dumps(body)
    assert [r["state"] for r in rows("webhook", "status")] == ["queued"]


@test("audit finds each weakness once, with why and fix, in a stable order; its score adds up")
def audit():
    found = rows("audit")
    ids = [f["id"] for f in found]
    assert len(ids) == len(set(ids))
    for wanted in ("runtime-socket/pay/db", "privileged/pay/db", "suspect-edge/shop/api",
                   "joins-networks/shop/api", "cross-project/shop/api", "published/shop/web", "unused-reach/shop"):
        assert wanted in ids, (wanted, ids)
    assert all(f["why"] and f["fix"] and f["evidence"] for f in found)
    assert "exposure score %d" % sum(f["points"] for f in found) in ew("audit").out
    assert ids == [f["id"] for f in rows("audit")]
    sarif = json.loads(ew("audit", "-o", "sarif").out)
    run = sarif["runs"][0]
    assert sarif["version"] == "2.1.0" and len(run["results"]) == len(found)
    assert {r["ruleId"] for r in run["results"]} <= {r["id"] for r in run["tool"]["driver"]["rules"]}
    assert ew("audit", "--rule", "privileged", "--exit-code").returncode == 5
    assert rows("audit", "--rule", "nothing") == []


@test("policies allow the accepted edges and nothing else; nft itself takes them")
def policy():
    nft = ew("policy", "nft", "--family", "inet").out
    rules = [line.strip() for line in nft.splitlines() if line.endswith(" accept") and "dport" in line]
    assert len(rules) == 2 and all(re.search(r"tcp dport (8080|5432) accept", r) for r in rules), rules
    assert "external/93.184.0.0/16:443/tcp: the destination is no workload" in nft
    assert nft == ew("policy", "nft", "--family", "inet").out
    assert "counter drop" in ew("policy", "nft", "--enforce").out and "counter drop" not in nft
    for language in ("k8s", "cilium", "compose"):
        for db in ("plain.db", "hostile.db"):
            done = ew("policy", language, db=db)
            assert done.returncode == 0 and "api" in done.out
            try:
                import yaml
            except ImportError:
                continue
            assert list(yaml.safe_load_all(done.out))
    blocked = {(r["dst_workload"], r["dst_port"]) for r in rows("policy", "nft", "--preview", "--since", "2026-01-01")}
    assert blocked == {("pay/db", 5432), ("pay/db", 22), ("shop/db", 22), ("shop/web", "dyn")}, blocked
    fails(2, "policy", "iptables", says="iptables")
    if os.geteuid() == 0 and any(os.access(os.path.join(d, "nft"), os.X_OK) for d in os.environ["PATH"].split(":")):
        for family in ("inet", "bridge"):
            for db in ("plain.db", "hostile.db"):
                text = ew("policy", "nft", "--family", family, "--enforce", db=db).stdout
                check = subprocess.run(["nft", "-c", "-f", "-"], input=text, capture_output=True)
                # In a container without the rights there is nothing to ask.
                assert check.returncode == 0 or b"not permitted" in check.stderr, check.stderr


@test("export writes the evidence with sums into a new folder, and touches no old one")
def evidence():
    folder = path("case")
    assert ew("export", "001c", "--dir", folder).out == folder + "\n"
    check = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True)
    assert check.returncode == 0, check.stdout
    with open(os.path.join(folder, "incident.json")) as text:
        assert json.load(text)["incident"]["id"] == "001c000000000001"
    with open(os.path.join(folder, "flows.jsonl")) as text:
        assert sorted(json.loads(line)["dst_port"] for line in text) == [22, 5432, 5432, 6379, 8080, 8080]
    with open(os.path.join(folder, "inventory.json")) as text:
        assert json.load(text)["format"] == "eastwatch-inventory-1"
    fails(1, "export", "001c", "--dir", folder, says="--dir")
    fails(1, "export", "ffff", says="ffff")


@test("completion knows verbs, options, columns and the names in the database")
def completion():
    for shell in ("bash", "zsh", "fish"):
        assert "__complete" in ew("completion", shell, db=None).out
    fails(2, "completion", "tcsh", db=None)

    def complete(*words):
        return ew("__complete", *words, db=None).out.split()
    assert "flows" in complete("fl") and "--from-workload" in complete("flows", "--from-w")
    assert complete("flows", "-o", "j") == ["json"] and complete("edges", "--output=c") == ["--output=csv"]
    assert "src_workload" in complete("flows", "--by", "src_w")
    assert "shop/web" in complete("flows", "--db", path("plain.db"), "--workload", "shop/")
    assert complete("incidents", "--state", "") == ["open", "closed"]
    evil = complete("flows", "--db", path("hostile.db"), "--workload", "")
    assert evil and not any("$" in word or "`" in word for word in evil), evil


# --- hostile names -----------------------------------------------------------------------------

def harmless(text, allow=""):
    """No byte that moves a cursor, changes a colour or turns the writing direction."""
    for c in text:
        if c in "\n" + allow:
            continue
        assert unicodedata.category(c) not in ("Cc", "Cf"), (hex(ord(c)), text[:200])


@test("names with escapes, quotes, markup and direction marks do no harm in any verb and form")
def hostile():
    verbs = [[v] for v in LISTS] + [
        ["who", "172.18.0.66"], ["map"], ["map", "-o", "dot"], ["map", "-o", "mermaid"],
        ["map", "-o", "graphml"], ["map", "-o", "json"], ["explain", "last"], ["status"],
        ["explain", "last", "-o", "json"], ["timeline", "evil/*"], ["blast-radius", "shop/db"],
        ["baseline", "status"], ["baseline", "show"], ["baseline", "log"], ["baseline", "review"],
        ["baseline", "export"], ["instances", "-o", "inventory"], ["webhook", "status"],
        ["webhook", "preview", "last", "--target", "slack"], ["webhook", "preview", "last"],
        ["audit"], ["audit", "-o", "sarif"], ["policy", "nft"], ["policy", "k8s"], ["policy", "cilium"],
        ["policy", "compose"], ["policy", "nft", "--preview"],
        ["flows", "--by", "src_workload,src_instance"], ["top", "-b", "-n", "1", "--interval", "100ms"]]
    for words in verbs:
        done = ew(*words, db="hostile.db")
        assert done.returncode == 0, (words, done.err)
        harmless(done.out, allow="\t" if words[:2] == ["policy", "nft"] else "")
        harmless(done.err)
    for verb in LISTS + ["audit", "timeline evil/*", "baseline status", "baseline log", "webhook status"]:
        for form in ("wide", "json", "csv"):
            done = ew(*verb.split(), "-o", form, db="hostile.db")
            assert done.returncode == 0, (verb, form, done.err)
            harmless(done.out, allow="\r" if form == "csv" else "")
            if form == "json":
                for line in done.out.splitlines():
                    json.loads(line)
            if form == "csv":
                table = list(csv.reader(io.StringIO(done.out, newline="")))
                assert len({len(row) for row in table}) == 1, verb
                for cell in (c for row in table for c in row):
                    assert not cell.startswith(("=", "+", "@")), cell


@test("raw escapes in a database of somebody else's making are shown, not obeyed")
def raw_escapes():
    statement = "SELECT char(27)||'[2J'||char(8238)||'x' AS \"a" + "\033" + "[31mb\""
    for form in ("table", "wide", "json", "csv"):
        done = ew("sql", "-o", form, statement)
        assert done.returncode == 0, done.err
        harmless(done.out, allow="\r" if form == "csv" else "")
    harmless(ew("who", "\033[31m").err)
    harmless(ew("flows", "--workload", "\033[31m").err)
    harmless(ew("\033[31m", db=None).err)
    harmless(ew("flows", db="\033[31m.db").err)


@test("sql only reads, and its limits hold")
def sql():
    assert rows("sql", "SELECT count(*) AS n FROM v_flows") == [{"n": 7}]
    for bad in ("UPDATE meta SET value = 1", "DROP TABLE flow", "ATTACH 'x.db' AS x",
                "PRAGMA user_version = 9", "INSERT INTO meta VALUES ('a', 1)", "VACUUM"):
        assert ew("sql", bad).returncode in (1, 2), bad
    assert not os.path.exists("x.db")
    assert len(rows("sql", "--max-rows", "3", "SELECT * FROM v_flows")) == 3
    begun = time.monotonic()
    slow = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n) SELECT count(*) FROM n"
    assert ew("sql", "--timeout", "300ms", slow).returncode == 1
    assert time.monotonic() - begun < 10
    assert ew("sql", "SELECT nonsense FROM v_flows").returncode in (1, 2)


# --- manuals -----------------------------------------------------------------------------------

@test("the manual pages are what the tables say")
def manuals():
    folder = os.path.join(SOURCE, "doc")
    overview = ew("help", db=None).out
    verbs = [v for v in re.findall(r"^  ([a-z-]+) {2,}\S", overview, re.M) if v != "eastwatch"]
    for verb in verbs:
        page = os.path.join(folder, "eastwatch-%s.1.scd" % verb)
        with open(page) as text:
            assert text.read() == ew("__manual", verb, db=None).out, \
                "%s is behind: eastwatch __manual %s > %s" % (page, verb, page)
    for page, what in (("eastwatch-schema.5.scd", "schema"), ("eastwatch.yaml.5.scd", "yaml")):
        with open(os.path.join(folder, page)) as text:
            assert text.read() == ew("__manual", what, db=None).out, page


# Stands before the command in PATH: the examples name no database, the tests have one.
WRAPPER = """#!/bin/sh
verb=$1
shift
case $verb in
help | --version | completion | config) exec "$EASTWATCH" "$verb" "$@" ;;
counters) exec "$EASTWATCH" "$verb" --socket "$NO_SOCKET" "$@" ;;
status | doctor | baseline | webhook)
	exec "$EASTWATCH" "$verb" --socket "$NO_SOCKET" --db "$EXAMPLE_DB" "$@" ;;
*) exec "$EASTWATCH" "$verb" --db "$EXAMPLE_DB" "$@" ;;
esac
"""
# What an example of a manual may end with: it may find nothing, or no daemon; never "usage".
ENDS = {0, 1, 3, 5}


@test("the examples of every manual page run")
def examples():
    folder = os.path.join(SOURCE, "doc")
    scratch_bin, here = path("bin"), path("examples")
    for made in (scratch_bin, here):
        os.mkdir(made)
    for name, text in (("eastwatch", WRAPPER), ("jq", "#!/bin/sh\nexec cat >/dev/null\n")):
        with open(os.path.join(scratch_bin, name), "w") as script:
            script.write(text)
        os.chmod(os.path.join(scratch_bin, name), 0o755)
    with open(os.path.join(here, "report.sql"), "w") as text:
        text.write("SELECT 1")
    with open(os.path.join(here, "eastwatch.yaml"), "w") as text:
        text.write("node: n1\n")
    env = dict(ENV, PATH=scratch_bin + ":" + os.environ["PATH"], EASTWATCH=EASTWATCH, HOME=here,
               NO_SOCKET=path("none.sock"), EXAMPLE_DB=path("plain.db"))
    skipped = ("eastwatchd", "eastwatch replay", "eastwatch demo", "eastwatch completion",
               "eastwatch config check /etc")
    run = 0
    for page in sorted(os.listdir(folder)):
        if not page.endswith(".scd"):
            continue
        with open(os.path.join(folder, page)) as text:
            chapter = text.read().split("# EXAMPLES")[1].split("\n# ")[0]
        for line in chapter.splitlines():
            line = line.strip()
            if not line.startswith("eastwatch") or line.startswith(skipped):
                continue
            follows = re.search(r" -f\b|^eastwatch top(?!.* -n )", line)
            with subprocess.Popen(["bash", "-c", line], cwd=here, env=env, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  start_new_session=True) as p:
                try:
                    _, err = p.communicate(timeout=0.5 if follows else 30)
                except subprocess.TimeoutExpired:
                    assert follows, line
                    os.killpg(p.pid, signal.SIGINT)
                    _, err = p.communicate(timeout=10)
            assert p.returncode in ENDS, (page, line, p.returncode, err.decode())
            run += 1
    assert run > 60, run


def main():
    if not os.access(EASTWATCH, os.X_OK) or not os.access(FIXTURE, os.X_OK):
        print("Bail out! %s and %s must be built first" % (EASTWATCH, FIXTURE))
        return 1
    for name, extra in (("plain.db", []), ("hostile.db", ["hostile"])):
        subprocess.run([FIXTURE, path(name), *extra], check=True)
    wanted = sys.argv[1:]
    failed = number = 0
    for sentence, function in cases:
        if wanted and function.__name__ not in wanted:
            continue
        number += 1
        try:
            function()
            print("ok %d - %s" % (number, sentence), flush=True)
        except Exception as why:  # noqa: BLE001: a case that breaks is a case that fails
            failed = 1
            print("not ok %d - %s" % (number, sentence))
            print("# %s: %s" % (type(why).__name__, str(why)[:3000].replace("\n", "\n# ")), flush=True)
    print("1..%d" % number)
    return failed


sys.exit(main())
