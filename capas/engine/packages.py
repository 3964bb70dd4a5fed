"""Debian's and Ubuntu's packages, unpacked into a folder of our own.

dpkg never hears of them: the machine's own apt says which mirror, which keys and which
proxy; lists and state are private, and what is fetched is verified by apt as always.
A folder is complete or absent: packages are unpacked beside it, and renamed at the end,
so an interruption at any moment means that the next run begins again, from the packages
that had already arrived whole (`cache`).

- Debian 12: its own ``docker.io`` is 20.10, without Compose v2 and buildx. Debian 13's
  programs need only libc 2.34 and run there, but for runc, tini and iptables.
- Debian 13 and later: all from its own release.
- Ubuntu 22.04, 24.04: their own names and updates (not tried).
"""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import filter as filter_names
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import unquote

from capas import paths
from capas.engine.model import EngineError, Report, quiet
from capas.kit import using
from capas.language import _

OLDEST = (26, 1)
"""The oldest Docker Engine that the course teaches with."""
PLUGINS = ("compose", "buildx")
"""What the docker command needs beside itself."""
COMPLETE = ".complete"
"""A file in an unpacked folder that names its packages."""

_EVERYWHERE = ("apt", "base-files", "bash", "dpkg", "perl-base", "python3", "util-linux")
"""Packages that every machine of the course has, with what they need."""

APT_DIRECTORY = Path("/etc/apt")
OS_RELEASE = Path("/etc/os-release")


@dataclass(frozen=True)
class Release:
    """A release of Debian or Ubuntu, and how the course gets its packages there."""

    codename: str
    newer: str | None
    """Codename of the release that the engine comes from, when not from this one."""
    from_newer: tuple[str, ...]
    """The packages that come from there."""
    components: str
    cli: tuple[str, ...]
    engine: tuple[str, ...]


_DEBIAN_CLI = ("docker-cli", "docker-compose", "docker-buildx")
_RUNNING = ("containerd", "runc", "tini", "docker-registry")
_IPTABLES = (
    *("iptables", "libip4tc2", "libip6tc2", "libxtables12", "libmnl0", "libnftnl11"),
    *("libnetfilter-conntrack3", "libnfnetlink0"),
)


def release(os_release: Path = OS_RELEASE) -> Release:
    """Return how to get packages on this machine; raise `EngineError` where we do not know how."""
    try:
        lines = os_release.read_text().splitlines()
    except OSError:
        lines = []
    facts = {k: v.strip("\"'") for k, _, v in (line.partition("=") for line in lines)}
    name = facts.get("PRETTY_NAME", "this system")
    system, codename = facts.get("ID"), facts.get("VERSION_CODENAME", "")
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        system = None
    if system == "debian" and codename == "bookworm":
        newer = ("docker.io", *_DEBIAN_CLI, "containerd")
        engine = ("docker.io", *_DEBIAN_CLI, *_RUNNING, *_IPTABLES)
        return Release(codename, "trixie", newer, "main", _DEBIAN_CLI, engine)
    if system == "debian" and codename not in ("", "bullseye", "buster"):
        engine = ("docker.io", *_DEBIAN_CLI, *_RUNNING, *_IPTABLES)
        return Release(codename, None, (), "main", _DEBIAN_CLI, engine)
    if system == "ubuntu" and codename in ("jammy", "noble"):
        cli = ("docker.io", "docker-compose-v2", "docker-buildx")  # docker.io holds the CLI too
        return Release(codename, None, (), "main universe", cli, (*cli, *_RUNNING, *_IPTABLES))
    raise EngineError(
        _(
            "There are no packages for {name}: the course can install an engine on Debian 12 "
            "and 13 and on Ubuntu 22.04 and 24.04 only."
        ).format(name=name)
    )


def cache() -> tuple[Path, bool]:
    """Return the folder for fetched packages, and whether it is meant to stay.

    ``$CAPAS_CACHE`` stays and may be shared by several homes; else it is a folder in ours
    that is emptied once its packages are unpacked.
    """
    if shared := os.environ.get("CAPAS_CACHE"):
        return Path(shared).expanduser().resolve(), True
    return paths.home() / "cache", False


