"""The private Docker Engine of the course: beside anything else on the machine, removed whole.

Everything of it is below ``home/engine``: the programs (``prefix``, unpacked packages), images
and containers (``data``), logs (``log``). Sockets are below ``/run/capas-<id>``, since
the kernel allows them 107 characters; the bridge, the firewall's chains and the control group carry
that same id, which is of this home on this machine. Several homes, several engines, side by side.

It is a containerd and a dockerd, started here as daemons. Which processes are ours is told by the
program that they run (`processes.py`), so a kill -9, a stale file or a zombie is no obstacle.
"""

import contextlib
import hashlib
import json
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

from capas import paths
from capas.engine import cgroups, mounts, names, network, packages, processes
from capas.engine.firewall import SYSTEM_PATH, Firewall, iptables_folder
from capas.engine.locking import lock
from capas.engine.mirror import Mirror, classroom
from capas.engine.model import Engine, EngineError, Report, connect, quiet
from capas.language import _

TITLE = "Docker Engine, Compose, buildx"
START_SECONDS = 30.0
RECONNECT_SECONDS = 15.0
GRACE_SECONDS = 2.0
"""How long containers have to end by themselves when the engine goes down."""

_DAEMONS = ("dockerd", "containerd")
_SHARED = ("/run/containerd/s", "/run/containerd", "/run/docker/plugins", "/run/docker")
"""Folders that every engine makes, wherever it is told to live."""
_HELPERS = ("containerd-shim-runc-v2", "docker-proxy", "runc")

_KEPT = (
    *("engine", "mirror", "cli", "tools", "docker", "images", "kit", "locks", "log", "tmp"),
    *("engine-users.lock", "engine-is-shared", "cli.lock", "tools.lock"),
)
"""What the course keeps in a home; there are also the user's JupyterLab settings (jupyter)."""

_children: list[subprocess.Popen[bytes]] = []
"""The daemons that this process started: kept, so that Python reaps them when they end."""


