"""System calls that Python has no function for.

See mount(2), umount2(2), pivot_root(2), prctl(2) and capabilities(7): https://man7.org/linux/man-pages/
"""

import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)

MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000  # <linux/mount.h>
MNT_DETACH = 2
PR_CAPBSET_DROP = 24


def call(name, *arguments):
    """Call a function of the C library; what it refuses becomes an OSError."""
    arguments = [os.fsencode(a) if isinstance(a, str) else a for a in arguments]
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def mount(source, target, kind=None, flags=0, options=None):
    call("mount", source, target, kind, ctypes.c_ulong(flags), options)


def unmount(target):
    call("umount2", target, MNT_DETACH)


def pivot_root(new, old):
    call("pivot_root", new, old)


def keep_capabilities(mask):
    """Give up all capabilities of root but those in `mask`: for good, from the next exec on."""
    with open("/proc/sys/kernel/cap_last_cap") as file:
        last = int(file.read())
    for number in range(last + 1):
        if not mask >> number & 1:
            call("prctl", PR_CAPBSET_DROP, ctypes.c_ulong(number), 0, 0, 0)
