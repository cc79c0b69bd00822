# SPDX-License-Identifier: Apache-2.0
"""Test cases of one file, in the order they are written, printed as TAP."""

import sys
import time
import traceback

from . import cleanup

_cases = []


class Skip(Exception):
    """The part this case needs is missing; the text says which."""


def skip(reason):
    raise Skip(reason)


def test(sentence, needs=None):
    """Mark a function as a test case. needs: a case (function) that must have passed."""
    def mark(function):
        _cases.append((sentence, function, needs))
        return function
    return mark


def diag(text):
    for line in str(text).splitlines() or [""]:
        print("#", line, flush=True)


def main():
    print(f"1..{len(_cases)}", flush=True)
    passed = set()
    failed = 0
    for number, (sentence, function, needs) in enumerate(_cases, 1):
        begun = time.monotonic()
        if needs is not None and needs not in passed:
            print(f"not ok {number} - {sentence}", flush=True)
            diag(f"not tried: it stands on \"{dict((f, s) for s, f, _ in _cases)[needs]}\"")
            failed += 1
            continue
        try:
            function()
        except Skip as reason:
            print(f"ok {number} - {sentence} # SKIP {reason}", flush=True)
            continue
        except Exception as error:
            failed += 1
            print(f"not ok {number} - {sentence}", flush=True)
            diag(f"{type(error).__name__}: {error}")
            diag("".join(traceback.format_tb(error.__traceback__)))
            continue
        passed.add(function)
        print(f"ok {number} - {sentence} ({time.monotonic() - begun:.1f} s)", flush=True)
    cleanup.run_all()
    sys.exit(1 if failed else 0)
