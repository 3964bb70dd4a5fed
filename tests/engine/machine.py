"""A machine within the machine, for tests that start and break engines.

Linux namespaces give it processes, mounts, network links and packet filter rules of its
own, so that what a test sees there is the test's, and all of it ends with the machine.
Beside it is an "outside": another network namespace with a web server, which knows no way back
to anything but the machine's own address. A container that reaches it was really forwarded.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from capas.paths import ROOT

ADDRESS, OUTSIDE = "192.168.231.1", "192.168.231.2"
ANSWER = "this is outside"

SETUP = f"""
set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/cgroups
mount --rbind /sys/fs/cgroup /run/cgroups
mount -t sysfs sysfs /sys
mount --rbind /run/cgroups /sys/fs/cgroup
umount -l /run/cgroups
rmdir /run/cgroups
ip link set lo up
ip address add {ADDRESS}/24 dev outward
ip link set outward up
ip route add default via {OUTSIDE}
"""

SERVER = f"""
import http.server
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write({ANSWER!r}.encode())
http.server.HTTPServer(({OUTSIDE!r}, 80), Answer).serve_forever()
"""

DRIVE = """
import json, sys
from capas.errors import CapasError
from capas.engine import PrivateEngine, ensure, find, started_here
private = PrivateEngine()
try:
    result = eval(sys.argv[1])
except CapasError as error:
    print(json.dumps({"error": str(error)}))
else:
    print(json.dumps({"result": result}, default=str))
"""


def impossible() -> str | None:
    """Return why there can be no such machine here, or None."""
    from capas.engine import PrivateEngine

    if why_not := PrivateEngine().unsupported():
        return why_not
    for tool in ("unshare", "nsenter", "ip"):
        if not shutil.which(tool):
            return f"these tests need the command {tool}"
    try_it = subprocess.run(["unshare", "-nmp", "--fork", "true"], capture_output=True, check=False)
    return "namespaces are not allowed here" if try_it.returncode else None


class Machine:
    """One such machine; `home` is its ``CAPAS_HOME``."""

    def __init__(self, home: Path, cache: Path) -> None:
        self.home = home
        inherited = ("DOCKER_", "CAPAS_", "SUDO_", "XDG_", "BUILD", "COMPOSE_")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(inherited)}
        self.env |= {
            "CAPAS_HOME": str(home),
            "CAPAS_CACHE": str(cache),
            "PYTHONPATH": str(ROOT),
            "HOME": str(home.parent),
        }
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Machine":
        with contextlib.ExitStack() as stack:
            outside = stack.enter_context(_namespaces("--net"))
            self.pid = stack.enter_context(_namespaces("--net", "--mount-proc", "--pid"))
            peer = ["peer", "name", "inward", "netns", str(outside)]
            _do("ip", "link", "add", "outward", "netns", str(self.pid), "type", "veth", *peer)
            beside = ["nsenter", "-t", str(outside), "-n", "--"]
            _do(*beside, "ip", "address", "add", f"{OUTSIDE}/24", "dev", "inward")
            _do(*beside, "ip", "link", "set", "inward", "up")
            stack.enter_context(_background(*beside, sys.executable, "-c", SERVER))
            self.run("sh", "-c", SETUP)
            wait_for(self.reaches_outside, what="the web server outside")
            self._stack = stack.pop_all()
        return self

    def reaches_outside(self) -> bool:
        """Say whether the machine itself can reach the web server."""
        code = f"import socket; socket.create_connection(({OUTSIDE!r}, 80), 1)"
        return self.start(sys.executable, "-c", code).wait() == 0

    def __exit__(self, *details: object) -> None:
        self._stack.close()

    def start(self, *command: str, **kw: Any) -> "subprocess.Popen[str]":
        """Start a command inside."""
        return subprocess.Popen(
            ["nsenter", "-t", str(self.pid), "-n", "-m", "-p", "--", *command],
            env={**self.env, **kw.pop("env", {})},
            cwd="/",
            text=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **kw},
        )

    def run(self, *command: str, check: bool = True, **kw: Any) -> str:
        """Run a command inside and return what it printed."""
        process = self.start(*command, **kw)
        output, errors = process.communicate(timeout=120)
        if check and process.returncode:
            raise AssertionError(f"{command} ended with {process.returncode}: {output}{errors}")
        return output if check else output + errors

    def do(self, expression: str, **kw: Any) -> Any:
        """Evaluate an expression of `capas.engine` inside; return its value or raise `Refused`."""
        return answer(self.run(sys.executable, "-c", DRIVE, expression, **kw))

    def docker(self, *arguments: str, check: bool = True) -> str:
        """Run the private engine's docker command inside."""
        prefix = self.home / "engine/prefix"
        env = {
            "DOCKER_HOST": str(self.host()),
            "DOCKER_CONFIG": str(prefix / "capas/docker"),
            "BUILDX_CONFIG": str(self.home.parent / "buildx"),
            "BUILDKIT_PROGRESS": "plain",
        }
        return self.run(str(prefix / "usr/bin/docker"), *arguments, check=check, env=env)

    def host(self) -> str:
        """Return the private engine's ``DOCKER_HOST`` value."""
        from capas.engine import PrivateEngine

        return PrivateEngine(self.home).host

    def pids(self, name: str) -> list[int]:
        """Return the numbers (inside) of the private engine's processes of this name."""
        code = (
            "import json, sys; from pathlib import Path; from capas.engine import processes\n"
            "print(json.dumps(list(processes.running(Path(sys.argv[1]), [sys.argv[2]]))))"
        )
        prefix = str(self.home / "engine/prefix")
        return list(json.loads(self.run(sys.executable, "-c", code, prefix, name)))

    def kill(self, *names: str) -> None:
        """Kill -9 the private engine's processes of these names."""
        pids = [str(pid) for name in names for pid in self.pids(name)]
        assert len(pids) >= len(names), f"{names} do not all run"
        self.run("kill", "-9", *pids)


class Refused(Exception):
    """What `Machine.do` raises for a `CapasError`: its sentence."""


def get(address: str) -> list[str]:
    """Return the command with which a busybox container fetches ``/`` from an address.

    (With nc: Debian 12's busybox-static ends by a segmentation fault in wget.)
    """
    return ["sh", "-c", f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 {address} 80"]


def answer(output: str) -> Any:
    """Return what `DRIVE` printed last: a value, or `Refused`."""
    said = json.loads(output.splitlines()[-1])
    if "error" in said:
        raise Refused(said["error"])
    return said["result"]


@contextlib.contextmanager
def _namespaces(*kinds: str) -> Iterator[int]:
    """Yield the process number of somebody who lives in new namespaces until the end."""
    command = ["unshare", *kinds, "--fork", "--kill-child", "sleep", "infinity"]
    with _background(*command) as process:
        yield wait_for(lambda: _child(process.pid), what="unshare")


@contextlib.contextmanager
def _background(*command: str) -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _child(parent: int) -> int:
    """Return the number of a process' child once that sleeps in its new namespaces, or 0."""
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            text = status.read_text()
            if f"PPid:\t{parent}\n" in text and text.startswith("Name:\tsleep\n"):
                return int(status.parent.name)
    return 0


def wait_for(look: Any, seconds: float = 60, what: str = "") -> Any:
    """Return the first true value of `look()`; fail after some seconds."""
    deadline = time.monotonic() + seconds
    while not (value := look()):
        assert time.monotonic() < deadline, f"waited in vain for {what or look}"
        time.sleep(0.02)
    return value


def _do(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
