"""Which views of the machine processes share: the kernel's namespaces, as a picture.

Source: namespaces(7); a namespace is named by the inode that ``/proc/PID/ns/KIND`` leads to.
"""

from collections.abc import Mapping
from contextlib import closing

from docker.errors import DockerException
from requests.exceptions import RequestException

from capas.engine import client
from capas.errors import CapasError
from capas.language import _, current
from capas.show.drawing import MARGIN, WIDTH, Drawing
from capas.show.picture import Picture

KINDS = ("mnt", "pid", "uts", "ipc", "net", "cgroup", "user")

READ = ("sh", "-c", 'for path; do readlink "$path" || exit 1; done', "sh")
"""busybox's readlink takes one path at a time."""


def namespaces(processes: Mapping[str, int | str], container: str) -> Picture:
    """Return a picture of the namespaces of `processes`, compared with the first one's.

    Args:
        processes: two to four PIDs by the names under which they are shown.
        container: a running container that sees these processes (``--pid host``).

    Raises:
        CapasError: they cannot be looked at; says why.
    """
    paths = [f"/proc/{pid}/ns/{kind}" for pid in processes.values() for kind in KINDS]
    try:
        with closing(client()) as engine:
            code, said = engine.containers.get(container).exec_run([*READ, *paths])
    except (DockerException, RequestException) as error:
        raise CapasError(
            _("The container {name} cannot be asked: {reason}.").format(
                name=container, reason=str(getattr(error, "explanation", None) or error).rstrip(".")
            )
        ) from error
    links = b"".join([said] if isinstance(said, bytes) else said).decode(errors="replace").split()
    if code or len(links) != len(paths):
        raise CapasError(_("One of these processes has ended: run the cells above again."))
    columns = zip(*[iter(links)] * len(KINDS), strict=True)
    return draw(
        {
            name: dict(zip(KINDS, column, strict=True))
            for name, column in zip(processes, columns, strict=True)
        }
    )


def draw(processes: Mapping[str, Mapping[str, str]]) -> Picture:
    """Return the picture for namespaces that are known: by process, then by kind."""
    meanings = {
        "mnt": _("which files it sees"),
        "pid": _("which processes it sees"),
        "uts": _("the machine's name"),
        "ipc": _("shared memory"),
        "net": _("network, addresses, ports"),
        "cgroup": _("its limits, as it sees them"),
        "user": _("who is root"),
    }
    names = list(processes)
    title = _("Who shares which view?")
    told, rows = [], []
    for kind in KINDS:
        known: list[str] = []
        letters = []
        for name in names:
            namespace = processes[name][kind]
            if namespace not in known:
                known.append(namespace)
            letters.append("ABCDEFG"[known.index(namespace)])
        rows.append((kind, letters))
        told.append(
            f"{kind}: " + ", ".join(f"{n} {at}" for n, at in zip(names, letters, strict=True))
        )
    alt = _("{title} Equal letters, the same view. {rows}.").format(
        title=title, rows="; ".join(told)
    )
    top, step, left = 136, 56, 380
    drawing = Drawing(current(), top + step * len(KINDS) + 64, title, alt)
    width = (WIDTH - MARGIN - left) / len(names)
    for column, name in enumerate(names):
        centre = left + width * (column + 0.5)
        drawing.text(centre, 112, name, bold=True, anchor="middle", width=width - 8)
    for row, (kind, letters) in enumerate(rows):
        y = top + step * row
        drawing.text(MARGIN, y + 28, kind, mono=True, bold=False, width=80)
        drawing.text(
            MARGIN + 92, y + 28, meanings[kind], size=16, ink="muted", width=left - MARGIN - 104
        )
        for column, letter in enumerate(letters):
            role = None if letter == "A" else "container"
            drawing.box(left + width * column + 8, y, width - 16, 42, letter, role)
    drawing.text(
        MARGIN,
        top + step * len(KINDS) + 34,
        _("The same letter in a row: the same view. Gold: a view of its own."),
        size=16,
        ink="muted",
    )
    return Picture(drawing.svg(), alt)
