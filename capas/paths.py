"""Where things are: the repository, and what the course keeps on this machine."""

import contextlib
import os
import stat
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The repository."""


def home() -> Path:
    """Return the folder of all that the course keeps outside the repository.

    ``$CAPAS_HOME``, else ``$XDG_DATA_HOME/capas``, else ``~/.local/share/capas``
    (XDG Base Directory Specification). Under ``sudo`` it is the calling user's,
    so that the engine started that way is found by the user's own commands.
    """
    if own := os.environ.get("CAPAS_HOME"):
        return Path(own).expanduser().resolve()
    if (user := os.environ.get("SUDO_USER")) and hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path(f"~{user}").expanduser() / ".local/share/capas"
    if data := os.environ.get("XDG_DATA_HOME"):
        return Path(data) / "capas"
    return Path.home() / ".local/share/capas"


def home_under_sudo() -> Path:
    """Return what `home` is once ``sudo`` has dropped this user's environment."""
    if os.name == "nt":
        return home()
    import pwd

    with contextlib.suppress(KeyError):
        return Path(pwd.getpwuid(os.getuid()).pw_dir) / ".local/share/capas"
    return Path("/nonexistent")  # a user without a name: sudo knows nothing either


def work() -> Path:
    """Return the folder for the student's own files; ignored by git.

    ``$CAPAS_WORK``, where lessons are built and tested: nothing of that is a student's.
    """
    return Path(os.environ.get("CAPAS_WORK") or ROOT / "work")


def sudo_user() -> tuple[int, int] | None:
    """Return user and group number of who called ``sudo``, or None when nobody did."""
    user, group = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not user.isdecimal():
        return None
    return int(user), int(group if group.isdecimal() else user)


def make(folder: Path) -> None:
    """Make a folder and its missing parents; under ``sudo`` they belong to the calling user."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    if owner := sudo_user():
        for path in missing:
            with contextlib.suppress(OSError):
                os.chown(path, *owner)


def give_back(folder: Path, but: tuple[str, ...] = ()) -> None:
    """Under ``sudo``, give what root has made in a folder to the calling user, who works there.

    Entries of the folder named in `but` stay root's. Files with several names are left alone:
    they may be another folder's, too.
    """
    owner = sudo_user()
    if owner is None or not folder.is_dir():
        return

    def give(path: Path) -> None:
        with contextlib.suppress(OSError):
            found = path.lstat()
            if found.st_uid == 0 and (found.st_nlink == 1 or not stat.S_ISREG(found.st_mode)):
                os.chown(path, *owner, follow_symlinks=False)

    for place, folders, files in os.walk(folder):
        if Path(place) == folder:
            folders[:] = [name for name in folders if name not in but]
        for name in (*folders, *files):
            give(Path(place) / name)
