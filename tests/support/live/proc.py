# SPDX-License-Identifier: Apache-2.0
"""Processes: every one that a test starts is ended by its own handle."""

import os
import signal
import subprocess

from . import cleanup


def run(*command, check=True, **options):
    """Run to the end; a failure raises with what the command said."""
    options.setdefault("text", True)
    options.setdefault("stdin", subprocess.DEVNULL if "input" not in options else None)
    if "input" in options:
        options.pop("stdin")
    options.setdefault("timeout", 120)
    done = subprocess.run([str(word) for word in command], capture_output=True, **options)
    if check and done.returncode != 0:
        said = done.stderr if isinstance(done.stderr, str) else done.stderr.decode(errors="replace")
        raise AssertionError(
            f"{' '.join(str(word) for word in command)}: exit {done.returncode}: {said.strip()[-2000:]}")
    return done


def output(*command, **options):
    return run(*command, **options).stdout


class Process:
    """A running process in a session of its own; stop() ends it and its children."""

    def __init__(self, command, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        self.command = [str(word) for word in command]
        self.popen = subprocess.Popen(self.command, start_new_session=True, **options)
        self._undo = cleanup.at_exit(self.stop)

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def send(self, number):
        self.popen.send_signal(number)

    def wait(self, limit=30):
        return self.popen.wait(limit)

    def stop(self, number=signal.SIGTERM, limit=20):
        """Returns the exit status (negative: the signal that ended it)."""
        cleanup.cancel(self._undo)
        if self.popen.poll() is None:
            self.popen.send_signal(number)
            try:
                self.popen.wait(limit)
            except subprocess.TimeoutExpired:
                pass
        try:  # its children, and itself if it did not listen: they share its session
            os.killpg(self.popen.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        return self.popen.wait(limit)


def start(*command, **options):
    options.setdefault("stdout", subprocess.DEVNULL)
    options.setdefault("stderr", subprocess.DEVNULL)
    return Process(command, **options)