def unpack(
    names: Sequence[str],
    target: Path,
    report: Report = quiet,
    title: str = "",
    *,
    dependencies: bool = False,
    room: int = 750,
) -> None:
    """Fetch the packages and unpack them into `target`, unless that is done.

    With `dependencies`, also the packages that they need and this machine lacks. `room` is
    what that takes on the disk, in MB. The caller keeps others from doing so at once. Raises
    `EngineError` in one sentence when there is no way to the packages or no room.
    """
    if has(target, names):
        return
    from capas.engine.locking import lock

    store, lasting = cache()
    kept = _kept(store, names)
    # The cache is emptied at the end: nobody else may be filling it meanwhile.
    with lock(paths.home() / "packages.lock", report), _writing(target):
        if lasting and (kept / COMPLETE).exists():
            _replace(target, lambda new: _link_tree(kept, new))
            plugins(target)
            return
        need_room(target, room)
        files = fetch(names, report, title, dependencies=dependencies)
        report(_("Unpacking {what}…").format(what=title or " ".join(names)))
        _replace(target, lambda new: _extract(files, names, new))
        if lasting:
            with contextlib.suppress(OSError):  # a cache is a convenience
                share(target, names, store)
        if not lasting:
            shutil.rmtree(store, ignore_errors=True)


def plugins(prefix: Path) -> None:
    """Link the CLI's plugins into ``capas/docker/cli-plugins``, unless that is done.

    So that whoever may read the folder finds them there, although root has unpacked it.
    """
    folder = prefix / "capas/docker/cli-plugins"
    for name in PLUGINS:
        for place in ("libexec", "lib"):
            program = Path(f"usr/{place}/docker/cli-plugins/docker-{name}")
            link, there = folder / program.name, Path("../../..") / program
            if not (prefix / program).exists() or (link.is_symlink() and link.readlink() == there):
                continue
            folder.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(there)  # relative: right in a copy of the folder, too


def has(target: Path, names: Sequence[str]) -> bool:
    """Say whether all these packages are unpacked there."""
    with contextlib.suppress(OSError):
        files = (target / COMPLETE).read_text().split()
        packages = {file.split("_")[0] for file in files}
        return all(filter_names(packages, name.rpartition("/")[2]) for name in names)
    return False


def share(folder: Path, names: Sequence[str], store: Path) -> None:
    """Give unpacked packages to a cache, by hard links: another home then takes them from there."""
    _replace(_kept(store, names), lambda new: _link_tree(folder, new))


def _kept(store: Path, names: Sequence[str]) -> Path:
    text = " ".join([OS_RELEASE.read_text(), os.uname().machine, *sorted(names)])
    return store / "unpacked" / hashlib.sha256(text.encode()).hexdigest()[:12]


def fetch(
    names: Sequence[str],
    report: Report = quiet,
    title: str = "",
    *,
    dependencies: bool = False,
    bare: bool = False,
) -> list[Path]:
    """Return the .deb files of the packages, fetched and verified where they are not yet here.

    A name that ends in ``*`` stands for the package that it depends on whose name begins so:
    ``linux-image-cloud-amd64/linux-image-*`` for the kernel that this release has today.
    With `bare`, dependencies are those of a machine that has little more than Python.
    """
    system = release()
    if kept := _in_kit(system, names):
        return kept
    store = cache()[0]
    debs = store / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="apt-", dir=store) as apt_folder:
        apt = _Apt(Path(apt_folder), system, bare)
        report(_("Asking for the package lists…"))
        apt.update()
        names = [apt.needed(*name.split("/")) if "/" in name else name for name in names]
        wanted = apt.wanted(names, dependencies)
        missing = [file for file in wanted if not file.whole(debs)]
        if missing:
            size = sum(file.size for file in missing) / 1e6
            what = title or " ".join(names)
            report(_("Fetching {what} ({size} MB)…").format(what=what, size=round(size)))
            apt.download(missing, debs)
    return [debs / file.name for file in wanted]


def _in_kit(system: Release, names: Sequence[str]) -> list[Path]:
    """Return the files of the packages out of the kit that this machine uses; none, where it
    lacks one. What a kit has for a name includes what that needs where `unpack` asks for it."""
    kit = using.in_use()
    if kit is None:
        return []
    known = kit.contents.get("packages").get(using.distribution(system.codename), {})
    if not all(name in known for name in names):
        return []
    paths_ = dict.fromkeys(file for name in names for file in known[name])
    files = [kit.folder / file for file in paths_]
    return files if all(file.exists() for file in files) else []


