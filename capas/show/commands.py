"""What a ``docker run`` command says, word by word, and what is doubtful about it.

`assemble` makes one from choices; `explain` reads any: which words are options of docker, which
one is the image, and which are the command for the container.

Source: https://docs.docker.com/reference/cli/docker/container/run/
"""

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from capas.language import _

Part = Literal["docker", "option", "value", "image", "command", "wrong"]

IMAGES = ("nginx", "busybox", "python:3.13-slim", "redis:8")
LISTENS = {"nginx": 80, "redis": 6379, "capas/fastapi-example": 8000, "registry": 5000}
"""Ports on which the programs in these images listen."""
SHELLS = ("busybox", "python", "debian")
"""Images whose own command is for a person at a terminal."""

_WORD = re.compile(r"""(?:\$\([^)]*\)|"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+""")


@dataclass(frozen=True)
class Choices:
    """What one can choose; empty and False: the flag is left out."""

    image: str = "nginx"
    name: str = ""
    host_port: str = ""
    container_port: str = "80"
    everywhere: bool = False
    """Publish on all addresses of the machine, not on 127.0.0.1 alone."""
    detached: bool = False
    remove: bool = False
    interactive: bool = False
    env: str = ""
    volume: str = ""
    memory: str = ""
    cpus: str = ""
    restart: str = ""
    user: str = ""
    read_only: bool = False
    command: str = ""


@dataclass(frozen=True)
class Word:
    """One word of a command."""

    text: str
    """As it was typed."""
    part: Part
    meaning: str


@dataclass(frozen=True)
class Remark:
    """Something about a command that its author should know."""

    level: Literal["error", "warn"]
    """``error``: docker refuses it, or it cannot do what is meant."""
    text: str


def assemble(chosen: Choices) -> str:
    """Return the command that these choices make."""
    words = ["docker", "run"]
    if chosen.detached:
        words.append("-d")
    if chosen.remove:
        words.append("--rm")
    if chosen.interactive:
        words.append("-it")
    if chosen.name:
        words += ["--name", shlex.quote(chosen.name)]
    if chosen.host_port:
        address = "" if chosen.everywhere else "127.0.0.1:"
        words += ["-p", shlex.quote(f"{address}{chosen.host_port}:{chosen.container_port}")]
    for flag, value in (
        ("-e", chosen.env),
        ("-v", chosen.volume),
        ("--memory", chosen.memory),
        ("--cpus", chosen.cpus),
        ("--restart", chosen.restart),
        ("--user", chosen.user),
    ):
        if value:
            words += [flag, shlex.quote(value)]
    if chosen.read_only:
        words.append("--read-only")
    words.append(shlex.quote(chosen.image))
    return " ".join([*words, chosen.command]).strip()


def _options() -> dict[str, tuple[str, str, bool, str]]:
    """Return the options of ``docker run``: name → (long, short, takes a value, meaning)."""
    table = [
        ("detach", "d", False, _("in the background: the terminal stays yours")),
        ("rm", "", False, _("remove the container when it has ended")),
        ("interactive", "i", False, _("keep the container's input open: what you type reaches it")),
        ("tty", "t", False, _("give it a terminal: prompts, colours, Ctrl+C")),
        ("name", "", True, _("the container's name; without it docker invents one")),
        ("publish", "p", True, _("publish: [address:]port of this machine:port inside")),
        ("publish-all", "P", False, _("publish each EXPOSEd port on some free one")),
        ("env", "e", True, _("set a variable of the environment in the container")),
        ("env-file", "", True, _("set the variables that this file lists")),
        ("volume", "v", True, _("mount: volume or folder:place inside[:ro]")),
        ("mount", "", True, _("mount, written out: type=, source=, target=")),
        ("tmpfs", "", True, _("an empty folder in memory")),
        ("memory", "m", True, _("at most so much memory; beyond it the kernel kills")),
        ("cpus", "", True, _("at most so much processor time: 0.5 is half a core")),
        ("pids-limit", "", True, _("at most so many processes")),
        ("restart", "", True, _("start it again when it ends: no, on-failure, always…")),
        ("user", "u", True, _("run as this user, not as the image's")),
        ("read-only", "", False, _("the container's own layer cannot be written")),
        ("workdir", "w", True, _("start in this folder")),
        ("network", "", True, _("join this network")),
        ("entrypoint", "", True, _("replace the image's ENTRYPOINT")),
        ("hostname", "h", True, _("the host name inside")),
        ("label", "l", True, _("a note on the container, to find it by")),
        ("init", "", False, _("a small init as process 1, which passes signals on")),
        ("stop-timeout", "", True, _("seconds that docker stop waits before it kills")),
        ("stop-signal", "", True, _("the signal that docker stop sends first")),
        ("pull", "", True, _("when to pull the image: always, missing, never")),
        ("platform", "", True, _("the image for this system and processor")),
        ("privileged", "", False, _("nearly all rights of the host: avoid it")),
        ("cap-drop", "", True, _("take this right of root away")),
        ("cap-add", "", True, _("give this right of root")),
        ("security-opt", "", True, _("a setting of the security systems")),
        ("add-host", "", True, _("a host name and its address, for /etc/hosts")),
        ("quiet", "q", False, _("do not tell about pulling")),
    ]
    found = {}
    for long, short, takes, meaning in table:
        found[f"--{long}"] = (long, short, takes, meaning)
        if short:
            found[f"-{short}"] = (long, short, takes, meaning)
    return found


