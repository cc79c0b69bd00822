# SPDX-License-Identifier: Apache-2.0
"""eastwatchd under the unit's user and capability sets, and the command beside it."""

import json
import os
import signal
import subprocess

from .proc import Process, run
from .wait import wait_until

# The three sets of contrib/eastwatchd.service; a live test never runs the daemon as root.
CAPABILITIES = ("net_raw", "net_admin", "net_broadcast")
USER = "eastwatch"


def programs():
    build = os.environ["EW_BUILDDIR"]
    return os.path.join(build, "eastwatchd"), os.path.join(build, "eastwatch")


def unit_command(capabilities=CAPABILITIES, groups=("docker",)):
    """The words that give a command the unit's user, groups and capabilities."""
    caps = ",".join(["-all"] + [f"+{name}" for name in capabilities])
    known = [g for g in groups if any(line.startswith(g + ":") for line in open("/etc/group", encoding="utf-8"))]
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}",
            *([f"--groups={','.join(known)}"] if known else ["--clear-groups"]),
            f"--inh-caps={caps}", f"--ambient-caps={caps}", f"--bounding-set={caps}", "--no-new-privs"]


class Daemon:
    """One eastwatchd with a folder of its own for configuration, database and socket.

    settings: the configuration as nested dicts and lists; database.path, control.socket and
    web.listen get places in the folder unless given.
    """

    def __init__(self, settings=None, name="eastwatchd", **options):
        self.folder = os.path.join(os.environ["EW_WORK"], name)
        os.makedirs(self.folder, exist_ok=True)
        run("chown", f"{USER}:{USER}", self.folder)
        os.chmod(self.folder, 0o750)
        self.database = os.path.join(self.folder, "eastwatch.db")
        self.socket = os.path.join(self.folder, "control.sock")
        self.log = os.path.join(self.folder, "log")
        self.config = os.path.join(self.folder, "eastwatch.yaml")
        self.options = options
        self.settings = merged({
            "database": {"path": self.database},
            "control": {"socket": self.socket},
        }, settings or {})
        self.write_config()
        self.process = None

    def write_config(self):
        # JSON is YAML; the daemon needs no second parser for tests.
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump(self.settings, file, indent=1)
        os.chmod(self.config, 0o644)

    def start(self, wait=True):
        log = open(self.log, "ab")
        self.process = Process([*unit_command(**self.options), programs()[0], "-c", self.config],
                               stdout=log, stderr=log, cwd=self.folder)
        log.close()
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        def answers():
            if not self.process.running():
                raise RuntimeError(f"eastwatchd ended with {self.process.popen.returncode}: {self.log_text()[-2000:]}")
            return self.eastwatch("status", check=False).returncode == 0
        wait_until("eastwatchd to answer on its control socket", answers, limit=60)

    def reload(self):
        self.process.send(signal.SIGHUP)

    def stop(self, number=signal.SIGTERM):
        """Returns the exit status; SIGKILL ends both of its processes at once."""
        return self.process.stop(number)

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    # The command, pointed at this daemon. Root reads the database and the socket here, as an
    # operator would with sudo.
    def eastwatch(self, verb, *words, check=True, **options):
        return Eastwatch(self.config).run(verb, *words, check=check, **options)

    def rows(self, verb, *words):
        """A list verb's rows as dicts. A daemon that died would be waited for in vain."""
        if self.process and not self.process.running():
            raise SystemExit(f"Bail out! eastwatchd ended with {self.process.popen.returncode}: {self.log_text()[-3000:]}")
        return Eastwatch(self.config).rows(verb, *words)

    def follow(self, verb, *words):
        return Eastwatch(self.config).follow(verb, *words)


class Eastwatch:
    """The `eastwatch` command with the configuration that names database and socket."""

    def __init__(self, config):
        self.config = config

    def words(self, verb, words):
        return [programs()[1], verb, "--config", self.config, *words]

    def run(self, verb, *words, check=True, **options):
        return run(*self.words(verb, words), check=check, **options)

    def rows(self, verb, *words):
        said = self.run(verb, *words, "-o", "json", "--last", "0").stdout
        return [json.loads(line) for line in said.splitlines()]

    def follow(self, verb, *words):
        """`eastwatch VERB -f -o json` in the background; read its popen.stdout by line."""
        return Process(self.words(verb, [*words, "-f", "-o", "json"]), stdout=subprocess.PIPE, text=True)


def eastwatch(verb, *words, check=True, **options):
    """The command without a daemon: replay, config, help."""
    return run(programs()[1], verb, *words, check=check, **options)


def merged(base, over):
    result = dict(base)
    for key, value in over.items():
        result[key] = merged(result[key], value) if isinstance(value, dict) and isinstance(result.get(key), dict) else value
    return result
