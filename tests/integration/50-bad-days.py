#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bad input and bad days: each is one sentence that says what failed, on what, and what to
do; nothing recorded is lost; the daemon goes on where it can and says what it does not see.
"""

import os
import signal
import socket
import sqlite3
import threading

from live import *
from live.daemon import programs, unit_command

node = Node()
hook = Webhook()
made = {}
QUICK = {"incidents": {"hold_down": {"page": "1s", "notify": "1s"}},
         "webhooks": [{"name": "ops", "type": "generic", "url": hook.url, "tiers": ["page", "notify"]}]}


def one_sentence(text, *facts):
    """stderr is a line or two for a person, and names these."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    assert 1 <= len(lines) <= 3, text
    for fact in facts:
        assert fact in text, f"{fact!r} is not in: {text}"


def refuses(daemon, *facts, **options):
    """The daemon ends with a sentence instead of starting."""
    daemon.start(wait=False, **options)
    status = daemon.process.wait(30)
    assert status not in (0, None) and status > 0, f"ended with {status}"
    text = daemon.log_text()
    for fact in facts:
        assert fact in text, f"{fact!r} is not in: {text}"
    assert "Assertion" not in text and "Sanitizer" not in text, text


@test("a wrong configuration is refused with file, line and column")
def configuration():
    path = os.path.join(os.environ["EW_WORK"], "bad.yaml")
    for text, facts in (("learning:\n  minimum_age: soon\n", (":2:", "minimum_age")),
                        ("capture: {mode: anny}\n", (":1:", "mode")),
                        ("nodde: n1\n", (":1:", "nodde")),
                        ("webhooks: [\n", ("bad.yaml",))):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        done = run(programs()[0], "-c", path, "--check-config", check=False)
        assert done.returncode != 0, text
        one_sentence(done.stderr, "bad.yaml", *facts)


@test("a capture cut in the middle is replayed up to there, and exits with 1")
def damaged_capture():
    whole = os.path.join(os.environ["EW_WORK"], "whole.pcap")
    header = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
    frame = bytes.fromhex("ffffffffffff02000000000108060001080006040001020000000001"
                          "0a0000010000000000000a000002")
    record = (1700000000).to_bytes(4, "little") + bytes(4) + len(frame).to_bytes(4, "little") * 2 + frame
    with open(whole, "wb") as file:
        file.write(header + record * 3 + record[:30])
    done = eastwatch("replay", "--summary", whole, check=False)
    assert done.returncode == 1, done
    one_sentence(done.stderr, "whole.pcap", str(len(header + record * 3)))
    assert '"packets"' in done.stdout, done.stdout
    done = eastwatch("replay", "--summary", "/etc/hostname", check=False)
    assert done.returncode == 1, done
    one_sentence(done.stderr, "/etc/hostname")