def split(command: str) -> list[str]:
    """Return the words of a command as they were typed."""
    return _WORD.findall(command.replace("\\\n", " "))


def _plain(word: str) -> str:
    """Return what the shell makes of a word."""
    if word.startswith("$("):
        return word
    try:
        return " ".join(shlex.split(word))
    except ValueError:
        return word


def explain(command: str) -> tuple[list[Word], list[Remark]]:
    """Return each word of a ``docker run`` command with its meaning, and remarks on the whole."""
    words, remarks = [], []
    typed = split(command)
    given: dict[str, list[str]] = {}
    rest = typed
    for prefix, meaning in (
        ("docker", _("the docker command: the client")),
        ("container", _("about containers; may be left out")),
        ("run", _("make a container from an image, and start it")),
    ):
        if rest and rest[0] == prefix:
            words.append(Word(prefix, "docker", meaning))
            rest = rest[1:]
        elif prefix != "container":
            return (
                [*words, *(Word(word, "wrong", "") for word in rest)],
                [Remark("error", _("A command that this can explain begins with “docker run”."))],
            )
    known = _options()
    while rest and _plain(rest[0]).startswith("-") and _plain(rest[0]) != "-":
        word, rest = rest[0], rest[1:]
        plain = _plain(word)
        if plain == "--":
            words.append(Word(word, "option", _("here the options end")))
            break
        name, equals, value = plain.partition("=")
        if plain.startswith("--"):
            flags, tail = [name], value if equals else None
        else:
            flags, tail = _cluster(plain, known)
        if unknown := next((flag for flag in flags if flag not in known), ""):
            remark = _("docker run has no option {flag}.").format(flag=unknown)
            if plain in ("-rm", "-r"):
                remark = _("-rm is -r and -m to docker, and there is no -r: it is --rm.")
            elif f"-{plain}" in known:
                remark = _("{flag} is several short options to docker: write {long}.").format(
                    flag=plain, long=f"-{plain}"
                )
            remarks.append(Remark("error", remark))
            words.append(Word(word, "wrong", remark))
            continue
        meanings = [f"{flag}: {known[flag][3]}" for flag in flags]
        words.append(Word(word, "option", "; ".join(meanings)))
        for flag in flags:
            given.setdefault(known[flag][0], [])
        long, _short, takes, _meaning = known[flags[-1]]
        if takes and tail is None:
            if not rest:
                remarks.append(Remark("error", _("{flag} needs a value.").format(flag=flags[-1])))
                break
            given[long].append(_plain(rest[0]))
            words.append(Word(rest[0], "value", _value(long, _plain(rest[0]))))
            rest = rest[1:]
        else:
            given[long].append(tail or "")
    if not rest:
        remarks.append(Remark("error", _("The image is missing.")))
        return words, remarks
    image, command_words = rest[0], rest[1:]
    inner = image.startswith("$(")
    words.append(
        Word(
            image,
            "image",
            _("the shell runs this first and puts here what it prints: the image's id")
            if inner
            else _("the image; what stands after it is not for docker"),
        )
    )
    for number, word in enumerate(command_words):
        meaning = (
            _("the program to run in the container, instead of the image's CMD")
            if number == 0
            else _("an argument of that program")
        )
        words.append(Word(word, "command", meaning))
    remarks += _remarks(given, _plain(image), [_plain(word) for word in command_words], known)
    return words, remarks


