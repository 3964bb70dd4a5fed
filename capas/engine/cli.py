"""The docker command and its plugins: the machine's own, or the course's where it lacks them.

The lessons type ``docker compose`` and ``docker build`` (buildx). A machine's docker command
may have neither; then the course's own, from Debian's packages, comes first on ``PATH``.
"""

import contextlib
import functools
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from capas import paths
from capas.engine import packages
from capas.engine.locking import lock
from capas.engine.model import EngineError, Report, quiet
from capas.language import _

PLUGINS = packages.PLUGINS


def environment(always: bool) -> dict[str, str]:
    """Return ``PATH`` and ``DOCKER_CONFIG`` for the course's own CLI, or nothing.

    Nothing when the machine's own CLI is complete (unless `always`), or when there is no
    other here: `provide` fetches it.
    """
    prefix = _prefix()
    if prefix is None or (not always and not missing()):
        return {}
    bin_folder = str(prefix / "usr/bin")
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    path = os.pathsep.join([bin_folder, *(f for f in folders if f != bin_folder)])
    return {"PATH": path, "DOCKER_CONFIG": str(_config(prefix))}


@functools.cache
def missing() -> tuple[str, ...]:
    """Return which of ``docker``, ``compose``, ``buildx`` the machine's own CLI lacks.

    Asked once per process, about 0.1 s: the plugins must really run.
    """
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    ours = str(paths.home())
    path = os.pathsep.join(folder for folder in folders if not folder.startswith(ours))
    command = shutil.which("docker", path=path)
    if not command:
        return ("docker", *PLUGINS)
    env = {**os.environ, "PATH": path}
    if env.get("DOCKER_CONFIG", "").startswith((ours, str(_cache()))):
        del env["DOCKER_CONFIG"]

    def runs(plugin: str) -> bool:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            done = subprocess.run(
                [command, plugin, "version"],
                env=env,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=10,
                check=False,
            )
            return done.returncode == 0
        return False

    with ThreadPoolExecutor(len(PLUGINS)) as pool:
        return tuple(p for p, ok in zip(PLUGINS, pool.map(runs, PLUGINS), strict=True) if not ok)


def provide(report: Report = quiet) -> None:
    """Fetch the course's own CLI where the machine's lacks something, if that can be done here.

    No rights are needed for it. Where it cannot be done (another system, no network), nothing
    happens: the doctor says what is missing.
    """
    if not missing() or _prefix():
        return
    with contextlib.suppress(EngineError):
        names = packages.release().cli
        with lock(paths.home() / "cli.lock", report):
            packages.unpack(names, paths.home() / "cli", report, _("the docker command"))


def docker(path: str | None = None) -> str:
    """Return the docker command on this PATH; raise `EngineError` when there is none."""
    if command := shutil.which("docker", path=path):
        return command
    raise EngineError(
        _(
            "There is no docker command on this machine: install Docker's CLI "
            "(Docker Desktop brings it), then try again."
        )
    )


def _prefix() -> Path | None:
    """Return the folder with the course's own CLI, complete with plugins, or None."""
    for folder in (paths.home() / "engine/prefix", paths.home() / "cli"):
        if (folder / packages.COMPLETE).exists():
            return folder
    return None


def _config(prefix: Path) -> Path:
    """Return a ``DOCKER_CONFIG`` folder with the plugins, and with what the user's own says.

    ``docker login``, credential helpers and proxies stay: the user's file is linked, not copied.
    """
    complete = prefix / "capas/docker"
    with contextlib.suppress(OSError):  # made when it was unpacked; by an older version, it was not
        packages.plugins(prefix)
    # buildx and ``docker login`` write there: it must be a folder of this user's own.
    folders = [paths.home() / "docker", _cache()]
    if paths.sudo_user():  # root's files are not to be in the user's way
        folders = [prefix / "capas/sudo"]
    for config in folders:
        with contextlib.suppress(OSError):
            paths.make(config)
            if not os.access(config, os.W_OK):
                continue
            _link(config / "cli-plugins", complete / "cli-plugins")
            own = _user() / ".docker/config.json"
            if own.exists():
                _link(config / "config.json", own)
            return config
    return complete


def _user() -> Path:
    """Return the home folder of the user; under sudo, of who called it."""
    if owner := paths.sudo_user():
        import pwd

        with contextlib.suppress(KeyError):
            return Path(pwd.getpwuid(owner[0]).pw_dir)
    return Path.home()


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "capas/docker"


def _link(link: Path, target: Path) -> None:
    """Make a symbolic link, or make it anew when it is one that leads elsewhere."""
    if link.is_symlink() and link.readlink() != target:
        link.unlink(missing_ok=True)
    if not link.is_symlink() and not link.exists():
        with contextlib.suppress(FileExistsError):
            link.symlink_to(target)
