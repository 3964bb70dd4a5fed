"""A real virtual machine from a notebook cell: QEMU, Debian's kernel, a shell on its console.

``vm.start()`` boots one in about two seconds and gives a `Guest`, into which one types with
``guest.run("uname -r")``. QEMU, kernel and busybox are this machine's own or are fetched into
the course's home: nothing is installed, and no rights are needed. KVM is used when a guest
has really come up with it, else QEMU emulates the processor (TCG): `Guest.accelerator` says which.

``vm.Machine("init")`` boots one whose first program is a file of your own.

`vm.beneath()` tells what this machine itself runs on: bare metal, or whose hypervisor.
"""

from capas.vm.bare import Machine
from capas.vm.beneath import Beneath, beneath
from capas.vm.guest import Guest, start
from capas.vm.model import VmError
from capas.vm.parts import busybox, prepare

__all__ = ["Beneath", "Guest", "Machine", "VmError", "beneath", "busybox", "prepare", "start"]
