"""How long a test waits for what must happen before it says that it never will.

Only a guard against hanging for ever: longer than any loaded machine needs, and no test is
about it. Where a wait must end in vain, the test says its own few milliseconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable

GUARD_S = 60.0


def wait_until(is_so: Callable[[], bool], limit_s: float = GUARD_S) -> bool:
    """Look again and again; gives whether it came to be so within the limit."""
    deadline_s = time.monotonic() + limit_s
    while not is_so():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True
