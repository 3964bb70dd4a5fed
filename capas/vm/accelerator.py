"""Whether KVM works here: found out by booting a guest with it.

That ``/dev/kvm`` is there and opens says little: in a virtual machine without nested
virtualization worth the name, a guest never comes up, and QEMU does not notice.
"""

import contextlib
import json
import os
from pathlib import Path

from capas.engine.locking import lock
from capas.language import _
from capas.vm.model import Accelerator, Parts, Report, VmError, quiet

DEVICE = Path("/dev/kvm")
PATIENCE = 8.0
"""Seconds in which a guest must come up with KVM; it takes about one."""


def choose(parts: Parts, report: Report = quiet) -> Accelerator:
    """Return what to start guests with here; tried once, then remembered until the next reboot."""
    from capas.vm.parts import folder

    if not os.access(DEVICE, os.R_OK | os.W_OK):
        return "tcg"
    with lock(folder() / "kvm.lock", report):
        note = folder() / "kvm.json"
        # Another boot may be another machine: a home may lie on a network, or in an image.
        key = f"{_boot()} {parts.qemu[0]}"
        with contextlib.suppress(OSError, ValueError):
            known = json.loads(note.read_text())
            if known["key"] == key:
                return "kvm" if known["works"] else "tcg"
        report(_("Trying whether a virtual machine comes up with KVM…"))
        works = _boots(parts)
        with contextlib.suppress(OSError):
            note.write_text(json.dumps({"key": key, "works": works}) + "\n")
        return "kvm" if works else "tcg"


def _boots(parts: Parts) -> bool:
    from capas.vm.guest import Guest

    try:
        with Guest(accelerator="kvm", parts=parts, patience=PATIENCE).start():
            return True
    except VmError:
        return False


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