def tool(name: str, report: Report = quiet) -> Path:
    """Return a program that the course uses beside the engine, fetched when it is not here.

    ``mmdebstrap`` only, today. The path is that of a small script which gives the program
    what it needs of its own package; nothing has to be on ``PATH``.
    """
    if name != "mmdebstrap":
        raise ValueError(f"no such tool: {name}")
    from capas.engine.locking import lock

    folder = paths.home() / "tools" / name  # not below engine: that may be root's
    script = folder / "capas" / name
    if script.exists():
        return script
    with lock(paths.home() / "tools.lock", report):
        packages = [name, *_perl_packages()]
        unpack(packages, folder, report, title=name)
        libraries = [*folder.glob("usr/share/perl/*.*.*"), *folder.glob("usr/lib/*/perl/*.*.*")]
        with _writing(folder):
            _script(
                script,
                f'export PATH="{folder}/usr/bin:$PATH"',
                f'export PERL5LIB="{":".join(map(str, libraries))}"' if libraries else "",
                f'exec perl "{folder}/usr/bin/{name}" "$@"',
            )
    return script


def _perl_packages() -> list[str]:
    """Return the packages with Perl's standard modules where the machine has only perl-base."""
    probe = "use English; use Pod::Usage; use Math::BigInt; use Term::ANSIColor; print 1"
    if _output(["perl", "-e", probe]) == "1":
        return []
    version = _output(["perl", "-e", 'printf "%vd", $^V']) or "5.36.0"
    short = ".".join(version.split(".")[:2])
    return [f"perl-modules-{short}", f"libperl{short}"]


def _output(command: list[str]) -> str:
    with contextlib.suppress(OSError):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else ""
    return ""


# --- apt, with everything of its own ------------------------------------------------------


@dataclass(frozen=True)
class _File:
    package: str
    name: str
    size: int
    checksum: str
    """``SHA256:…`` or ``SHA512:…``."""

    def whole(self, folder: Path) -> bool:
        """Say whether the file has arrived there, whole."""
        path = folder / self.name
        if not path.exists() or path.stat().st_size != self.size:
            return False
        kind, _, value = self.checksum.partition(":")
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, kind.lower()).hexdigest() == value


