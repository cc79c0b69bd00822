#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What watching costs the traffic that is watched (`make bench-live`, as root).

Two namespaces on a bridge keep up one load. Windows of a second alternate between
configurations, in an order that is shuffled every round, so that a noisy machine is equally
noisy for all. Cost is processor time of client, server, watcher and ksoftirqd, per byte
or connection of the same window; each window is divided by the round's window without any
capture. Shown: the median of those ratios with a 95 % bootstrap interval, throughput, and
what the watcher itself took. Every window is a line of the results file.

usage: live.py [--rounds N] [--loads gso,mtu,short,udp,vxlan] [--configs none,reject,...]
               [--results FILE] [--seconds S]
"""

import argparse
import json
import mmap
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("EW_BUILDDIR", os.getcwd())
PROBE = os.path.join(BUILD, "tests/capture/capture-probe")
LOAD = os.path.join(BUILD, "tests/bench/bench-load")
DAEMON = os.path.join(BUILD, "eastwatchd")

LOADS = {
    # name: kind, port, unit, how many make one, limit for `connections` (design.md 9)
    "gso": ("bulk", 5001, "GB", 1e9, 1.03),
    "mtu": ("bulk", 5001, "GB", 1e9, 1.12),
    "short": ("short", 5002, "connection", 1, 1.08),
    "udp": ("udp", 5003, "packet", 1, None),
    "vxlan": ("bulk", 5001, "GB", 1e9, None),
}
CONFIGS = ["none", "reject", "connections", "all", "daemon", "tcpdump"]


def sandbox():
    """Own network and mounts, but the machine's processes: ksoftirqd has to be seen."""
    if os.environ.get("EW_BENCH_INSIDE"):
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        os.makedirs("/run/netns")
        # the daemon's account, where the machine has none
        for name, line in (("passwd", "eastwatch:x:62001:62001::/:/usr/sbin/nologin"), ("group", "eastwatch:x:62001:")):
            with open(f"/etc/{name}", encoding="utf-8") as file:
                text = file.read()
            if "\neastwatch:" not in text:
                with open(f"/run/{name}", "w", encoding="utf-8") as file:
                    file.write(f"{text.rstrip()}\n{line}\n")
                subprocess.run(["mount", "--bind", f"/run/{name}", f"/etc/{name}"], check=True)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return
    if os.geteuid() != 0:
        sys.exit("bench-live: needs root")
    os.environ["EW_BENCH_INSIDE"] = "1"
    os.execvp("unshare", ["unshare", "--net", "--mount", "--propagation", "private",
                          sys.executable, *sys.argv])


sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support"))
sys.dont_write_bytecode = True


class Counter:
    """The uint64 a bench-load keeps up to date."""

    def __init__(self, folder, name):
        self.path = os.path.join(folder, name)
        with open(self.path, "wb") as file:
            file.write(bytes(8))
        self.file = open(self.path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), 8)

    def value(self):
        return struct.unpack("Q", self.map[:8])[0]


def thread_ns(pid):
    total = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return total


