# SPDX-License-Identifier: Apache-2.0
"""Undo in reverse order, also after a signal. Only what the test itself started is ended,
by the handles it holds; the sandbox catches what a killed test leaves."""

import atexit
import signal
import sys

_undo = []


def at_exit(function, *arguments):
    """Call function(*arguments) when the test ends; returns a handle for cancel()."""
    entry = (function, arguments)
    _undo.append(entry)
    return entry


def cancel(entry):
    if entry in _undo:
        _undo.remove(entry)


def run_all():
    while _undo:
        function, arguments = _undo.pop()
        try:
            function(*arguments)
        except Exception as error:  # one failed undo must not keep the others from running
            print(f"# clean-up: {error}", file=sys.stderr, flush=True)


def _stop(number, _frame):
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


atexit.register(run_all)
for _number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(_number, _stop)