class _Apt:
    """apt-get with private lists, cache and configuration; the machine's keys and proxies."""

    def __init__(self, folder: Path, system: Release, bare: bool = False) -> None:
        self.folder = folder
        self._bare = bare
        for name in ("lists/partial", "archives/partial", "empty", "sources.d"):
            (folder / name).mkdir(parents=True)
        (folder / "sources.d/capas.sources").write_text(_sources(system))
        (folder / "preferences").write_text(_preferences(system))
        inherited = _output(["apt-config", "dump"]).splitlines()
        lines = [line for line in inherited if line.startswith("Acquire::")]
        settings = {
            "Dir::Etc::Main": "empty/none",
            "Dir::Etc::Parts": "empty",
            "Dir::Etc::SourceList": "empty/none",
            "Dir::Etc::SourceParts": "sources.d",
            "Dir::Etc::Preferences": "preferences",
            "Dir::Etc::PreferencesParts": "empty",
            "Dir::State::Lists": "lists",
            "Dir::Cache": "",
        }
        lines += [f'{key} "{folder / value}";' for key, value in settings.items()]
        lines += [
            'Dir::Cache::srcpkgcache "";',
            'APT::Sandbox::User "root";',  # _apt cannot enter a home folder
            'APT::Update::Error-Mode "any";',
            'Acquire::Languages "none";',
            'Acquire::Retries "2";',
            'Acquire::http::Timeout "10";',
            'Acquire::https::Timeout "10";',
        ]
        if bare:  # as if nothing were installed
            (folder / "status").touch()
            lines.append(f'Dir::State::status "{folder / "status"}";')
        (folder / "apt.conf").write_text("\n".join(lines) + "\n")

    def update(self) -> None:
        """Fetch the lists."""
        self._run(["apt-get", "-qq", "update"])

    def needed(self, package: str, pattern: str) -> str:
        """Return the first package that `package` depends on whose name fits the pattern."""
        for line in self._run(["apt-cache", "depends", package]).splitlines():
            kind, _colon, name = line.strip().partition(": ")
            if kind.strip("|") == "Depends" and fnmatch(name, pattern):
                return name
        raise EngineError(
            _("This machine's apt sources have no {package}.").format(package=package)
        )

    def wanted(self, names: Sequence[str], dependencies: bool = False) -> list[_File]:
        """Return the files of these packages; raise `EngineError` if the engine's is too old.

        With `dependencies`, also of what they need and dpkg has not installed here.
        """
        pattern = re.compile(r"'(?P<uri>[^']+)' (?P<name>\S+) (?P<size>\d+) (?P<sum>\S+)")
        files = []
        if dependencies:  # printed with MD5 sums only: just for the names
            install = ["apt-get", "-qq", "install", "--no-install-recommends", "--reinstall"]
            output = self._run([*install, "--print-uris", *names])
            names = [match["name"].split("_")[0] for match in pattern.finditer(output)]
            if self._bare:
                output = self._run([*install, "--print-uris", *_EVERYWHERE])
                there = {match["name"].split("_")[0] for match in pattern.finditer(output)}
                names = [name for name in names if name not in there]
        output = self._run(["apt-get", "-qq", "download", "--print-uris", *names])
        for match in pattern.finditer(output):
            file = match["name"]
            package, version = file.split("_")[:2]
            if package == "docker.io" and _numbers(unquote(version)) < OLDEST:
                raise EngineError(
                    _(
                        "This system offers Docker Engine {version} only, and the course "
                        "needs {oldest} or newer: install Docker's own packages."
                    ).format(version=unquote(version), oldest=".".join(map(str, OLDEST)))
                )
            # apt keeps the file under the name that it prints, with : as %3a
            files.append(_File(package, file, int(match["size"]), match["sum"]))
        return files

    def download(self, files: list[_File], folder: Path) -> None:
        """Fetch these files into the folder; only whole ones get there."""
        arriving = self.folder / "arriving"
        arriving.mkdir()
        self._run(["apt-get", "-qq", "download", *[f.package for f in files]], cwd=arriving)
        for file in files:
            if not file.whole(arriving):
                raise EngineError(
                    _("{file} did not arrive whole: try again.").format(file=file.name)
                )
            (arriving / file.name).replace(folder / file.name)

    def _run(self, command: list[str], cwd: Path | None = None) -> str:
        env = {**os.environ, "APT_CONFIG": str(self.folder / "apt.conf"), "LC_ALL": "C.UTF-8"}
        if shutil.which("setpriv"):  # if we are killed, apt ends too
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        done = subprocess.run(
            command,
            env=env,
            cwd=cwd or self.folder,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode:
            if "No space left" in done.stderr or not _room(self.folder, 20):
                raise OSError(28, "No space left on device")
            words = [line[3:] for line in done.stderr.splitlines() if line.startswith("E: ")]
            raise EngineError(
                _(
                    "The packages could not be fetched ({reason}): "
                    "check the network and this machine's apt sources, then try again."
                ).format(reason=(words or ["apt-get"])[0][:300])
            )
        return done.stdout


def _sources(system: Release, directory: Path | None = None) -> str:
    """Return apt sources (deb822) for the releases that we need, from the machine's own."""
    known = [
        entry
        for entry in machine_sources(directory or APT_DIRECTORY)
        if not entry.get("URIs", "").startswith("cdrom:")
    ]
    words = {system.codename, "stable", "testing", "unstable"}
    stanzas = []
    for suffix in ("", "-updates", "-security"):
        suites = {word + suffix for word in words}
        for entry in known:
            if suites & set(entry.get("Suites", "").split()):
                ours = [system.codename, *([system.newer] if system.newer else [])]
                stanza = {
                    "Types": "deb",
                    "URIs": entry["URIs"],
                    "Suites": " ".join(name + suffix for name in ours),
                    "Components": system.components,
                }
                stanza |= {k: entry[k] for k in ("Signed-By", "Trusted") if k in entry}
                stanzas.append("".join(f"{k}: {v}\n" for k, v in stanza.items()))
                break
        else:
            if not suffix:
                raise EngineError(
                    _(
                        "This machine's apt sources name no mirror for {release}: "
                        "add one to {file}, then try again."
                    ).format(release=system.codename, file=APT_DIRECTORY / "sources.list")
                )
    return "\n".join(stanzas)


def _preferences(system: Release) -> str:
    if not system.newer:
        return ""
    return (
        f"Package: *\nPin: release n={system.newer}*\nPin-Priority: 100\n\n"
        f"Package: {' '.join(system.from_newer)}\n"
        f"Pin: release n={system.newer}*\nPin-Priority: 900\n"
    )


def machine_sources(directory: Path = APT_DIRECTORY) -> Iterator[dict[str, str]]:
    """Yield the machine's apt sources for binary packages as deb822 fields (sources.list(5)).

    Both ways of writing them are read: one line each, and stanzas (``.sources``).
    """
    parts = directory / "sources.list.d"
    for path in [directory / "sources.list", *sorted(parts.glob("*.list"))]:
        for line in _read(path).splitlines():
            if match := re.match(r"deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)", line.strip()):
                options, uri, suite, components = match.groups()
                entry = {"URIs": uri, "Suites": suite, "Components": components.strip()}
                for option in (options or "").split():
                    key, _, value = option.partition("=")
                    if key in ("signed-by", "trusted"):
                        entry[key.title()] = value.replace(",", " ")
                yield entry
    for path in sorted(parts.glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", _read(path)):
            entry, field = {}, ""
            for line in stanza.splitlines():
                if line.startswith("#"):
                    continue
                if line[:1] in " \t" and field:
                    entry[field] += "\n" + line
                elif ":" in line:
                    field, _, value = line.partition(":")
                    field = field.strip()
                    entry[field] = value.strip()
            if "deb" in entry.get("Types", "").split() and entry.get("Enabled", "yes") != "no":
                yield entry


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a Debian version: ``5:26.1.5+dfsg1-9`` → (26, 1, 5)."""
    match = re.match(r"[\d.]+", version.rpartition(":")[2])
    return tuple(int(part) for part in match[0].split(".") if part) if match else ()


# --- folders that are complete or absent ---------------------------------------------------


@contextlib.contextmanager
def _writing(target: Path) -> Iterator[None]:
    """Turn what the disk says against it into a sentence."""
    try:
        yield
    except OSError as error:
        raise EngineError(
            _(
                "{folder} could not be written ({reason}): make room there, "
                "or set CAPAS_HOME to a folder on a larger disk."
            ).format(folder=target, reason=error.strerror or error)
        ) from error


def need_room(path: Path, megabytes: int) -> None:
    """Raise `EngineError` when the disk of `path` has less room than that."""
    if not _room(path, megabytes):
        raise EngineError(
            _(
                "There is too little room on the disk of {folder}: "
                "{size} MB are needed there; make room, "
                "or set CAPAS_HOME to a folder on a larger disk."
            ).format(folder=path.parent, size=megabytes)
        )


def _room(path: Path, megabytes: int) -> bool:
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free >= megabytes * 1_000_000


def _extract(files: list[Path], names: Sequence[str], target: Path) -> None:
    def one(file: Path) -> None:
        done = subprocess.run(
            ["dpkg-deb", "-x", str(file), str(target)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise OSError(None, done.stderr.strip().splitlines()[-1] or "dpkg-deb failed")

    # The largest first: all cores are busy to the end.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, sorted(files, key=lambda file: -file.stat().st_size)))
    if "iptables" in names:
        _iptables(target)
    plugins(target)
    (target / COMPLETE).write_text("\n".join(sorted(file.name for file in files)) + "\n")


def _iptables(prefix: Path) -> None:
    """Write `capas/iptables…` for machines that have none: the package's links come from a
    script that is not run here, and its libraries are in the same folder."""
    for name in ("iptables", "iptables-save"):
        _script(
            prefix / "capas/iptables" / name,
            'here=$(dirname "$0")/../..',
            'set -- "$here"/usr/lib/*-linux-gnu/xtables "$@"; plugins=$1; shift',
            'export LD_LIBRARY_PATH="${plugins%/xtables}" XTABLES_LIBDIR="$plugins"',
            f'exec "$here/usr/sbin/xtables-nft-multi" {name} "$@"',
        )


def _script(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_text("#!/bin/sh\n" + "".join(f"{line}\n" for line in lines if line))
    new.chmod(0o755)
    new.replace(path)


def _link_tree(source: Path, target: Path) -> None:
    """Fill a folder with another's files by hard links; by real copies where the disks differ."""
    for entry in os.scandir(source):
        there = target / entry.name
        if entry.is_dir(follow_symlinks=False):
            there.mkdir(exist_ok=True)
            _link_tree(Path(entry.path), there)
        elif entry.is_symlink():
            there.symlink_to(Path(entry.path).readlink())
        else:
            try:
                there.hardlink_to(entry.path)
            except OSError:
                shutil.copy2(entry.path, there)
    shutil.copymode(source, target)


def _replace(target: Path, fill: Callable[[Path], None]) -> None:
    """Make the folder `target` anew by `fill`, complete or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for stale in target.parent.glob(f".{target.name}-*"):
        shutil.rmtree(stale, ignore_errors=True)
    new = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        fill(new)
        new.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        new.rename(target)
    finally:
        shutil.rmtree(new, ignore_errors=True)
