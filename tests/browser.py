"""A browser for tests, with nothing installed on the host but Playwright's Python package.

Headless Chromium comes from Debian, in an image that is built once (``capas/chromium:1``), and
runs in a container on the host's network: what listens on 127.0.0.1 here, it reaches. Playwright
connects to it over the DevTools protocol. ``CAPAS_BROWSER=/usr/bin/chromium`` takes a browser
of this machine instead.

A test module asks for it by ``pytest_plugins = ["tests.browser"]``; then the fixture `visit`
opens a page, in a profile of its own: ``page = visit("http://127.0.0.1:5173")``.
"""

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from capas.engine import Engine, images
from capas.ports import free_port
from tests.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

    Visit = Callable[[str], Page]

IMAGE = "capas/chromium:1"
PROGRAM = "chromium-headless-shell"
DOCKERFILE = f"""\
FROM debian:trixie-slim
LABEL capas="chromium"
RUN apt-get update && \\
    apt-get install --yes --no-install-recommends {PROGRAM} fonts-dejavu-core && \\
    rm -rf /var/lib/apt/lists/*
"""
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

DEAF = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [
        {
            "names": ["socket"],
            "action": "SCMP_ACT_ERRNO",
            "args": [{"index": 0, "value": 16, "op": "SCMP_CMP_EQ"}],  # AF_NETLINK
        }
    ],
}
"""A seccomp profile: Chromium cannot listen for networks that come and go. If it hears of one, as
each container and network of Docker is, it breaks off its requests (ERR_NETWORK_CHANGED)."""


@contextlib.contextmanager
def chromium(engine: Engine) -> Iterator[str]:
    """Run Chromium in a container; yield the URL of its DevTools protocol."""
    if engine.run("image", "inspect", IMAGE).returncode:
        images.ensure(engine, ["debian:trixie-slim"])
        engine.run("build", "--tag", IMAGE, "-", input=DOCKERFILE, check=True)
    with contextlib.closing(engine.client()) as client:
        seccomp = any("seccomp" in one for one in client.info().get("SecurityOptions") or [])
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder) / "deaf.json"
        profile.write_text(json.dumps(DEAF))
        started = engine.run(
            *("run", "--detach", "--rm", "--init", "--label", "capas=tests"),
            *(("--security-opt", f"seccomp={profile}") if seccomp else ()),
            *("--network", "host", "--shm-size", "256m", IMAGE),
            *(PROGRAM, *FLAGS, f"--remote-debugging-port={port}", "about:blank"),
            check=True,
        )
    container = started.stdout.strip()
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(
            lambda: requests.get(f"{url}/json/version", timeout=5).ok,
            "Chromium answers",
            detail=lambda: engine.run("logs", container).stderr,
        )
        yield url
    finally:
        engine.run("rm", "--force", container)


def no_host_network(engine: Engine) -> str:
    """Return why "the host's network" of this engine is not this machine's, or an empty text."""
    with contextlib.closing(engine.client()) as client:
        info = client.info()
    system = str(info.get("OperatingSystem"))
    if sys.platform != "linux" or "Docker Desktop" in system:
        return f"containers run in a virtual machine ({system})"
    if any("rootless" in option for option in info.get("SecurityOptions") or []):
        return "this engine is rootless"
    if not engine.host.startswith("unix://"):
        return "this engine is on another machine"
    return ""


@pytest.fixture(scope="session")
def playwright() -> "Iterator[Playwright]":
    """Playwright itself."""
    # Imported late: only who asks for a browser needs the package.
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: "Playwright", request: pytest.FixtureRequest) -> "Iterator[Browser]":
    """One headless Chromium for all tests of this process."""
    if program := os.environ.get("CAPAS_BROWSER"):
        browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS])
        yield browser
        browser.close()
        return
    engine: Engine = request.getfixturevalue("engine")
    if why_not := no_host_network(engine):
        pytest.skip(
            f"{why_not}: a browser in a container does not reach 127.0.0.1 here; "
            "name one of this machine by CAPAS_BROWSER=/path/to/chromium"
        )
    with chromium(engine) as url:
        browser = playwright.chromium.connect_over_cdp(url)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: "Browser") -> "Iterator[Visit]":
    """Open pages, in a profile of this test's own; they are loaded when you get them."""
    context = browser.new_context()
    context.set_default_timeout(15_000)

    def visit(url: str) -> "Page":
        page = context.new_page()
        goto(page, url)
        page.wait_for_load_state("networkidle")
        return page

    yield visit
    context.close()


def goto(page: "Page", url: str, attempts: int = 3) -> None:
    """Try again when a network came or went just then (ERR_NETWORK_CHANGED; see `DEAF`)."""
    from playwright.sync_api import Error

    for attempt in range(attempts):
        try:
            page.goto(url)
            return
        except Error as error:
            if "ERR_NETWORK_CHANGED" not in error.message or attempt + 1 == attempts:
                raise
