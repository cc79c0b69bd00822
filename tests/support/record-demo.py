#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Record the campaign that `eastwatch demo` replays: a real engine, a real shop, a move from
container to container, captured on `any` beside the running daemon.

    tests/integration/run --build BUILD tests/support/record-demo.py

writes demo.pcap, demo.json (what `eastwatch instances -o inventory` says) and demo.yaml into
$EW_DEMO_OUT or contrib/demo. The recording is data: made once, judged by every release.
"""

import json
import os
import subprocess
import time

from live import *
from live.shop import EngineShop, story_settings, wait_learned
import live.shop

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.environ.get("EW_DEMO_OUT", os.path.join(HERE, "..", "..", "contrib", "demo"))
live.shop.AGE_S = 5


@test("a campaign is recorded")
def record():
    hook = Webhook()
    engine = Engine()
    engine.image()
    settings = story_settings(hook)
    settings["learning"]["minimum_age"] = "5s"
    os.makedirs(OUT, exist_ok=True)
    capture = os.path.join(os.environ["EW_WORK"], "demo.pcap")
    tcpdump = subprocess.Popen(["tcpdump", "-i", "any", "-y", "LINUX_SLL2", "-s", "116", "-Z", "root", "-w", capture, "-U",
                                "not host 127.0.0.1"], stderr=subprocess.DEVNULL)
    at_exit(tcpdump.terminate)
    daemon = Daemon(settings).start()
    shop = EngineShop(engine)
    wait_learned(daemon, shop)
    # edge is taken over: it looks around, opens a shell on web, and from there the database.
    diag("the move begins")
    shop.run_in("edge", "nmap", "-sT", "-Pn", "-n", "--max-retries", "0", "-p", "21,22,23,25,80,443,3306,5432,6379,8080,9200",
                shop.address("web", "front"))
    time.sleep(2)
    web = shop.containers["web", 1]
    web.start("nc", "-l", "-p", "4444", "-e", "sh")
    time.sleep(1)
    shop.run_in("edge", "sh", "-c", f"(echo id; sleep 1) | nc -N -w 3 {shop.address('web', 'front')} 4444", check=False)
    time.sleep(2)
    shop.run_in("web", "sh", "-c", f"(printf 'select version();\\n'; sleep 1) | nc -N -w 3 {shop.address('db')} 5432", check=False)
    time.sleep(4)
    for row in daemon.rows("incidents"):
        diag(f"{row['tier']} {row['score']} {row['title']}")
    tcpdump.terminate()
    tcpdump.wait()
    with open(os.path.join(OUT, "demo.json"), "w", encoding="utf-8") as file:
        file.write(daemon.eastwatch("instances", "-o", "inventory").stdout)
    with open(capture, "rb") as source, open(os.path.join(OUT, "demo.pcap"), "wb") as target:
        target.write(source.read())
    del settings["webhooks"]
    with open(os.path.join(OUT, "demo.yaml"), "w", encoding="utf-8") as file:
        file.write("# A day of five seconds, so that minutes of traffic are weeks of baseline.\n")
        json.dump(settings, file, indent=1)
        file.write("\n")
    daemon.stop()


main()
