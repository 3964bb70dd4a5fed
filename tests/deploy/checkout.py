"""This repository as git has it, for containers in which it is to be made ready anew."""

import io
import subprocess
import tarfile

from capas.paths import ROOT


def archive(uid: int = 1000) -> bytes:
    """Return a tar of a fresh clone's files, and of those not committed yet, owned by `uid`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()

    def owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = uid
        return member

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).exists():
                tar.add(ROOT / name, name, filter=owned)
    return packed.getvalue()
