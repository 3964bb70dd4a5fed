"""A `docker run` command that assembles itself from choices and explains each of its words."""

from html import escape
from typing import Any

import traitlets

from capas.language import _
from capas.show.commands import IMAGES, Choices, assemble, explain
from capas.show.widget import Widget, listen, script


class RunCommand(Widget):
    """Choices, the command that they make, and what its words mean."""

    _esm = script("run_command")
    chosen = traitlets.Dict().tag(sync=True)
    command = traitlets.Unicode().tag(sync=True)
    parts: traitlets.List[Any] = traitlets.List().tag(sync=True)
    remarks: traitlets.List[Any] = traitlets.List().tag(sync=True)

    def __init__(self, command: str = "", **chosen: Any) -> None:
        """Begin with a `command` to read, or with what is `chosen` (see `Choices`)."""
        start = Choices(**chosen)
        super().__init__(
            words={
                "title": _("docker run, word by word"),
                "images": list(IMAGES),
                "image": _("image"),
                "name": _("name"),
                "host_port": _("port of this machine"),
                "container_port": _("port of the container"),
                "everywhere": _("reachable from everywhere"),
                "detached": _("in the background"),
                "remove": _("remove it at its end"),
                "interactive": _("with a terminal"),
                "env": _("variable"),
                "volume": _("mount"),
                "volumes": [
                    ["", "–"],
                    ["capas-data:/data", _("volume")],
                    ["./site:/srv:ro", _("folder, read-only")],
                ],
                "memory": _("memory"),
                "cpus": _("processors"),
                "restart": _("restart policy"),
                "user": _("user"),
                "read_only": _("own layer read-only"),
                "command": _("command"),
                "own": _("Or type one, and have it explained"),
                "hint": _("Point at a word, or walk along them with ← and →."),
                "copy": _("Copy"),
                "copied": _("Copied."),
                "line": _("The command, word by word"),
                "parts": _names(),
            }
        )
        self.chosen = vars(start)
        self._say(command or assemble(start))
        listen(self, self._act)

    def _say(self, command: str) -> None:
        self.command = command
        words, remarks = explain(command)
        self.parts = [vars(word) for word in words]
        self.remarks = [vars(remark) for remark in remarks]

    def _act(self, message: dict[str, Any]) -> None:
        if message.get("do") == "choose":
            known = vars(Choices())
            wanted = {
                name: type(known[name])(value)
                for name, value in message["chosen"].items()
                if name in known
            }
            self.chosen = {**known, **wanted}
            self._say(assemble(Choices(**self.chosen)))
        elif message.get("do") == "read":
            self._say(" ".join(str(message["command"])[:400].split()))

    def still(self) -> dict[str, str]:
        """Return the command with the meaning of each word."""
        rows, plain = [], [self.command, ""]
        wide = max((len(part["text"]) for part in self.parts), default=0)
        names = _names()
        for part in self.parts:
            rows.append(
                f"<tr><td><code>{escape(part['text'])}</code></td>"
                f"<td>{escape(names[part['part']])}</td><td>{escape(part['meaning'])}</td></tr>"
            )
            plain.append(f"  {part['text']:<{wide}}  {part['meaning']}".rstrip())
        signs = {"error": "✗", "warn": "!"}
        notes = [f"{signs[remark['level']]} {remark['text']}" for remark in self.remarks]
        html = f"<pre>{escape(self.command)}</pre><table><tbody>{''.join(rows)}</tbody></table>"
        html += "".join(f"<p>{escape(note)}</p>" for note in notes)
        return {"text/html": html, "text/plain": "\n".join([*plain, *notes])}


def _names() -> dict[str, str]:
    """Return what the parts of a command are called."""
    return {
        "docker": _("docker itself"),
        "option": _("an option of docker run"),
        "value": _("its value"),
        "wrong": _("not known to docker"),
        "image": _("the image"),
        "command": _("for the container"),
    }


def run_command(command: str = "", **chosen: Any) -> RunCommand:
    """Assemble a ``docker run``; begin with a `command`, or with choices (``image="redis:8"``)."""
    return RunCommand(command, **chosen)
