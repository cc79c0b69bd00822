#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who is behind an address on a real Docker Engine: containers shorter than their metadata,
addresses the engine gives to the next one, published ports, shared namespaces, a second network."""

import json
import time

from live import *
from live.engine import IMAGE

made = {}


def rows(*words):
    return made["daemon"].rows("flows", "--last", "100000", *words)


@test("containers are instances with workload, network and addresses")
def listed():
    engine = made["engine"] = Engine()
    engine.network("shop_default", "172.31.0.0/24")
    made["web"] = engine.compose("shop", "web", 1, "httpd", "-f", "-p", "80", "-h", "/var/www", network="shop_default")
    made["daemon"] = Daemon().start()
    made["client"] = engine.compose("shop", "client", 1, network="shop_default")

    def there():
        found = {r["workload"]: r for r in made["daemon"].rows("instances") if not r["stopped_us"]}
        for name in ("web", "client"):
            row = found[f"compose/shop/{name}"]
            assert made[name].address() in row["addresses"], row
        return True
    wait_until("both containers among the instances", there)


@test("a container that connects at once and is gone at once is named, with its peer", needs=listed)
def short():
    engine = made["engine"]
    address = made["web"].address()
    count = 12
    begin = time.time()
    for number in range(count):
        engine.run("run", "--rm", "--name", f"short{number}", "--network", "shop_default",
                   "-l", "com.docker.compose.project=shop", "-l", f"com.docker.compose.service=short{number % 4}",
                   IMAGE, "nc", "-w", "2", address, "80", check=False)
    diag(f"{count} containers in {time.time() - begin:.0f} s")

    def all_named():
        got = sorted(r["src_workload"] for r in rows("--to-ip", address, "--port", "80")
                     if "/short" in (r["src_workload"] or ""))
        assert got == sorted(f"compose/shop/short{n % 4}" for n in range(count)), got
        return True
    wait_until("a named row for each", all_named, limit=60)
    used = {r["src_ip"] for r in rows("--to-ip", address, "--port", "80") if "/short" in (r["src_workload"] or "")}
    assert len(used) < count, f"the engine reused no address: {used}"


@test("a published port leads to its container, and the proxy's second leg is no row", needs=listed)
def published():
    engine = made["engine"]
    engine.network("front", "172.32.0.0/24")
    target = engine.container("target", "httpd", "-f", "-p", "80", "-h", "/var/www", network="front",
                              options=["-p", "18080:80"])
    made["target"] = target
    gateway = "172.31.0.1"
    wait_until("an answer through the published port", lambda: made["client"].run(
        "wget", "-qO-", f"http://{gateway}:18080/", check=False).stdout)

    def one_row():
        found = [r for r in rows() if r["dst_port"] == 18080 or r["dst_ip"] == target.address("front")]
        done = [r for r in found if r["conn_state"] == "SF"]
        assert done, found
        for row in done:
            assert row["src_workload"] == "compose/shop/client", row
            assert row["dst_workload"] == "docker/target", row
        assert not [r for r in found if (r["src_workload"] or "").startswith("gateway/")], found
        return True
    wait_until("rows from client to target only", one_row, limit=20)


@test("a second network given to a running container is known within 2 s", needs=listed)
def joined():
    client = made["client"]
    client.join("front")
    new = client.address("front")
    wait_until("the new address", lambda: [
        r for r in made["daemon"].rows("instances") if r["workload"] == "compose/shop/client" and new in r["addresses"]],
        limit=2)
    client.run("wget", "-qO-", f"http://{made['target'].address('front')}/", check=False)
    wait_until("a row from the new address", lambda: [
        r for r in rows("--from-ip", new) if r["src_workload"] == "compose/shop/client"
        and r["dst_workload"] == "docker/target"])


@test("a namespace shared by two workloads is ambiguous, not guessed", needs=listed)
def shared():
    engine = made["engine"]
    engine.container("sidecar", "sleep", "1000", options=["--network", f"container:{made['client'].id}"])
    wait_until("the sidecar among the instances", lambda: [
        r for r in made["daemon"].rows("instances") if r["name"] == "sidecar"])

    def marked():
        made["client"].run("wget", "-qO-", f"http://{made['web'].address()}/", check=False)
        newest = rows("--to-ip", made["web"].address(), "--port", "80")[-1]
        return newest["src_attribution"] == "ambiguous"
    wait_until("an ambiguous row", marked, limit=30, every=0.5)


main()
