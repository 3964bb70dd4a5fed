"""For tests that start servers: waiting without guessing how long."""

import contextlib
import time
from collections.abc import Callable
from typing import TypeVar

import pytest
import requests

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T], what: str, seconds: float = 30, detail: Callable[[], str] = str
) -> T:
    """Return the condition's first truthy value; a failed request counts as "not yet".

    Fails the test after `seconds`, saying `what` was waited for, and `detail()`.
    """
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(requests.ConnectionError, requests.Timeout):
            if value := condition():
                return value
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {seconds:.0f} s\n{detail()}")
        time.sleep(0.05)
