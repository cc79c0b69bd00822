# SPDX-License-Identifier: Apache-2.0
"""A small project that the stories watch: six parts on two networks, each asking the next a
few times a second. The same shop in containers (EngineShop) or in namespaces without a
runtime (NamespaceShop).

    edge --front-- web:8080 --back-- api:8081 --back-- db:5432, cache:6379
                                     worker   --back-- api:8081, cache:6379
"""

import time

from .net import Bridge, Namespace
from .proc import run
from .tap import diag
from .wait import wait_until

# part: (networks, port it serves, what it asks)
PARTS = {
    "db": (("back",), 5432, ()),
    "cache": (("back",), 6379, ()),
    "api": (("back",), 8081, (("db", 5432), ("cache", 6379))),
    "web": (("front", "back"), 8080, (("api", 8081),)),
    "worker": (("back",), None, (("api", 8081), ("cache", 6379))),
    "edge": (("front",), None, (("web", 8080),)),
}
# Every edge the project has when it is at peace.
EDGES = {(part, peer, port) for part, (_, _, asks) in PARTS.items() for peer, port in asks}
SUBNETS = {"front": "10.91.1", "back": "10.91.2"}

# Runs in the attacker's network namespace; prints the clock before it connects.
CONNECT = """
import socket, sys, time
begun = time.time()
try:
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
    s.sendall(b"hello\\n")
    s.recv(100)
    s.close()
except OSError:
    pass
print(begun)
"""


def script(part, name_of):
    """The part as a busybox shell program; name_of(peer) is a name or an address."""
    _, port, asks = PARTS[part]
    lines = []
    if port:
        lines.append(f"nc -ll -p {port} -e sh -c 'read line; echo answer' &")
    if asks:
        calls = "; ".join(f"echo ask | nc -w 2 {name_of(peer)} {p} >/dev/null 2>&1" for peer, p in asks)
        lines.append(f"while :; do {calls}; sleep 0.3; done &")
    return "\n".join([*lines, "wait"])


class EngineShop:
    """The shop as Compose would run it."""

    def __init__(self, engine, project="shop", revision="1"):
        self.engine, self.project, self.revision = engine, project, revision
        self.containers = {}  # (part, number): Container
        for net in SUBNETS:
            engine.network(f"{project}_{net}", f"{SUBNETS[net]}.0/24")
        for part in PARTS:
            self.add(part, 1)
        self.born = time.monotonic()

    def workload(self, part):
        return f"compose/{self.project}/{part}"

    def add(self, part, number):
        networks, _, _ = PARTS[part]
        # A network's own names: every replica answers to the part's name there.
        container = self.engine.compose(
            self.project, part, number, "sh", "-c", script(part, lambda peer: peer),
            network=f"{self.project}_{networks[0]}", options=("--network-alias", part),
            labels={"com.docker.compose.config-hash": f"{part}-{self.revision}"})
        for network in networks[1:]:
            self.engine.run("network", "connect", "--alias", part, f"{self.project}_{network}", container.name)
        self.containers[part, number] = container
        return container

    def restart(self):
        for container in self.containers.values():
            container.restart()

    def scale(self, part, count):
        for number in range(2, count + 1):
            self.add(part, number)

    def redeploy(self, part, revision):
        """New containers with new ids and addresses, one after the other."""
        self.revision = revision
        for number in sorted(n for p, n in self.containers if p == part):
            self.containers.pop((part, number)).remove()
            self.add(part, number)

    def address(self, part, network="back"):
        return self.containers[part, 1].address(f"{self.project}_{network}")

    def connect(self, part, address, port):
        """From the part's own namespace; returns the sender's clock before connect."""
        pid = self.containers[part, 1].pid()
        return float(run("nsenter", "-t", pid, "-n", "/usr/bin/python3", "-c", CONNECT, address, port).stdout)

    def run_in(self, part, *command, **options):
        """A program of this machine in the part's network namespace."""
        pid = self.containers[part, 1].pid()
        return run("nsenter", "-t", pid, "-n", *command, **options)


class NamespaceShop:
    """The same without a runtime: veth pairs on two bridges, nobody who knows the names."""

    def __init__(self, node):
        self.bridges = {net: Bridge(f"br-{net}", f"{prefix}.1/24") for net, prefix in SUBNETS.items()}
        self.spaces, self.processes = {}, {}
        for number, part in enumerate(PARTS, 10):
            space = self.spaces[part] = Namespace(part)
            for count, net in enumerate(PARTS[part][0]):
                space.attach(self.bridges[net], f"{SUBNETS[net]}.{number}/24", inside=f"eth{count}",
                             gateway=f"{SUBNETS[net]}.1" if count == 0 else None)
        self.numbers = {part: number for number, part in enumerate(PARTS, 10)}
        for part in PARTS:
            self.start(part)
        self.born = time.monotonic()

    def workload(self, part):
        """A namespace with a name is the workload of that name."""
        return f"netns/{part}"

    def start(self, part):
        def name_of(peer):
            shared = next(n for n in PARTS[part][0] if n in PARTS[peer][0])
            return self.address(peer, shared)
        self.processes[part] = self.spaces[part].start("busybox", "sh", "-c", script(part, name_of))

    def restart(self):
        for part, process in self.processes.items():
            process.stop()
            self.start(part)

    def address(self, part, network="back"):
        return f"{SUBNETS[network]}.{self.numbers[part]}"

    def connect(self, part, address, port):
        return float(self.spaces[part].run("/usr/bin/python3", "-c", CONNECT, address, str(port)).stdout)

    def run_in(self, part, *command, **options):
        return self.spaces[part].run(*command, **options)


# The unit of age for a story, in seconds, and the real-time keys beside it.
AGE_S = 8


def story_settings(hook, **more):
    """A day is AGE_S seconds; nothing else of the daemon is different."""
    return {
        "node": "n1",
        "learning": {"minimum_age": f"{AGE_S}s", "startup_min": "3s", "startup_max": "6s",
                     "change_window": "8s", "change_hold": "2s", "grace": "3s", "tombstone": "60s"},
        "incidents": {"hold_down": {"page": "1s", "notify": "1s"}},
        "webhooks": [{"name": "ops", "type": "generic", "url": hook.url, "tiers": ["page", "notify"]}],
        **more,
    }


def wait_learned(daemon, shop, ages=8):
    """Until the shop's edges are in the baseline and its workloads have the age that novelty
    needs for its full weight (detectors.md: 7 A)."""
    begun = time.monotonic()
    wanted = {(shop.workload(src), shop.workload(dst), port) for src, dst, port in EDGES}

    def learned():
        have = {(r["src_workload"], r["dst_workload"], int(r["dst_port"]))
                for r in daemon.rows("edges", "--status", "baseline") if str(r["dst_port"]).isdigit()}
        assert wanted <= have, f"not in the baseline yet: {sorted(wanted - have)}"
        return True
    wait_until("every edge of the shop in the baseline", learned, limit=180, every=0.5)
    diag(f"every edge is in the baseline after {time.monotonic() - begun:.0f} s")

    # Age is time: nothing happens in the rest of it. (age_s in the views is up to a minute old.)
    rest = ages * AGE_S - (time.monotonic() - shop.born)
    if rest > 0:
        time.sleep(rest)
