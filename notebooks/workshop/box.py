"""A container by hand: files, views, limits, rights. usage: box.py NAME COMMAND…"""

import os
import socket
import sys
from pathlib import Path

from kernel import MS_BIND, MS_PRIVATE, MS_REC, keep_capabilities, mount, pivot_root, unmount
from limits import limit

BOXES = Path("/boxes")
DOCKERS_DEFAULT = 0xA80425FB  # the 14 capabilities that Docker leaves to root

name, command = sys.argv[1], sys.argv[2:]

# What it may use: a group with limits.
limit(f"box-{name}", megabytes=32, processes=20)

# What it sees: namespaces of its own. The new view of processes begins with the next child.
os.unshare(os.CLONE_NEWPID)
if child := os.fork():
    (BOXES / f"{name}.pid").write_text(str(child))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    sys.exit(code if code >= 0 else 128 - code)  # ended by a signal: as Docker tells it
os.unshare(
    os.CLONE_NEWNS | os.CLONE_NEWUTS | os.CLONE_NEWIPC | os.CLONE_NEWNET | os.CLONE_NEWCGROUP
)
socket.sethostname(name)

# Its files: the image below, a layer of its own above.
mount(None, "/", None, MS_REC | MS_PRIVATE)  # nothing that we mount is seen outside
for part in ("upper", "work", "root"):
    (BOXES / name / part).mkdir(parents=True, exist_ok=True)
root = BOXES / name / "root"
options = f"lowerdir={BOXES}/image,upperdir={BOXES}/{name}/upper,workdir={BOXES}/{name}/work"
mount("overlay", str(root), "overlay", 0, options)
os.chdir(root)
for folder in ("proc", "dev", "old"):
    Path(folder).mkdir(exist_ok=True)
mount("proc", "proc", "proc")
mount("tmpfs", "dev", "tmpfs")
for device in ("null", "zero", "urandom"):
    Path("dev", device).touch()
    mount(f"/dev/{device}", f"dev/{device}", None, MS_BIND)
pivot_root(".", "old")
os.chdir("/")
unmount("/old")
os.rmdir("/old")

# What it may do: root, but not all-powerful.
keep_capabilities(DOCKERS_DEFAULT)

os.execvpe(command[0], command, {"PATH": "/bin:/usr/bin", "HOME": "/"})
