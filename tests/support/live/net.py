# SPDX-License-Identifier: Apache-2.0
"""The node's network, without a container runtime: namespaces on veth pairs and bridges.

Addresses are for use inside a sandbox; nothing here is connected to the machine's network.
"""

import itertools
import subprocess

from . import cleanup
from .proc import Process, run

_numbers = itertools.count(1)


class Node:
    """The sandbox seen as a node. name() makes interface names that do not collide."""

    def bridge(self, name, *addresses):
        return Bridge(name, *addresses)

    def namespace(self, name):
        return Namespace(name)

    def forwarding(self, on=True):
        for key in ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"):
            with open(f"/proc/sys/{key}", "w", encoding="ascii") as file:
                file.write("1" if on else "0")


class Bridge:
    """A bridge; with addresses ("10.9.0.1/24") it is also a gateway."""

    def __init__(self, name, *addresses):
        self.name = name
        run("ip", "link", "add", name, "type", "bridge", "forward_delay", "0")
        cleanup.at_exit(run_quietly, "ip", "link", "del", name)
        # No learning delay and no duplicate address detection: packets flow at once.
        with open(f"/proc/sys/net/ipv6/conf/{name}/accept_dad", "w", encoding="ascii") as file:
            file.write("0")
        for address in addresses:
            run("ip", "address", "add", address, "dev", name, *nodad(address))
        run("ip", "link", "set", name, "up")


class Namespace:
    """A network namespace that plays a container."""

    def __init__(self, name):
        self.name = name
        run("ip", "netns", "add", name)
        cleanup.at_exit(run_quietly, "ip", "netns", "del", name)
        self.run("ip", "link", "set", "lo", "up")
        self.run("sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0")

    def attach(self, bridge, *addresses, inside="eth0", mac=None, gateway=None):
        """A veth pair: `inside` in here, the host end (returned name) on the bridge.
        bridge None leaves the host end alone. The pair is made before it is named and
        moved, in the order a runtime does it."""
        host = f"ve{next(_numbers)}{self.name}"[:15]
        run("ip", "link", "add", host, "type", "veth", "peer", "name", inside,
            *(["address", mac] if mac else []), "netns", self.name)
        if bridge is not None:
            run("ip", "link", "set", host, "master", bridge.name)
        for address in addresses:
            self.run("ip", "address", "add", address, "dev", inside, *nodad(address))
        run("ip", "link", "set", host, "up")
        self.run("ip", "link", "set", inside, "up")
        if gateway:
            self.run("ip", "route", "add", "default", "via", gateway)
        return host

    def run(self, *command, **options):
        return run("ip", "netns", "exec", self.name, *command, **options)

    def start(self, *command, **options):
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", subprocess.DEVNULL)
        return Process(["ip", "netns", "exec", self.name, *command], **options)

    def serve(self, port, answer="hello"):
        """A TCP service that answers each connection with one line; IPv4 and IPv6."""
        process = self.start("socat", "-t", "30", f"TCP6-LISTEN:{port},ipv6only=0,reuseaddr,fork",
                             f"SYSTEM:read line; echo {answer}")
        self.wait_listening(port)
        return process

    def wait_listening(self, port):
        from .wait import wait_until
        wait_until(f"a listener on {port} in {self.name}",
                   lambda: f":{port} " in self.run("ss", "-Hltn").stdout)

    def connect(self, address, port, text="hi", check=True, limit=5):
        """One TCP connection; returns what the other side said."""
        return self.run("nc", "-w", str(limit), "-N", address, str(port), input=text + "\n",
                        check=check).stdout

    def ping(self, address, check=True):
        return self.run("busybox", "ping", "-c1", "-W2", address, check=check).returncode == 0

    def delete(self):
        run("ip", "netns", "del", self.name)


def nodad(address):
    return ["nodad"] if ":" in address else []


def run_quietly(*command):
    run(*command, check=False)