class PrivateEngine:
    """The private engine of a home (default: `paths.home`)."""

    def __init__(self, home: Path | None = None) -> None:
        self.home = home or paths.home()
        self.folder = self.home / "engine"
        self.started_here = False
        """`up` of this object has really started it."""
        # The root's numbers tell a chroot's home from the machine's own of the same name.
        root = Path("/").stat()
        place = f"{self.home.resolve()}:{root.st_dev}:{root.st_ino}"
        self.id = hashlib.sha256(place.encode()).hexdigest()[:6]
        self.tag = f"capas-{self.id}"
        """Name of its bridge, its control group and its folder below /run."""

    # --- where things are ------------------------------------------------------------------

    @property
    def prefix(self) -> Path:
        """Where the packages are unpacked: ``prefix / "usr/bin/docker"``."""
        return self.folder / "prefix"

    @property
    def run_folder(self) -> Path:
        """Sockets and other things that do not outlive the machine's restart."""
        return Path("/run") / self.tag

    @property
    def socket(self) -> Path:
        """The engine's socket."""
        return self.run_folder / "docker.sock"

    @property
    def host(self) -> str:
        """``DOCKER_HOST`` value."""
        return f"unix://{self.socket}"

    @property
    def mirror_port(self) -> int | None:
        """Port of the registry mirror on 127.0.0.1 that the engine asks first, or None."""
        port = self._state().get("mirror_port")
        return int(port) if port else None

    @property
    def installed(self) -> bool:
        """Its packages are unpacked."""
        return (self.prefix / packages.COMPLETE).exists()

    @property
    def log(self) -> Path:
        """The folder of the daemons' logs."""
        return self.folder / "log"

    # --- what one does with it ---------------------------------------------------------------

    def unsupported(self, action: str = "up") -> str | None:
        """Return why this process cannot have a private engine here, in one sentence, or None.

        `action` is what it wants of ``capas engine``: ``up``, ``down``, ``remove``.
        """
        if not sys.platform.startswith("linux"):
            return _("The course's own engine runs on Debian and Ubuntu only")
        if platform.machine() not in ("x86_64", "aarch64"):
            return _("The course's own engine does not run on this processor ({name})").format(
                name=platform.machine()
            )
        try:
            packages.release()
        except EngineError as error:
            return str(error).rstrip(".")
        if os.geteuid() != 0 and action == "up" and not shutil.which("sudo"):
            return _(
                "The course can start an engine of its own, but needs administrator rights for "
                "that, and there is no sudo here: ask who administers this machine for Docker, "
                "or open the course in Codespaces"
            )
        if os.geteuid() != 0 and action == "up":
            return _(
                "The course can start an engine of its own, but needs administrator rights "
                "for that: run `{command}`, then try again"
            ).format(command=self._sudo(action))
        if os.geteuid() != 0:
            return _(
                "The course's own engine was started with administrator rights: run `{command}`"
            ).format(command=self._sudo(action))
        if not _privileged():
            return _(
                "The course's own engine cannot run in this container: it needs "
                "administrator rights of the kernel (docker run --privileged)"
            )
        return None

    def install(self, report: Report = quiet) -> None:
        """Fetch and unpack the packages, unless that is done. About 10 s and 400 MB."""
        names = packages.release().engine
        if packages.has(self.prefix, names):
            return
        self._must()
        with self._alone(report):
            try:
                packages.unpack(names, self.prefix, report, TITLE)
            finally:
                self._hand_over()

    def up(self, report: Report = quiet) -> Engine:
        """Start it, unless it is up and well; return it after a container has run in it.

        Half a second. What a killed engine left is cleared away; its images, volumes and
        containers are there again. Raises `EngineError` when it does not start.
        """
        self._must()
        self.install(report)
        with self._alone(report), self._no_room_is_a_sentence():
            packages.plugins(self.prefix)
            alive = set(processes.running(self.prefix, _DAEMONS).values())
            if alive != set(_DAEMONS) or not self._answers(patience=3):
                report(_("Starting the course's own Docker Engine…"))
                self._start(alive)
                self.started_here = True
            self._refresh()
        return self._proven(RECONNECT_SECONDS if alive == {"dockerd"} else 2)

    def down(self) -> None:
        """Stop it and all that it runs; images, volumes, containers and packages stay."""
        if not self._traces():
            return
        self._must("down")
        with self._alone(quiet):
            self._stop()

    def status(self) -> str:
        """Return ``up`` (it answers), ``down`` (installed, does not answer) or ``absent``."""
        if self._answers(patience=0):
            return "up"
        return "down" if self.installed else "absent"

    def remove(self) -> None:
        """Stop it and remove everything of it from this machine, its images included.

        What the course keeps beside it goes, too: tools, notes, logs. The user's JupyterLab
        settings stay. Raises `EngineError` when something could not be removed.
        """
        kept = [self.home / name for name in _KEPT]
        store, lasting = packages.cache()
        if not lasting and store.parent == self.home:
            kept.append(store)
        running = self._traces() or (self.folder / "data").exists()
        if running or any(_is_another_s(path) for path in kept):
            self._must("remove")
        elif not any(map(os.path.lexists, kept)):
            return
        with self._alone(quiet):
            if running:
                self._stop()
            for path in kept:
                if path.is_dir() and not path.is_symlink():
                    mounts.remove(path)
                else:
                    with contextlib.suppress(OSError):
                        path.unlink()
        if left := [path for path in kept if os.path.lexists(path)]:
            self._must("remove")
            raise EngineError(
                _("{path} could not be removed: remove it by hand.").format(path=left[0])
            )
        with contextlib.suppress(OSError):
            self.home.rmdir()  # if nothing else is there

    def _proven(self, patience: float) -> Engine:
        """Return the engine after a container has run in it, within `patience` seconds.

        A dockerd whose containerd was killed and started again takes some time to
        notice; its containers go on meanwhile.
        """
        from capas.engine.discovery import Candidate, attach

        deadline = time.monotonic() + patience
        while True:
            try:
                return attach(
                    Candidate(self.host, _("The course's own engine"), expected=True, private=True)
                )
            except EngineError as error:
                if time.monotonic() > deadline:
                    raise EngineError(
                        _("{reason}; see {folder}.").format(reason=error, folder=self.log)
                    ) from error
            time.sleep(0.2)

    # --- starting ------------------------------------------------------------------------------

    def _start(self, alive: set[str]) -> None:
        if "dockerd" in alive and not self._answers(patience=10):
            processes.end(lambda: self._daemons("dockerd"), 0, signal.SIGKILL)
            alive = alive - {"dockerd"}
        try:
            self._start_parts(alive)
        except BaseException:
            # Nothing of a failed start stays on the machine; unless containers live on.
            if not alive and not processes.in_cgroup(self.tag):
                self._stop()
            raise

    def _start_parts(self, alive: set[str]) -> None:
        if not processes.in_cgroup(self.tag):  # else containers live: dockerd takes them over
            self._clear()
            if "dockerd" not in alive:
                for bridge in self._bridges():
                    network.delete_bridge(bridge)  # dockerd makes them anew
        for folder in (self.run_folder, self.folder, self.log):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)  # the user's own commands look there, whatever root's umask is
        packages.need_room(self.folder, 50)
        # What is to be undone is written down first.
        state = self._state()
        if mounted := cgroups.provide():
            state["cgroups"] = mounted
            self._save(state)
        old = state.get("pool")
        wanted = IPv4Network(str(old)) if old else None
        bridged = wanted is not None and network.exists(self.tag)
        pool = wanted if wanted and bridged else network.free_pool(int(self.id, 16), wanted)
        state["pool"] = str(pool)
        self._forwarding(state)
        self._save(state)
        if not bridged:
            network.add_bridge(self.tag, IPv4Interface(f"{pool[255 * 256 + 1]}/24"))
        self._firewall().up(pool)
        if "containerd" not in alive:
            (self.run_folder / "containerd.sock").unlink(missing_ok=True)
            config = self.folder / "containerd.toml"
            config.write_text(self._containerd_config())
            self._spawn("usr/bin/containerd", "--config", str(config))
        state["mirror_port"] = self._mirror_up()
        self._save(state)
        self._await("containerd", (self.run_folder / "containerd.sock").exists)
        if "dockerd" not in alive:
            for name in ("docker.pid", "docker.sock"):
                (self.run_folder / name).unlink(missing_ok=True)
            state["names"] = names.answered()
            self._save(state)
            self._write_daemon_config(state)
            config = self.folder / "daemon.json"
            self._spawn("usr/sbin/dockerd", "--config-file", str(config), "--bridge", self.tag)
        self._await("dockerd", lambda: self._answers(patience=0))

    def _refresh(self) -> None:
        """Mend what may change beside a running engine: rules, the mirror, the socket's group."""
        state = self._state()
        firewall = self._firewall()
        if not firewall.present():
            firewall.up(IPv4Network(str(state["pool"])))
        port = self._mirror_up()
        if port != state.get("mirror_port"):
            state["mirror_port"] = port
            self._save(state)
        if self._write_daemon_config(state):
            for pid in self._daemons("dockerd"):
                os.kill(pid, signal.SIGHUP)  # reads its mirrors anew
        os.chown(self.socket, 0, self._gid())
        self._hand_over()

    def _containerd_config(self) -> str:
        off = [
            "io.containerd.grpc.v1.cri",
            "io.containerd.internal.v1.opt",  # would make /opt/containerd
            "io.containerd.snapshotter.v1.aufs",
            "io.containerd.snapshotter.v1.btrfs",
            "io.containerd.snapshotter.v1.devmapper",
            "io.containerd.snapshotter.v1.zfs",
        ]
        return (
            "version = 2\n"
            f"root = {json.dumps(str(self.folder / 'containerd'))}\n"
            f"state = {json.dumps(str(self.run_folder / 'containerd'))}\n"
            f"disabled_plugins = {json.dumps(off)}\n"
            f"[grpc]\n  address = {json.dumps(str(self.run_folder / 'containerd.sock'))}\n"
        )

    def _write_daemon_config(self, state: dict[str, Any]) -> bool:
        """Write daemon.json; say whether that changed it."""
        port = state.get("mirror_port")
        here = "127.0.0.1"
        address, tls = classroom()
        config = {
            "data-root": str(self.folder / "data"),
            "exec-root": str(self.run_folder / "docker"),
            "pidfile": str(self.run_folder / "docker.pid"),
            "hosts": [self.host],
            "group": str(self._gid()),
            "containerd": str(self.run_folder / "containerd.sock"),
            "iptables": False,
            "ip6tables": False,
            "storage-driver": "overlay2",
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "cgroup-parent": f"/{self.tag}",
            "default-address-pools": [{"base": state["pool"], "size": 24}],
            # ``-p 8000:8000`` publishes to this machine, not to everybody in its network.
            "ip": here,
            "default-network-opts": {
                "bridge": {"com.docker.network.bridge.host_binding_ipv4": here}
            },
            # Containers outlive a killed dockerd. And without it, a dockerd with address pools
            # removes docker0 when it starts, although another dockerd's containers are on it.
            "live-restore": True,
            "registry-mirrors": [f"http://{here}:{port}"] if port else [],
            "insecure-registries": [address] if address and not tls else [],
            # Without a network, a name that is not known is to be told at once: a container's own
            # loopback refuses, a name server out of reach is waited for. Known ones are Docker's.
            **({} if state.get("names", True) else {"dns": [here]}),
            "log-driver": "json-file",
            "log-opts": {"max-size": "10m", "max-file": "3"},
            "features": {"buildkit": True},
        }
        path = self.folder / "daemon.json"
        text = json.dumps(config, indent=2) + "\n"
        with contextlib.suppress(OSError):
            if path.read_text() == text:
                return False
        new = path.with_suffix(".new")
        new.write_text(text)
        new.replace(path)
        return True

    def _spawn(self, program: str, *arguments: str) -> None:
        log = self.log / f"{program.rpartition('/')[2]}.log"
        with contextlib.suppress(FileNotFoundError):
            if log.stat().st_size > 5_000_000:
                log.replace(log.with_suffix(".old"))
        folders = [self.prefix / "usr/sbin", self.prefix / "usr/bin", SYSTEM_PATH]
        if own := iptables_folder(self.prefix):
            folders.insert(0, own)
        env = {k: v for k, v in os.environ.items() if not k.startswith(("DOCKER_", "NOTIFY_"))}
        env["PATH"] = ":".join(map(str, folders))
        with log.open("a") as output:
            child = subprocess.Popen(
                [str(self.prefix / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=env,
                umask=0o022,
                start_new_session=True,  # Ctrl-C and a closed terminal are not for the engine
            )
        _children.append(child)

    def _await(self, daemon: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            ended = not self._daemons(daemon)
            if ended or time.monotonic() > deadline:
                raise EngineError(
                    _("The course's own engine did not start ({reason}); see {folder}.").format(
                        reason=self._last_words(daemon), folder=self.log
                    )
                )
            time.sleep(0.02)

    def _last_words(self, daemon: str) -> str:
        with contextlib.suppress(OSError):
            lines = (self.log / f"{daemon}.log").read_text(errors="replace").splitlines()[-20:]
            telling = [line for line in lines if "fail" in line or "error" in line] or lines
            words = telling[-1] if telling else ""
            return words.rpartition("msg=")[2].strip('"')[:300] or daemon
        return daemon

    def _answers(self, patience: float) -> bool:
        """Say whether the API answers, within `patience` seconds."""
        deadline = time.monotonic() + patience
        while True:
            if self.socket.exists():
                with contextlib.suppress(Exception):
                    client = connect(self.host, timeout=3)
                    client.close()
                    return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.05)

    # --- stopping ------------------------------------------------------------------------------

    def _stop(self) -> None:
        # dockerd first: while it lives, it starts again what has a restart policy.
        processes.end(lambda: self._daemons("dockerd"), 10)
        firsts = set(processes.firsts(processes.in_cgroup(self.tag)))
        processes.end(lambda: firsts & set(processes.in_cgroup(self.tag)), GRACE_SECONDS)
        processes.end(lambda: processes.in_cgroup(self.tag), 0, signal.SIGKILL)
        processes.end(lambda: self._daemons("containerd"), 5)
        with contextlib.suppress(OSError):  # its lock cannot be had: it is ended below
            self._mirror().down()
        processes.end(lambda: processes.running(self.prefix, ["docker-registry"]), 1)
        self._clear()
        state = self._state()
        self._firewall().down()
        for bridge in self._bridges():
            network.delete_bridge(bridge)
        self._restore_forwarding(state)
        mounts.unmount(self.run_folder)
        mounts.unmount(self.folder)
        cgroups.forget(self.tag)
        cgroups.unmount(state.pop("cgroups", []))
        mounts.remove(self.run_folder)
        for shared in _SHARED:
            with contextlib.suppress(OSError):  # if it is empty, it was there for us
                Path(shared).rmdir()
        state["mirror_port"] = None
        if self.folder.exists():
            with contextlib.suppress(OSError):
                self._save(state)

    def _clear(self) -> None:
        """Clear away what runs without containers: their shims, forwarded ports."""
        helpers: tuple[str, ...] = _HELPERS
        if self._daemons("containerd"):  # it buries its shims by itself
            helpers = tuple(name for name in helpers if "shim" not in name)
        processes.end(lambda: processes.running(self.prefix, helpers), 0, signal.SIGKILL)
        self._dead_shim_sockets()

    def _dead_shim_sockets(self) -> None:
        """Remove the sockets of dead shims: containerd keeps all of a machine's in one folder."""
        if self._daemons("containerd"):
            return
        address = str(self.run_folder / "containerd.sock")
        with contextlib.suppress(OSError):
            for container in (self.folder / "data/containers").iterdir():
                path = f"{address}/moby/{container.name}"
                name = hashlib.sha256(path.encode()).hexdigest()
                (Path("/run/containerd/s") / name).unlink(missing_ok=True)

    def _bridges(self) -> set[str]:
        return {self.tag} | network.bridges_of(self.folder / "data/network/files/local-kv.db")

    # --- small things --------------------------------------------------------------------------

    def _must(self, action: str = "up") -> None:
        if why_not := self.unsupported(action):
            raise EngineError(f"{why_not}.")

    def _sudo(self, action: str) -> str:
        """Return the command that does this with administrator rights, for this same home."""
        variables = {}
        if self.home != paths.home_under_sudo():  # sudo drops the user's environment
            variables["CAPAS_HOME"] = str(self.home)
        if mirror := os.environ.get("CAPAS_MIRROR"):
            variables["CAPAS_MIRROR"] = mirror
        words = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
        for program in (Path(sys.executable).parent / "capas", paths.ROOT / ".venv/bin/capas"):
            if program.exists():
                break
        return " ".join(["sudo", *words, shlex.quote(str(program)), "engine", action])

    def _alone(self, report: Report) -> contextlib.AbstractContextManager[None]:
        return lock(self.home / "engine.lock", report)

    def _daemons(self, name: str) -> list[int]:
        return list(processes.running(self.prefix, [name]))

    def _traces(self) -> bool:
        """Say whether anything of it is on the machine but its folder."""
        with contextlib.suppress(OSError):
            return (
                self.run_folder.exists()
                or network.exists(self.tag)
                or bool(processes.running(self.prefix))
            )
        return False

    def _firewall(self) -> Firewall:
        return Firewall(self.tag.upper(), self.prefix)

    def _state(self) -> dict[str, Any]:
        with contextlib.suppress(OSError, ValueError):
            state = json.loads((self.folder / "state.json").read_text())
            if isinstance(state, dict):
                return state
        return {}

    def _save(self, state: dict[str, Any]) -> None:
        path = self.folder / "state.json"
        new = path.with_suffix(".new")
        new.write_text(json.dumps(state, indent=2) + "\n")
        new.replace(path)

    def _gid(self) -> int:
        """Return the group that may use the engine: the caller's, under sudo."""
        return int(os.environ.get("SUDO_GID") or 0)

    def _hand_over(self) -> None:
        """Under sudo, give the home folder to its user, but not what the engine keeps there."""
        paths.give_back(self.home, but=("engine", "mirror"))
        owner = paths.sudo_user()
        if owner and not os.environ.get("CAPAS_HOME"):
            for folder in (self.home, self.home.parent, self.home.parent.parent):
                if folder.exists() and folder.stat().st_uid == 0 and folder != Path("/"):
                    os.chown(folder, *owner)

    def _forwarding(self, state: dict[str, Any]) -> None:
        switch = Path("/proc/sys/net/ipv4/ip_forward")
        if switch.read_text().strip() == "0":
            state["forwarding_was_off"] = True
            self._save(state)
            switch.write_text("1")

    def _restore_forwarding(self, state: dict[str, Any]) -> None:
        """Switch forwarding off again if we switched it on and nobody else can need it now."""
        if state.pop("forwarding_was_off", False):
            others = Path("/proc/sys/net/ipv4/conf").iterdir()
            loners = ("all", "default", "lo")
            names = [entry.name for entry in others if entry.name not in loners]
            shared = ("docker", "br-", "virbr", "capas-", "tun", "wg", "lxc", "podman", "cni")
            if not any(name.startswith(shared) for name in names):
                Path("/proc/sys/net/ipv4/ip_forward").write_text("0")

    def _mirror(self) -> Mirror:
        return Mirror(self.home, self.prefix, self.run_folder)

    def _mirror_up(self) -> int | None:
        # An engine without a mirror is still an engine.
        with contextlib.suppress(EngineError, OSError):
            return self._mirror().up()
        return None

    @contextlib.contextmanager
    def _no_room_is_a_sentence(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise EngineError(
                _("The course's own engine did not start ({reason}); see {folder}.").format(
                    reason=error.strerror or error, folder=self.folder
                )
            ) from error


def _is_another_s(path: Path) -> bool:
    """Say whether a file or folder, or something right in it, belongs to another user than us."""
    if not os.path.lexists(path) or sys.platform == "win32" or os.geteuid() == 0:
        return False
    try:
        inside = list(path.iterdir()) if path.is_dir() else []
        return any(one.lstat().st_uid != os.geteuid() for one in (path, *inside))
    except OSError:
        return True


def _privileged() -> bool:
    """Say whether this process may mount and set up networks (CAP_SYS_ADMIN, CAP_NET_ADMIN)."""
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text().splitlines()
        line = next(line for line in lines if line.startswith("CapEff:"))
        needed = 1 << 21 | 1 << 12
        return int(line.split()[1], 16) & needed == needed
    return True
