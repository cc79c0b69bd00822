# SPDX-License-Identifier: Apache-2.0
"""Waiting for a state instead of sleeping. The limits here say when to give up, generous
on purpose; how fast something is belongs into a benchmark."""

import time


def wait_until(what, condition, limit=30.0, every=0.05):
    """Call condition until it returns something true, and return that.

    what: the end of "waited for ..." in the failure's sentence. An AssertionError or
    OSError inside condition counts as not yet, and its text is shown at the end.
    """
    deadline = time.monotonic() + limit
    last = None
    while True:
        try:
            result = condition()
            if result:
                return result
            last = f"last value: {result!r}"
        except (AssertionError, OSError, LookupError, ValueError) as error:
            last = f"last trouble: {error}"
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {limit:g} s for {what}; {last}")
        time.sleep(every)
