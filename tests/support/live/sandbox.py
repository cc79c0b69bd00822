# SPDX-License-Identifier: Apache-2.0
"""Make a node out of fresh namespaces and run one live test in it.

Started by tests/integration/run as process 1 of a new PID namespace (with new network,
mount, UTS and IPC namespaces): when it ends, the kernel ends everything below it. Inside:
/run, /etc/passwd and /etc/group, /sys and the cgroup controllers are the sandbox's own; the
machine's are not touched.
"""

import os
import shutil
import signal
import subprocess
import sys

USER = "eastwatch"


def mount(*words):
    subprocess.run(["mount", *words], check=True, stdin=subprocess.DEVNULL)


def is_mount(path):
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return any(line.split()[4] == path for line in file)


def cgroups():
    """The engine wants the controllers mounted. Keep those of the machine, or mount them."""
    place = "/sys/fs/cgroup"
    if any(is_mount(p) for p in (place, f"{place}/memory")):
        kept = os.path.join(os.environ["EW_WORK"], "cgroup")
        os.makedirs(kept, exist_ok=True)
        mount("--rbind", place, kept)
        mount("-t", "sysfs", "sysfs", "/sys")
        mount("--rbind", kept, place)
        return
    mount("-t", "sysfs", "sysfs", "/sys")
    with open("/proc/filesystems", encoding="ascii") as file:
        known = file.read()
    controllers = []
    if os.path.exists("/proc/cgroups"):
        with open("/proc/cgroups", encoding="ascii") as file:
            rows = [line.split() for line in file if not line.startswith("#")]
        controllers = [row[0] for row in rows if row[1] != "0" and row[3] == "1"]
    if not controllers and "cgroup2" in known:
        mount("-t", "cgroup2", "cgroup2", place)
        return
    mount("-t", "tmpfs", "-o", "mode=755", "cgroup", place)
    for name in controllers:
        os.makedirs(f"{place}/{name}", exist_ok=True)
        if subprocess.run(["mount", "-t", "cgroup", "-o", name, "cgroup", f"{place}/{name}"],
                          stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode:
            os.rmdir(f"{place}/{name}")
    # An engine asks for a systemd hierarchy even where no systemd runs.
    os.makedirs(f"{place}/systemd", exist_ok=True)
    subprocess.run(["mount", "-t", "cgroup", "-o", "none,name=systemd", "cgroup", f"{place}/systemd"],
                   stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def accounts():
    """The unit's user and the engine's group, seen by this sandbox only."""
    work = os.environ["EW_WORK"]
    for name, line in (("passwd", f"{USER}:x:64999:64999::/var/lib/eastwatch:/usr/sbin/nologin\n"),
                       ("group", f"{USER}:x:64999:\n")):
        copy = os.path.join(work, name)
        shutil.copy(f"/etc/{name}", copy)
        with open(copy, "r+", encoding="utf-8") as file:
            text = file.read()
            if not any(row.startswith(f"{USER}:") for row in text.splitlines()):
                file.write(line)
            if name == "group" and not any(row.startswith("docker:") for row in text.splitlines()):
                file.write("docker:x:64998:\n")
        os.chmod(copy, 0o644)
        mount("--bind", copy, f"/etc/{name}")


def main():
    command = sys.argv[1:]
    mount("--make-rprivate", "/")
    cgroups()
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    os.makedirs("/run/lock")
    # The default places of the product, empty and the sandbox's own where they exist.
    for place in ("/var/lib/eastwatch", "/etc/eastwatch"):
        if os.path.isdir(place):
            mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", place)
    accounts()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    interactive = os.environ.get("EW_INTERACTIVE") == "1"
    child = subprocess.Popen(command, stdin=None if interactive else subprocess.DEVNULL)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda got, _frame: child.send_signal(got))
    status = None
    while status is None:  # process 1 reaps whatever loses its parent
        pid, code = os.wait()
        if pid == child.pid:
            status = os.waitstatus_to_exitcode(code)
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main()