def session_pids(leader):
    """All processes of a session: the daemon is two."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == leader:
            found.append(int(name))
    return found


def softirq_pids():
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/comm", encoding="ascii", errors="replace") as file:
                    if file.read().startswith("ksoftirqd"):
                        found.append(int(name))
            except (FileNotFoundError, ProcessLookupError):
                pass
    return found


class Watcher:
    """One configuration's process; none for `none`."""

    def __init__(self, config, folder):
        command = {
            "none": None,
            "reject": [PROBE, "watch", "-R"],
            "connections": [PROBE, "watch"],
            "all": [PROBE, "watch", "-a"],
            "tcpdump": ["tcpdump", "-i", "br0", "-w", "/dev/null", "-Z", "root"],
            "daemon": [DAEMON, "-c", os.path.join(folder, "eastwatch.yaml")],
        }[config]
        self.popen = None
        # a daemon reads and writes much when it starts, which is not what is measured here
        self.settle = 1.5 if config == "daemon" else 0.0
        if command is None:
            return
        for name in os.listdir(folder):
            if name.startswith("eastwatch.db"):
                os.unlink(os.path.join(folder, name))
        log = open(os.path.join(folder, f"{config}.log"), "ab")
        self.popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log,
                                      start_new_session=True)
        log.close()
        wait_for(lambda: has_packet_socket(self.pids()), f"{config} to capture")

    def pids(self):
        return session_pids(self.popen.pid) if self.popen else []

    def threads(self):
        """Processor time by thread: the daemon's are capture, loop, writer and outside."""
        found = {}
        for pid in self.pids():
            try:
                for number, task in enumerate(sorted(os.listdir(f"/proc/{pid}/task"), key=int)):
                    with open(f"/proc/{pid}/task/{task}/comm", encoding="ascii") as file:
                        name = f"{file.read().strip()}-{pid == self.popen.pid and 'first' or 'other'}-{number}"
                    with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                        found[name] = found.get(name, 0) + int(file.read().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                pass
        return found

    def stop(self):
        if not self.popen:
            return
        self.popen.stdin.close()
        self.popen.terminate()
        try:
            self.popen.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait()


def wait_for(condition, what, limit=20):
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"bench-live: waited {limit} s for {what}")
        time.sleep(0.01)


def has_packet_socket(pids):
    """Whether one of them holds a packet socket (its inode stands in /proc/net/packet)."""
    with open("/proc/self/net/packet", encoding="ascii") as file:
        inodes = {line.split()[-1] for line in file.readlines()[1:]}
    for pid in pids:
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                target = os.readlink(f"/proc/{pid}/fd/{fd}")
                if target.startswith("socket:[") and target[8:-1] in inodes:
                    return True
        except OSError:
            continue
    return False


class Traffic:
    def __init__(self, name, server, client, address, folder):
        self.name = name
        kind, port, self.unit, self.scale, self.limit = LOADS[name]
        self.counter = Counter(folder, name)
        idle = Counter(folder, name + ".idle")
        counts_at_client = kind == "short"
        served, asked = (idle, self.counter) if counts_at_client else (self.counter, idle)
        self.processes = [server.start(LOAD, "serve", kind, str(port), served.path)]
        if kind == "udp":
            time.sleep(0.3)
        else:
            server.wait_listening(port)
        self.processes.append(client.start(LOAD, "ask", kind, address, str(port), asked.path))
        wait_for(lambda: self.counter.value() > 0, f"the load {name}")

    def cpu_ns(self):
        return sum(thread_ns(pid) for p in self.processes for pid in session_pids(p.pid))

    def stop(self):
        for process in reversed(self.processes):
            process.stop()


def window(traffic, watcher, softirqs, seconds):
    parts = []

    def snapshot():
        threads = watcher.threads()
        watch = sum(threads.values())
        parts.append(threads)
        return (time.monotonic_ns(), traffic.counter.value(), traffic.cpu_ns() + watch +
                sum(thread_ns(pid) for pid in softirqs), watch)
    before = snapshot()
    time.sleep(seconds)
    after = snapshot()
    span, units, cpu, own = (b - a for a, b in zip(before, after))
    units /= traffic.scale
    threads = {name: (ns - parts[0].get(name, 0)) / 1e3 / units for name, ns in parts[1].items()} if units else {}
    return {"threads_us": threads, "rate": units / (span / 1e9), "cpu_per_unit": cpu / 1e9 / units if units else float("nan"),
            "own_per_unit": own / 1e9 / units if units else float("nan"), "own_share": own / span}


def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def interval(values, rng):
    medians = sorted(median(rng.choices(values, k=len(values))) for _ in range(2000))
    return medians[50], medians[1949]


