"""What the modules of `capas.vm` share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from capas.errors import CapasError

Report = Callable[[str], None]
"""Takes one line that tells a user what happens now."""

Accelerator = Literal["kvm", "tcg"]
"""Who runs the guest's instructions: the processor itself (KVM), or QEMU, translating (TCG)."""


def quiet(line: str) -> None:
    """Report nothing."""


class VmError(CapasError):
    """No virtual machine, or one that does not work: one sentence that says what to do."""


@dataclass(frozen=True)
class Parts:
    """What a guest is made of."""

    qemu: tuple[str, ...]
    """The program and the options with which it finds its own files."""
    libraries: str
    """``LD_LIBRARY_PATH`` for it; empty when it is the machine's own."""
    kernel: Path
    initramfs: Path
    busybox: Path
    """The one program in the initramfs."""
    modules: Path | None
    """The kernel's modules, if there are any."""

    @property
    def network(self) -> bool:
        """Whether the guest has what it takes to be on a network."""
        return self.modules is not None
