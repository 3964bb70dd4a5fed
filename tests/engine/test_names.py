"""Whether a name server answers here."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from capas.engine import names


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as found:
        found.bind(("127.0.0.1", 0))
        found.settimeout(10)
        yield found


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    file = tmp_path / "resolv.conf"
    file.write_text("# mine\nsearch lan\nnameserver nonsense\nnameserver 127.0.0.1\n")
    return file


def test_any_answer_is_one(server: socket.socket, conf: Path) -> None:
    def refuse() -> None:
        question, asker = server.recvfrom(512)
        server.sendto(question[:2] + b"\x81\x05" + question[4:], asker)  # REFUSED

    answering = threading.Thread(target=refuse)
    answering.start()
    assert names.answered(conf, 5, server.getsockname()[1])
    answering.join()


def test_silence_is_none(server: socket.socket, conf: Path) -> None:
    assert not names.answered(conf, 0.05, server.getsockname()[1])


def test_nobody_there_is_none(server: socket.socket, conf: Path) -> None:
    port = server.getsockname()[1]
    server.close()
    assert not names.answered(conf, 5, port)
