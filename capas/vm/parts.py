"""What a guest is made of: this machine's own where it has it, else fetched into the home."""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from capas import paths
from capas.engine import packages
from capas.engine.locking import lock
from capas.engine.model import EngineError
from capas.language import _
from capas.vm import initramfs
from capas.vm.model import Parts, Report, VmError, quiet

QEMU = ("qemu-system-x86",)
KERNEL = {
    "debian": ("linux-image-cloud-amd64/linux-image-*", "busybox-static"),
    "ubuntu": ("linux-image-virtual/linux-image-*", "busybox-static"),  # not tried
}
ROOM = 300
"""MB on the disk, for all of it together."""


def folder() -> Path:
    """Return where the course keeps what its guests need."""
    return paths.home() / "vm"


def prepare(report: Report = quiet) -> None:
    """Fetch what guests need and find out whether KVM works here, so that starting one is quick.

    Raises `VmError`, one sentence, where there can be no guest.
    """
    from capas.vm import accelerator

    accelerator.choose(parts(report), report)


def busybox(report: Report = quiet) -> Path:
    """Return the program that is everything in a guest, to run it on this machine, too.

    The same bytes on both sides: what differs in a measurement is the machine.
    """
    return parts(report).busybox


def parts(report: Report = quiet) -> Parts:
    """Return what a guest is made of, fetched where it is not yet here.

    Raises `VmError`, one sentence, where that cannot be had.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise VmError(
            _(
                "Virtual machines are started by this course on Linux with an x86-64 processor "
                "only, and this is {system} with {machine}: read the stored outputs, or open "
                "the course in Codespaces."
            ).format(system=platform.system(), machine=platform.machine())
        )
    try:
        with lock(folder() / "lock", report):
            return _parts(report)
    except EngineError as error:
        raise VmError(str(error)) from error
    except OSError as error:
        raise VmError(
            _("{folder} could not be used ({reason}): make room there, or set CAPAS_HOME.").format(
                folder=folder(), reason=error.strerror or error
            )
        ) from error


def _parts(report: Report) -> Parts:
    qemu, libraries = _qemu(report)
    kernel, modules, busybox = _kernel(report)
    recipe = hashlib.sha256(Path(initramfs.__file__).read_bytes())
    recipe.update(f"{kernel} {busybox} {kernel.stat().st_mtime_ns}".encode())
    built = folder() / f"initramfs-{recipe.hexdigest()[:12]}.cpio.gz"
    if not built.exists():
        for old in folder().glob("initramfs-*"):
            old.unlink()
        new = built.with_suffix(".new")
        new.write_bytes(initramfs.build(busybox, modules))
        new.replace(built)
    return Parts(qemu, libraries, kernel, built, busybox, modules)


def _qemu(report: Report) -> tuple[tuple[str, ...], str]:
    """Return the command and its library path."""
    if own := shutil.which("qemu-system-x86_64"):
        return (own,), ""
    prefix = folder() / "qemu"
    _unpack(QEMU, prefix, report, "QEMU", dependencies=True)
    files = ("usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu")
    options = [word for file in files for word in ("-L", str(prefix / file))]
    libraries = [*prefix.glob("usr/lib/*-linux-gnu"), *prefix.glob("lib/*-linux-gnu")]
    return (str(prefix / "usr/bin/qemu-system-x86_64"), *options), ":".join(map(str, libraries))


def _kernel(report: Report) -> tuple[Path, Path | None, Path]:
    """Return a kernel, the folder of its modules and a static busybox."""
    try:
        system = "debian" if packages.release().components == "main" else "ubuntu"
    except EngineError:
        return _own_kernel()
    prefix = folder() / "kernel"
    _unpack(KERNEL[system], prefix, report, _("a kernel for the virtual machine"))
    kernel = next(prefix.glob("boot/vmlinuz-*"))
    modules = next(prefix.glob("**/lib/modules/*"), None)
    return kernel, modules, next(prefix.glob("**/bin/busybox"))


def _own_kernel() -> tuple[Path, Path | None, Path]:
    """Return this machine's own kernel, on systems whose packages we do not know."""
    kernel = next(filter(_readable, _kernels()), None)
    names = ("busybox", "busybox-static", "busybox.static")
    busybox = next(filter(None, map(shutil.which, names)), None)
    if kernel is None or busybox is None or not _is_static(busybox):
        raise VmError(
            _(
                "On this system the course needs QEMU (qemu-system-x86_64), a static busybox and "
                "a kernel in /boot that you may read: install what is missing, then try again."
            )
        )
    modules = Path("/lib/modules") / kernel.name.removeprefix("vmlinuz-")
    return kernel, modules if modules.exists() else None, Path(busybox)


def _kernels() -> Iterator[Path]:
    running = os.uname().release
    yield Path(f"/boot/vmlinuz-{running}")
    yield from sorted(Path("/boot").glob("vmlinuz-*"), reverse=True)


def _readable(path: Path) -> bool:
    return os.access(path, os.R_OK)


def _is_static(program: str) -> bool:
    done = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    return "not a dynamic executable" in done.stdout + done.stderr


def _unpack(
    names: tuple[str, ...], prefix: Path, report: Report, title: str, *, dependencies: bool = False
) -> None:
    if packages.has(prefix, names):
        return
    try:
        packages.release()
    except EngineError as error:
        raise VmError(
            _("There is no QEMU here: install qemu-system-x86_64, then try again.")
        ) from error
    packages.unpack(names, prefix, report, title, dependencies=dependencies, room=ROOM)
