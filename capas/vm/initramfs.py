"""The guest's whole file system: busybox and a few small files, in an initramfs of our own.

The kernel unpacks it into memory and starts ``/init``: there is no disk. The format is cpio's
"newc" (https://docs.kernel.org/driver-api/early-userspace/buffer-format.html).
"""

import gzip
import io
import lzma
import re
import stat
from collections.abc import Iterable
from pathlib import Path

PROMPT = "capas-vm-ready> "
"""What the guest's shell prints when it waits for a command: nothing else prints that."""
CONTINUED = "capas-vm-more> "
"""What it prints when a command is not complete, as after an opening quote."""
NETWORK = ("virtio_pci", "virtio_net")
"""The kernel's modules for the guest's network card."""

INITTAB = """\
::sysinit:/etc/rc
ttyS0::respawn:/etc/console
"""

# QEMU's user network is always this one: https://www.qemu.org/docs/master/system/devices/net.html
CARD = """\
for module in {modules}; do insmod /lib/modules/$module.ko; done
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
"""

RC = """\
#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
dmesg -n 1
hostname guest
ip link set lo up
grep -q capas.web /proc/cmdline || exit 0
{card}
echo "A page from inside a virtual machine: $(hostname), Linux $(uname -r)" > /www/index.html
httpd -p 80 -h /www
"""

# Without echo, busybox's shell neither edits nor wraps lines: what is typed is not in the output.
CONSOLE = f"""\
#!/bin/sh
stty -echo cols 100
export HOME=/root PS1='{PROMPT}' PS2='{CONTINUED}'
cd
exec sh -i
"""


class Cpio:
    """An archive that is written file by file."""

    def __init__(self) -> None:
        self._bytes = io.BytesIO()
        self._number = 0

    def folder(self, name: str) -> None:
        """Add a folder; its parents must have been added before."""
        self._add(name, stat.S_IFDIR | 0o755)

    def file(self, name: str, content: bytes, mode: int = 0o644) -> None:
        """Add a file."""
        self._add(name, stat.S_IFREG | mode, content)

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        self._add(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name: str, major: int, minor: int, mode: int = 0o600) -> None:
        """Add a character device."""
        self._add(name, stat.S_IFCHR | mode, device=(major, minor))

    def finish(self) -> bytes:
        """Return the archive, compressed; the same content gives the same bytes."""
        self._add("TRAILER!!!", 0)
        return gzip.compress(self._bytes.getvalue(), 6, mtime=0)

    def _add(
        self, name: str, mode: int, content: bytes = b"", device: tuple[int, int] = (0, 0)
    ) -> None:
        self._number += 1
        written = name.encode() + b"\0"
        # inode, mode, uid, gid, links, mtime, size, device, device of a device file, name, checksum
        fields = [self._number, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(written), 0]
        self._bytes.write(b"070701" + b"".join(b"%08X" % field for field in fields) + written)
        self._pad()
        self._bytes.write(content)
        self._pad()

    def _pad(self) -> None:
        self._bytes.write(b"\0" * (-self._bytes.tell() % 4))


def build(busybox: Path, modules: Path | None) -> bytes:
    """Return the guest's initramfs. `modules`: the kernel's ``/lib/modules/<version>``, or None."""
    archive, card = _base(busybox, modules)
    archive.link("init", "bin/busybox")
    archive.file("etc/inittab", INITTAB.encode())
    archive.file("etc/rc", RC.format(card=card).encode(), 0o755)
    archive.file("etc/console", CONSOLE.encode(), 0o755)
    return archive.finish()


NETWORK_SCRIPT = """\
#!/bin/sh
# Loads the network card's drivers and gives the card its address.
/bin/busybox --install -s /bin
ip link set lo up
{card}
httpd -p {port} -h /lib/probe
"""

PROBE = """\
#!/bin/sh
echo Content-Type: text/plain
echo
echo "name=$(/bin/busybox hostname)"
echo "kernel=$(/bin/busybox uname -r)"
[ -e /proc/version ] && echo proc=mounted
[ -e /sys/kernel ] && echo sys=mounted
[ -e /proc/uptime ] && read -r up idle </proc/uptime && echo "uptime=$up"
"""
"""Tells, from inside, what the guest is: for whoever looks from outside."""


def with_init(busybox: Path, modules: Path | None, init: bytes, probe_port: int) -> bytes:
    """Return an initramfs with somebody's own ``/init``: the kernel starts it, and nothing else.

    ``/etc/network.sh`` is there to be called: it brings up the network card, and on a port of
    ours a page that tells what the guest is.
    """
    archive, card = _base(busybox, modules)
    archive.file("init", init, 0o755)
    archive.folder("lib/probe")
    archive.folder("lib/probe/cgi-bin")
    archive.file("lib/probe/cgi-bin/probe", PROBE.encode(), 0o755)
    script = NETWORK_SCRIPT.format(card=card, port=probe_port)
    archive.file("etc/network.sh", script.encode(), 0o755)
    return archive.finish()


def _base(busybox: Path, modules: Path | None) -> tuple[Cpio, str]:
    """Return an archive with what every guest has, and the lines that bring up its network."""
    archive = Cpio()
    for name in ("bin", "dev", "etc", "lib", "lib/modules", "proc", "root", "sys", "tmp", "www"):
        archive.folder(name)
    archive.device("dev/console", 5, 1)
    archive.device("dev/null", 1, 3, 0o666)
    archive.file("bin/busybox", busybox.read_bytes(), 0o755)
    archive.link("bin/sh", "busybox")
    files = with_needs(modules, NETWORK) if modules else []
    for file in files:
        archive.file(f"lib/modules/{module_name(file)}.ko", content(file))
    archive.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    archive.file("etc/group", b"root:x:0:\n")
    return archive, CARD.format(modules=" ".join(map(module_name, files))).rstrip()


def with_needs(folder: Path, wanted: Iterable[str]) -> list[Path]:
    """Return the files of these modules and of those they need, in the order to load them.

    What is not there as a module is built into the kernel, or missing.
    """
    known = {
        module_name(path): path
        for pattern in ("*.ko", "*.ko.xz", "*.ko.gz")
        for path in folder.rglob(pattern)
    }
    order: list[Path] = []

    def add(name: str) -> None:
        path = known.get(name.replace("-", "_"))
        if path is None or path in order:
            return
        # The section .modinfo of a module says what it needs: depends=virtio,virtio_ring
        if needs := re.search(rb"(?<![a-z])depends=([^\0]+)\0", content(path)):
            for need in needs[1].decode().split(","):
                add(need)
        order.append(path)

    for name in wanted:
        add(name)
    return order


def module_name(path: Path) -> str:
    """Return a module's name as the kernel says it."""
    return path.name.partition(".ko")[0].replace("-", "_")


def content(path: Path) -> bytes:
    """Return a module's bytes, uncompressed."""
    packed = path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(packed)
    return gzip.decompress(packed) if path.suffix == ".gz" else packed