def _cluster(
    plain: str, known: dict[str, tuple[str, str, bool, str]]
) -> tuple[list[str], str | None]:
    """Return the options in ``-dit`` or ``-p80:80``, and the value at the end, if there is one."""
    flags = []
    for at, letter in enumerate(plain[1:], 2):
        flags.append(f"-{letter}")
        if flags[-1] not in known:
            break
        if known[flags[-1]][2]:
            tail = plain[at:].removeprefix("=")
            return flags, tail or None
    return flags, None


def _is_option(plain: str, known: dict[str, tuple[str, str, bool, str]]) -> bool:
    """Whether docker would take this word for an option, or for several short ones: ``-it``."""
    if plain.startswith("--"):
        return plain.partition("=")[0] in known
    return plain.startswith("-") and plain != "-" and set(_cluster(plain, known)[0]) <= known.keys()


def _value(option: str, value: str) -> str:
    """Say what a value means, where it has parts."""
    if option == "publish":
        *before, inside = value.split(":")
        outside = before[-1] if before else ""
        where = ":".join(before[:-1]) or _("every address")
        return _("{where}, port {outside} of this machine → port {inside} of the container").format(
            where=where, outside=outside or _("(any free one)"), inside=inside
        )
    if option == "volume":
        source, _colon, target = value.partition(":")
        if not target:
            return _("an anonymous volume at {target}").format(target=source)
        if source.startswith(("/", ".", "~", "$")) or re.match(r"[A-Za-z]:\\", source):
            return _("the folder {source} of this machine, at {target}").format(
                source=source, target=target
            )
        return _("the volume {source}, at {target}").format(source=source, target=target)
    if option == "env":
        name, equals, _rest = value.partition("=")
        if not equals:
            return _("{name}, with the value that it has in your own shell").format(name=name)
    return _("the value of the option before it")


def _remarks(
    given: dict[str, list[str]],
    image: str,
    command: list[str],
    known: dict[str, tuple[str, str, bool, str]],
) -> Iterable[Remark]:
    """Say what does not go together."""
    restart = next(iter(given.get("restart", [])), "no")
    short = image.partition(":")[0]
    at_terminal = "tty" in given and "interactive" in given
    if "rm" in given and restart != "no":
        yield Remark(
            "error",
            _("--rm and --restart: removed, or started again? docker refuses."),
        )
    for value in given.get("publish", []):
        parts = value.split(":")
        if len(parts) < 3:
            yield Remark(
                "warn",
                _("-p {value} is open to every network: 127.0.0.1:{value} keeps it here.").format(
                    value=value
                ),
            )
        inside = parts[-1].partition("/")[0]
        if short in LISTENS and inside.isdigit() and int(inside) != LISTENS[short]:
            yield Remark(
                "warn",
                _("In {image} the program listens on {port}: port {inside} leads nowhere.").format(
                    image=image, port=LISTENS[short], inside=inside
                ),
            )
    if (
        short in LISTENS
        and not {"publish", "publish-all", "network"} & given.keys()
        and not command
    ):
        yield Remark("warn", _("A server without -p: nobody outside can reach it."))
    for word in command:
        if _is_option(word, known) and (len(command) == 1 or command[0] == word):
            yield Remark(
                "error",
                _("{flag} stands after the image: it goes to the container, not to docker.").format(
                    flag=word
                ),
            )
    if command and command[0] == ".":
        yield Remark(
            "error",
            _("docker build wants a folder, docker run does not: “.” would be the program."),
        )
    if "read-only" in given and short in ("nginx", "redis", "postgres") and "tmpfs" not in given:
        yield Remark(
            "warn",
            _(
                "With --read-only {image} may miss a place to write: add --tmpfs or a volume."
            ).format(image=image),
        )
    program = command[0] if command else ""
    wants_person = program in ("sh", "bash", "python") and len(command) == 1
    if not program and short in SHELLS:
        wants_person = True
    if wants_person and not at_terminal:
        yield Remark("warn", _("A shell with nobody to talk to ends at once: add -it."))
    if at_terminal and "detach" not in given:
        yield Remark(
            "warn", _("-it is for a person at a terminal: nobody can type into a notebook's cell.")
        )
    for value in given.get("name", []):
        if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", value):
            yield Remark("error", _("“{name}” is no name for a container.").format(name=value))
