# SPDX-License-Identifier: Apache-2.0
"""What live tests stand on: a sandbox that is a node of its own, network namespaces, a
private container engine, the daemon under the unit's powers, a webhook receiver.

A live test is an executable file in tests/integration/. It starts processes, moves packets
and reads public interfaces (commands, views, HTTP), nothing else:

    from live import *

    node = Node()

    @test("a container's first packet is seen")
    def first_packet():
        ...

    main()

tests/integration/run starts each file in its own sandbox (sandbox.py): network, mount and
process namespaces of its own, so nothing it does touches the machine, several may run at
once, and whatever is left over dies with it.
"""

from .cleanup import at_exit
from .daemon import Daemon, Eastwatch, eastwatch
from .engine import Engine
from .kernel import require_kernel
from .net import Bridge, Namespace, Node
from .proc import output, run, start
from .tap import Skip, diag, main, skip, test
from .wait import wait_until
from .webhook import Webhook

__all__ = [
    "Bridge", "Daemon", "Eastwatch", "Engine", "Namespace", "Node", "Skip", "Webhook",
    "at_exit", "diag", "eastwatch", "main", "output", "require_kernel", "run", "skip",
    "start", "test", "wait_until",
]
