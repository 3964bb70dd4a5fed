"""``python3 -m capas …`` begins here: is this Python new enough?

The rest of the bootstrap is in `bootstrap.py`. This file must stay parsable by
Python 3.6, so that an old Python can say that it is too old.
"""

import os
import sys

OLDEST = (3, 11)


def newer_python():
    # type: () -> str | None
    """Return a Python on the PATH that is new enough, for a machine whose python3 is not."""
    import shutil
    import subprocess

    for minor in range(20, OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        # A name may be a shim that only says that this version is not chosen: run it.
        if found and subprocess.call([found, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            return found
    return None


if sys.version_info < OLDEST:
    newer = newer_python() if os.name == "posix" else None
    if newer:
        os.execv(newer, [newer, "-m", "capas"] + sys.argv[1:])  # noqa: RUF005
    sys.exit(
        f"Capas needs Python {OLDEST[0]}.{OLDEST[1]} or newer and this is "
        f"{sys.version_info[0]}.{sys.version_info[1]}: install a newer one from python.org "
        "or your system's packages, and run the command again with it."
    )

if __name__ == "__main__":
    from capas.bootstrap import main

    sys.exit(main(sys.argv[1:]))