def report(traffic, configs, windows, rng):
    print(f"\n{traffic.name}: processor time per {traffic.unit}, ratio to no capture")
    print(f"  {'':12} {'ratio':>6} {'95 %':>15} {'rate/s':>12} {'ratio':>6} {'us/unit':>12} {'own us/unit':>12}"
          f" {'own core':>8}")
    base = windows["none"]
    for config in configs:
        rows = windows[config]
        ratios = [r["cpu_per_unit"] / b["cpu_per_unit"] for r, b in zip(rows, base)]
        low, high = interval(ratios, rng)
        rate = median([r["rate"] for r in rows])
        print(f"  {config:12} {median(ratios):6.3f} {f'{low:.3f}-{high:.3f}':>15} {rate:12.3f}"
              f" {median([r['rate'] / b['rate'] for r, b in zip(rows, base)]):6.3f}"
              f" {median([r['cpu_per_unit'] for r in rows]) * 1e6:12.2f}"
              f" {median([r['own_per_unit'] for r in rows]) * 1e6:12.3f}"
              f" {median([r['own_share'] for r in rows]) * 100:7.2f}%"
              + (f"   limit {traffic.limit}" if config in ("connections", "daemon") and traffic.limit else ""))
        for name in sorted(rows[0]["threads_us"]) if config == "daemon" else ():
            print(f"    {name:32} {median([r['threads_us'].get(name, 0) for r in rows]):10.3f} us/unit")
    sys.stdout.flush()


def offloads(namespace, interface, on):
    """Segments as large as a frame, as a physical network would carry them."""
    namespace.run(LOAD, "offloads", interface, "on" if on else "off")


def run_load(name, args, spaces, folder, results, rng):
    server, client = spaces
    address = "10.95.0.3" if name == "vxlan" else "10.94.0.3"
    for space in spaces:
        offloads(space, "eth0", name != "mtu")
    traffic = Traffic(name, server, client, address, folder)
    softirqs = softirq_pids()
    windows = {config: [] for config in args.configs}
    time.sleep(1)
    for number in range(args.rounds):
        for config in rng.sample(args.configs, len(args.configs)):
            watcher = Watcher(config, folder)
            time.sleep(args.settle + watcher.settle)
            row = window(traffic, watcher, softirqs, args.seconds)
            watcher.stop()
            windows[config].append(row)
            results.write(json.dumps({"load": name, "round": number, "config": config, **row}) + "\n")
    traffic.stop()
    report(traffic, args.configs, windows, rng)


def setup(node):
    bridge = node.bridge("br0", "10.94.0.1/24")
    spaces = []
    for name, last in (("server", 3), ("client", 2)):
        space = node.namespace(name)
        space.attach(bridge, f"10.94.0.{last}/24", gateway="10.94.0.1")
        spaces.append(space)
    for space, last, other in ((spaces[0], 3, 2), (spaces[1], 2, 3)):
        space.run("ip", "link", "add", "vx0", "type", "vxlan", "id", "42", "dstport", "4789", "dev", "eth0",
                  "local", f"10.94.0.{last}", "remote", f"10.94.0.{other}")
        space.run("ip", "address", "add", f"10.95.0.{last}/24", "dev", "vx0")
        space.run("ip", "link", "set", "vx0", "up")
    return spaces


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--settle", type=float, default=0.3)
    parser.add_argument("--loads", type=lambda s: s.split(","), default=list(LOADS))
    parser.add_argument("--configs", type=lambda s: s.split(","), default=CONFIGS)
    parser.add_argument("--results", default=os.path.join(BUILD, "bench-live.jsonl"))
    args = parser.parse_args()
    sandbox()
    from live.net import Node
    from live import cleanup
    args.configs = ["none"] + [c for c in args.configs if c != "none"]
    if not os.access(DAEMON, os.X_OK):
        args.configs = [c for c in args.configs if c != "daemon"]
    rng = random.Random(1)
    with tempfile.TemporaryDirectory(prefix="bench-live-") as folder, open(args.results, "w", encoding="ascii") as results:
        os.chmod(folder, 0o777)
        with open(os.path.join(folder, "eastwatch.yaml"), "w", encoding="ascii") as file:
            json.dump({"database": {"path": f"{folder}/eastwatch.db"}, "control": {"socket": f"{folder}/control.sock"},
                       "web": {"listen": "off"}}, file)
        print(f"{os.cpu_count()} processors, {args.rounds} rounds of {args.seconds} s, all windows in {args.results}")
        spaces = setup(Node())
        try:
            for name in args.loads:
                run_load(name, args, spaces, folder, results, rng)
        finally:
            cleanup.run_all()


main()
