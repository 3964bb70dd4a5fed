import gzip
import lzma
from pathlib import Path

from capas.vm import initramfs


def module(path: Path, needs: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    info = b"\0license=GPL\0softdepends=no\0depends=" + needs.encode() + b"\0name=x\0"
    path.write_bytes(lzma.compress(info) if path.suffix == ".xz" else info)
    return path


def test_modules_come_after_those_they_need(tmp_path: Path) -> None:
    a = module(tmp_path / "net/virtio_net.ko.xz", "net_failover,virtio")
    b = module(tmp_path / "net/net-failover.ko", "failover")
    c = module(tmp_path / "core/failover.ko.xz")
    module(tmp_path / "other.ko")
    # virtio and virtio_pci are built into this kernel
    assert initramfs.with_needs(tmp_path, ["virtio_pci", "virtio_net"]) == [c, b, a]


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    busybox = tmp_path / "busybox"
    busybox.write_bytes(b"not really")
    first = initramfs.build(busybox, None)
    assert first == initramfs.build(busybox, None)
    assert b"070701" in gzip.decompress(first)
    assert b"TRAILER!!!" in gzip.decompress(first)
    assert initramfs.PROMPT.encode() in gzip.decompress(first)