@test("a damaged inventory names file and place")
def damaged_inventory():
    path = os.path.join(os.environ["EW_WORK"], "inventory.json")
    empty = os.path.join(os.environ["EW_WORK"], "empty.pcap")
    with open(empty, "wb") as file:
        file.write(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
    for text in ('{"format": "eastwatch-inventory-1", "networks": [', '{"format": "other"}', "[]"):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        done = eastwatch("replay", "--inventory", path, empty, check=False)
        assert done.returncode in (1, 2), (text, done)
        one_sentence(done.stderr, "inventory.json")


@test("without the capabilities the daemon says which it needs")
def no_rights():
    refuses(Daemon(name="norights", capabilities=("net_broadcast",)), "CAP_NET_RAW")


@test("a database of a newer version is refused and left as it is")
def newer_database():
    daemon = Daemon(name="newer").start()
    daemon.stop()
    with sqlite3.connect(daemon.database) as db:
        db.execute("PRAGMA user_version = 9999")
    run("chown", "-R", "eastwatch:eastwatch", daemon.folder)
    with open(daemon.log, "w", encoding="utf-8"):
        pass
    refuses(daemon, "eastwatch.db", "newer")
    with sqlite3.connect(daemon.database) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (9999,)
    done = eastwatch("flows", "--db", daemon.database, check=False)
    assert done.returncode == 3, done
    one_sentence(done.stderr, "newer")


@test("a file that is no database is refused with a sentence")
def no_database():
    daemon = Daemon(name="nodb")
    with open(daemon.database, "w", encoding="utf-8") as file:
        file.write("this is not a database " * 500)
    run("chown", "eastwatch:eastwatch", daemon.database)
    refuses(daemon, "eastwatch.db")
    with open(daemon.database, encoding="utf-8") as file:
        assert file.read().startswith("this is not a database"), "it was overwritten"


@test("commands without a daemon exit with 3 and say where they looked")
def no_daemon():
    done = eastwatch("status", "--config", Daemon(name="nobody").config, check=False)
    assert done.returncode == 3, done
    one_sentence(done.stderr, "nobody/")


@test("an engine that talks nonsense does not stop the watch")
def nonsense():
    path = "/run/docker.sock"
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    os.chmod(path, 0o666)
    server.listen(16)
    answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{oops", b"\x00\xff\x00\xff", b"",
               b"HTTP/1.1 500 Oh\r\nContent-Length: 999999999999\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"]

    def serve():
        number = 0
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            client.settimeout(2)
            try:
                client.recv(4096)
                client.sendall(answers[number % len(answers)])
            except OSError:
                pass
            client.close()
            number += 1
    threading.Thread(target=serve, daemon=True).start()
    daemon = made["daemon"] = Daemon(QUICK).start()
    wait_until("the trouble in status", lambda: "docker" in daemon.eastwatch("status").stdout.lower())
    bridge = node.bridge("br0", "10.93.0.1/24")
    one, two = made["one"], made["two"] = node.namespace("one"), node.namespace("two")
    one.attach(bridge, "10.93.0.2/24")
    two.attach(bridge, "10.93.0.3/24")
    two.serve(80)
    one.connect("10.93.0.3", 80)
    wait_until("the flow", lambda: daemon.rows("flows", "--port", "80"))
    server.close()
    os.unlink(path)


@test("an engine that comes, goes and comes back is followed", needs=nonsense)
def engine_returns():
    daemon = made["daemon"]
    engine = Engine()
    engine.container("first", labels={"com.docker.compose.project": "p", "com.docker.compose.service": "first"})
    named = lambda name: name in {w["workload"] for w in daemon.rows("workloads")}
    wait_until("the container's name", lambda: named("compose/p/first"), limit=90)
    engine.stop()
    wait_until("the engine's absence in status", lambda: "docker" in daemon.eastwatch("status").stdout.lower())
    made["one"].connect("10.93.0.3", 80)
    engine.start()
    engine.container("second", labels={"com.docker.compose.project": "p", "com.docker.compose.service": "second"})
    wait_until("the next container's name", lambda: named("compose/p/second"), limit=90)


@test("a chat service that fails, throttles and hangs up gets the message exactly once in the end", needs=nonsense)
def webhook_trouble():
    hook.script(500, "close", (429, {"Retry-After": "1"}))
    made["one"].run("nmap", "-sT", "-n", "-Pn", "--top-ports", "100", "10.93.0.3")
    accepted = hook.wait(1, limit=120)
    assert len(accepted) == 1
    assert len({r.headers.get("webhook-id") for r in hook.requests}) == 1, [r.headers.items() for r in hook.requests]
    assert len(hook.requests) >= 4, hook.requests


@test("a kill at any moment loses neither the file nor the incident", needs=webhook_trouble)
def killed():
    daemon = made["daemon"]
    before = [i["id"] for i in daemon.rows("incidents")]
    daemon.stop(signal.SIGKILL)
    with sqlite3.connect(f"file:{daemon.database}?mode=ro", uri=True) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    daemon.start()
    assert [i["id"] for i in daemon.rows("incidents")] == before
    assert len(hook.accepted) == 1


@test("a reload with an error keeps the old settings and says so", needs=nonsense)
def reload():
    daemon = made["daemon"]
    good = open(daemon.config, encoding="utf-8").read()
    with open(daemon.config, "w", encoding="utf-8") as file:
        file.write(good.replace('"1s"', '"sometimes"', 1))
    daemon.reload()
    wait_until("the complaint in the log", lambda: "sometimes" in daemon.log_text() or "hold_down" in daemon.log_text())
    assert daemon.process.running()
    with open(daemon.config, "w", encoding="utf-8") as file:
        file.write(good)
    daemon.reload()
    made["one"].connect("10.93.0.3", 80)
    assert daemon.eastwatch("status").returncode == 0
    assert daemon.stop() == 0, daemon.log_text()[-1500:]


main()
