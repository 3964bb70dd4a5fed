"""The assembled command is one that docker takes, and each word is explained as what it is."""

import random
import shlex
from collections.abc import Iterator

import pytest

from capas import language
from capas.engine import Engine
from capas.show.commands import Choices, Word, _options, assemble, explain, split
from capas.show.run_command import RunCommand


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    language.use("en")
    yield
    language.use(None)


def parts(command: str) -> str:
    """Return the first letter of each word's part."""
    return "".join(word.part[0] for word in explain(command)[0])


def remarks(command: str) -> list[str]:
    return [f"{remark.level}: {remark.text}" for remark in explain(command)[1]]


def word(command: str, text: str) -> Word:
    return next(word for word in explain(command)[0] if word.text == text)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("docker run nginx", "ddi"),
        ("docker container run nginx", "dddi"),
        ("docker run -dit --name web -p 127.0.0.1:80:80 nginx nginx -g 'a b'", "ddoovoviccc"),
        ("docker run -p80:80 --memory=64m -e A nginx", "ddooovi"),
        ("docker run --rm -it $(docker build -q .)", "ddooi"),
        ("docker run -- nginx sh", "ddoic"),
        ("docker run -it busybox sh -c 'ls | wc -l'", "ddoiccc"),
    ],
)
def test_which_word_is_what(command: str, expected: str) -> None:
    assert parts(command) == expected


def test_words_are_kept_as_typed() -> None:
    command = """docker run -e A='b c' --rm \\\n $(docker build -q .) sh -c "a \\" b" """
    assert split(command) == [
        *("docker", "run", "-e", "A='b c'", "--rm", "$(docker build -q .)", "sh", "-c"),
        r'"a \" b"',
    ]


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("docker run -rm busybox", "it is --rm"),
        ("docker run -name web nginx", "write --name"),
        ("docker run --port 80 nginx", "no option --port"),
        ("docker run -p 8000:8000 capas/fastapi-example .", "“.” would be the program"),
        ("docker run -p 8000:8000 nginx", "port 8000 leads nowhere"),
        ("docker run -p 8000:80 nginx", "every network"),
        ("docker run nginx -p 8000:80", "-p stands after the image"),
        ("docker run busybox -it sh", "-it stands after the image"),
        ("docker run --rm --restart always redis:8", "docker refuses"),
        ("docker run busybox", "add -it"),
        ("docker run -i busybox", "add -it"),
        ("docker run -it busybox", "nobody can type"),
        ("docker run nginx", "nobody outside can reach it"),
        ("docker run --name -x nginx", "no name"),
        ("docker run --rm", "image is missing"),
        ("docker run -p", "needs a value"),
        ("docker ps", "begins with “docker run”"),
        ("docker run --read-only -p 127.0.0.1:80:80 nginx", "--tmpfs"),
    ],
)
def test_what_is_doubtful_is_told(command: str, told: str) -> None:
    assert any(told in remark for remark in remarks(command)), remarks(command)


@pytest.mark.parametrize(
    "command",
    [
        "docker run --rm busybox ls -l",
        "docker run --rm python:3.13-slim python -c 'print(1)'",
        "docker run -d --name web -p 127.0.0.1:8080:80 nginx",
        "docker run --rm --restart no busybox true",
        "docker run --rm busybox grep -e root /etc/passwd",
    ],
)
def test_nothing_is_said_about_what_is_right(command: str) -> None:
    assert remarks(command) == []


def test_values_are_read() -> None:
    published = word("docker run -p 127.0.0.1:8080:80 nginx", "127.0.0.1:8080:80")
    assert "127.0.0.1, port 8080 of this machine → port 80" in published.meaning
    assert "every address" in word("docker run -p 80:80 nginx", "80:80").meaning
    assert "volume data" in word("docker run -v data:/d nginx", "data:/d").meaning
    assert "folder ./d" in word("docker run -v ./d:/d:ro nginx", "./d:/d:ro").meaning
    assert "your own shell" in word("docker run -e HOME nginx", "HOME").meaning


@pytest.mark.engine
def test_the_options_are_dockers(engine: Engine) -> None:
    told = engine.run("run", "--help").stdout
    for name, (long, short, takes, _meaning) in _options().items():
        assert f"--{long} " in told, name
        line = next(line for line in told.splitlines() if f" --{long} " in line)
        assert (f"-{short}, --{long}" in line) == bool(short), line
        after = line.partition(f"--{long} ")[2]
        assert (not after.startswith("  ")) == takes, line


VALUES: dict[str, list[object]] = {
    "name": ["", "capas-assembled"],
    "host_port": ["", "48080"],
    "everywhere": [False, True],
    "detached": [False, True],
    "remove": [False, True],
    "interactive": [False, True],
    "env": ["", "A=b c", "HOME"],
    "volume": ["", "/tmp:/srv:ro"],
    "memory": ["", "64m", "256m", "1g"],
    "cpus": ["", "0.5", "1"],
    "restart": ["", "no", "on-failure:3", "unless-stopped", "always"],
    "user": ["", "1000", "nobody"],
    "read_only": [False, True],
    "command": ["", "sh", "echo 'a b'"],
}


@pytest.mark.engine
def test_docker_takes_what_is_assembled(engine: Engine) -> None:
    chance = random.Random(6)
    refused = 0
    for _turn in range(60):
        chosen = Choices(
            image="busybox",
            **{name: chance.choice(some) for name, some in VALUES.items()},  # type: ignore[arg-type]
        )
        command = assemble(chosen)
        words, found = explain(command)
        assert [word.text for word in words] == split(command)
        told = [remark for remark in found if remark.level == "error"]
        # `create` is `run` without starting, and so without -d.
        arguments = [a for a in shlex.split(command)[2:] if a != "-d"]
        done = engine.run("create", "--label", "capas", *arguments)
        refused += bool(done.returncode)
        assert bool(done.returncode) == bool(told), (command, done.stderr, told)
        if not done.returncode:
            engine.run("rm", "--volumes", done.stdout.strip(), check=True)
    assert refused


def test_the_widget() -> None:
    widget = RunCommand(host_port="8080", remove=True)
    assert widget.command == "docker run --rm -p 127.0.0.1:8080:80 nginx"
    chosen = {**widget.chosen, "image": "redis:8", "restart": "always", "unknown": 1}
    widget._act({"do": "choose", "chosen": chosen})
    assert widget.command == "docker run --rm -p 127.0.0.1:8080:80 --restart always redis:8"
    assert {remark["level"] for remark in widget.remarks} == {"error", "warn"}
    widget._act({"do": "read", "command": "docker run -rm busybox"})
    assert [part["part"] for part in widget.parts] == ["docker", "docker", "wrong", "image"]
    widget._act({})
    still = RunCommand("docker run --rm -it busybox").still()
    assert "--rm" in still["text/plain"]
    assert "<code>-it</code>" in still["text/html"]


def test_the_lectures_command_is_read() -> None:
    widget = RunCommand("docker run -p 8000:8000 capas/fastapi-example .")
    assert "✗" in widget.still()["text/plain"]
