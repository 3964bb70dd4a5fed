"""The API tap passes everything on unharmed, and records it."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from capas import show
from capas.errors import CapasError
from capas.show.api_tap import Tap, tap
from capas.show.api_tap.calls import Names, purpose
from capas.show.api_tap.diagram import MOST
from capas.show.api_tap.proxy import LONGEST, Proxy, upstream
from capas.show.api_tap.watch import KEPT, Exchange, Log, Watch, without_empty

if TYPE_CHECKING:
    from capas.engine import Engine

# ---- reading along ----


def recorded(*talk: tuple[str, bytes], piece: int = 0) -> tuple[Log, Watch]:
    """Read ``("asked" | "answered", bytes)`` in order, whole or in pieces of a length."""
    log = Log()
    watch = Watch(log)
    for who, data in talk:
        step = piece or len(data) or 1
        for at in range(0, max(len(data), 1), step):
            getattr(watch, who)(data[at : at + step])
    return log, watch


CREATE = (
    b"POST /v1.45/containers/create?name=web HTTP/1.1\r\nHost: d\r\n"
    b'User-Agent: Docker-Client/26.1.5 (linux)\r\nContent-Length: 18\r\n\r\n{"Image": "nginx"}'
)
CREATED = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'4\r\n{"Id\r\n' + b'46\r\n": "' + b"ab" * 32 + b'"}\r\n0\r\n\r\n'
)
ATTACH = (
    b"POST /v1.45/containers/" + b"ab" * 32 + b"/attach?stream=1 HTTP/1.1\r\nHost: d\r\n"
    b"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"
)
UPGRADED = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"


@pytest.mark.parametrize("piece", [0, 1, 7])
def test_keep_alive_and_chunks_cut_anywhere(piece: int) -> None:
    log, watch = recorded(
        ("asked", CREATE),
        ("answered", CREATED),
        ("asked", b"HEAD /_ping HTTP/1.1\r\nHost: d\r\n\r\n"),
        ("answered", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
        ("asked", b"DELETE /containers/web HTTP/1.1\r\nHost: d\r\n\r\n"),
        ("answered", b"HTTP/1.1 204 No Content\r\n\r\n"),
        piece=piece,
    )
    create, ping, delete = log.exchanges
    assert (create.method, create.path, create.query) == (
        *("POST", "/containers/create"),
        {"name": "web"},
    )
    assert create.client == "docker"
    assert create.body.json == {"Image": "nginx"}
    assert (create.status, create.reason) == (201, "Created")
    assert create.answer.json == {"Id": "ab" * 32}
    assert (ping.status, ping.answer.size) == (200, 0)  # a HEAD's answer has no body
    assert delete.status == 204
    assert [e.began for e in log.exchanges] == [0, 2, 4]
    assert [e.ended for e in log.exchanges] == [1, 3, 5]
    assert not watch.busy


@pytest.mark.parametrize("piece", [0, 1])
def test_after_101_it_is_a_raw_stream(piece: int) -> None:
    log, watch = recorded(
        ("asked", ATTACH),
        ("answered", UPGRADED + b"\x01\0\0\0\0\0\0\x03hi\n"),
        ("asked", b"GET / HTTP/1.1 is what somebody typed\r\n\r\n"),
        ("asked", b""),
        ("answered", b"more"),
        piece=piece,
    )
    (attach,) = log.exchanges
    assert (attach.status, attach.upgraded) == (101, True)
    assert attach.body.kept == b"GET / HTTP/1.1 is what somebody typed\r\n\r\n"
    assert attach.answer.size == 11 + 4
    assert watch.busy  # the client has ended; the container may still print
    watch.answered(b"")
    assert not watch.busy
    assert attach.ended is not None


def test_an_upgrade_that_is_refused_leaves_http() -> None:
    log, _watch = recorded(
        ("asked", ATTACH),
        ("answered", b'HTTP/1.1 404 Not Found\r\nContent-Length: 15\r\n\r\n{"message":"x"}'),
        ("asked", CREATE),
        ("answered", CREATED),
    )
    assert [e.status for e in log.exchanges] == [404, 201]


def test_100_continue_is_not_the_answer() -> None:
    log, _watch = recorded(
        ("asked", CREATE[: -len(b'{"Image": "nginx"}')]),
        ("answered", b"HTTP/1.1 100 Continue\r\n\r\n"),
        ("asked", b'{"Image": "nginx"}'),
        ("answered", CREATED),
    )
    assert [e.status for e in log.exchanges] == [201]
    assert log.exchanges[0].body.json == {"Image": "nginx"}


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    log, watch = recorded(
        ("asked", b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n"),
        ("answered", b"HTTP/1.1 200 OK\r\n\r\n{}\n"),
        ("answered", b"{}\n"),
    )
    assert watch.busy
    watch.answered(b"")
    assert (bytes(log.exchanges[0].answer.kept), watch.busy) == (b"{}\n{}\n", False)


def test_an_answer_before_the_request_is_complete() -> None:
    log, _watch = recorded(
        (
            "asked",
            b"POST /build HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        ),
        ("answered", b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"),
        ("asked", b"3\r\ndef\r\n0\r\n\r\n"),
    )
    assert (log.exchanges[0].status, bytes(log.exchanges[0].body.kept)) == (500, b"abcdef")


def test_what_is_not_http_is_not_recorded() -> None:
    log, watch = recorded(("asked", b"\x16\x03\x01 TLS"), ("answered", b"\x15\x03"), ("asked", b""))
    assert log.exchanges == []
    assert not watch.busy


def test_a_long_body_is_counted_and_not_kept() -> None:
    size = KEPT + 10
    log, _watch = recorded(
        ("asked", b"POST /build HTTP/1.1\r\nHost: d\r\nContent-Length: %d\r\n\r\n" % size),
        ("asked", b"x" * size),
    )
    body = log.exchanges[0].body
    assert (body.size, len(body.kept), body.json) == (size, KEPT, None)


def test_secrets_are_not_recorded() -> None:
    log, _watch = recorded(
        ("asked", b"POST /images/create HTTP/1.1\r\nHost: d\r\nX-Registry-Auth: c2VjcmV0\r\n\r\n")
    )
    assert "c2VjcmV0" not in str(log.exchanges[0].headers)
    log, _watch = recorded(
        (
            "asked",
            b'POST /auth HTTP/1.1\r\nHost: d\r\nContent-Length: 21\r\n\r\n{"password":"secret"}',
        )
    )
    assert "secret" not in repr(log.exchanges[0])


# ---- showing ----


def test_empty_members_say_nothing() -> None:
    assert without_empty({"a": None, "b": {"c": [], "d": ""}, "e": [0, ""], "f": 1}) == {
        "e": [0, ""],
        "f": 1,
    }


def conversation(repeat: int = 1) -> Tap:
    talk: list[tuple[str, bytes]] = []
    for n in range(repeat):
        path = b"/containers/" + (b"%02x" % n) * 32 + b"/json"
        talk += [("asked", CREATE), ("answered", CREATED)]
        talk += [("asked", b"GET " + path + b" HTTP/1.1\r\nHost: d\r\n\r\n")]
        talk += [
            ("answered", b'HTTP/1.1 404 Not Found\r\nContent-Length: 15\r\n\r\n{"message":"x"}')
        ]
    talk += [("asked", ATTACH), ("answered", UPGRADED), ("answered", b"")]
    return Tap(recorded(*talk)[0])


def test_ids_become_the_names_that_were_given() -> None:
    said = repr(conversation())
    assert "POST /containers/create?name=web" in said
    assert "GET /containers/{id}/json" in said
    assert "POST /containers/web/attach" in said
    assert "ab" * 32 not in said


def test_a_name_that_the_daemon_invented_is_not_shown() -> None:
    unnamed = CREATE.replace(b"?name=web", b"")
    inspect = b"GET /containers/" + b"ab" * 32 + b"/json HTTP/1.1\r\nHost: d\r\n\r\n"
    body = b'{"Id": "' + b"ab" * 32 + b'", "Name": "/serene_curie"}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    log, _watch = recorded(
        *(("asked", unnamed), ("answered", CREATED), ("asked", inspect), ("answered", answer))
    )
    names = Names(log.exchanges)
    assert names.call(log.exchanges[1]) == "GET /containers/{id}/json"


def test_the_diagram_shows_requests_answers_and_failures() -> None:
    picture = conversation().diagram()
    texts = ["".join(e.itertext()) for e in ET.fromstring(picture.svg).iter() if "text" in e.tag]
    assert "POST /containers/create?name=web" in texts
    assert "201 Created" in texts
    assert "✗ 404 Not Found" in texts
    assert "101 UPGRADED" in texts
    assert picture.svg == conversation().diagram().svg  # the same each time


def test_a_long_conversation_is_shortened() -> None:
    short, long = conversation(), conversation(40)
    assert len(long) == 81
    root = ET.fromstring(long.diagram().svg)
    assert float(root.get("height") or 0) < 66 * (MOST + 4)
    assert "… more requests …" in long.diagram().svg
    assert "… more requests …" not in short.diagram().svg


def test_a_bar_ends_where_its_end_was_left_out() -> None:
    """Otherwise a request that was answered in the gap seems to be open to the end."""
    log = Log()
    one, other = Watch(log), Watch(log)
    other.asked(b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
    for n in range(60):
        one.asked(b"GET /images/%d/json HTTP/1.1\r\nHost: d\r\n\r\n" % n)
        one.answered(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        if n == 30:
            other.answered(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    root = ET.fromstring(Tap(log).diagram().svg)
    bars = [e.get("d", "") for e in root.iter() if e.get("class") == "daemon-solid"]
    height = float(root.get("height") or 0)
    assert len(bars) > 10
    assert all(float(d.split("V")[1].split(" ")[0]) < height - 30 for d in bars)


def test_compose_is_one_client_though_docker_asks_first() -> None:
    ping = b"HEAD /_ping HTTP/1.1\r\nHost: d\r\nUser-Agent: %s\r\n\r\n"
    agents = [b"Docker-Client/26.1.5 (linux)", b"compose/2.26.1", b"Go-http-client/1.1"]
    talk = [
        pair
        for agent in agents
        for pair in (("asked", ping % agent), ("answered", b"HTTP/1.1 200 OK\r\n\r\n"))
    ]
    assert "docker compose → daemon" in Tap(recorded(*talk)[0]).diagram().svg


def test_the_same_again_and_again_is_one_row() -> None:
    ping = [
        ("asked", b"HEAD /_ping HTTP/1.1\r\nHost: d\r\n\r\n"),
        ("answered", b"HTTP/1.1 200 OK\r\n\r\n"),
    ]
    assert "HEAD /_ping × 30" in Tap(recorded(*ping * 30)[0]).diagram().svg


def test_more_than_a_hundred_requests_and_long_names_are_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CAPAS_LANG", "es")
    talk: list[tuple[str, bytes]] = []
    for n in range(130):
        path = b"/images/%s-%d/json" % (b"W" * 300, n)
        talk += [("asked", b"GET " + path + b" HTTP/1.1\r\nHost: d\r\n\r\n")]
        talk += [("answered", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]
    picture = Tap(recorded(*talk)[0]).diagram(times=True)
    assert ">130<" in picture.svg


def test_an_empty_record_shows_and_says_so() -> None:
    empty = Tap()
    assert repr(empty) == "No request was recorded."
    assert "text/html" in empty._repr_mimebundle_()
    with pytest.raises(CapasError, match="POST /containers/create"):
        empty.find("POST /containers/create")
    with pytest.raises(CapasError, match="number 1"):
        empty[1]


def test_calls_have_words() -> None:
    for call in (
        *("GET /containers/json", "POST /containers/web/exec", "POST /exec/1/start"),
        *("POST /images/127.0.0.1:5000/a/b/push", "GET /images/a/b:c/json", "POST /session"),
        *("DELETE /images/127.0.0.1:5000/a:1", "GET /networks/x", "HEAD /_ping"),
    ):
        method, path = call.split(" ")
        assert purpose(Exchange(1, method, f"/v1.45{path}", {}, 0, 0.0)), call
    assert purpose(Exchange(1, "GET", "/v1.45/plugins", {}, 0, 0.0)) == ""


# ---- in between ----

unix = pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets")


@contextlib.contextmanager
def server(folder: Path, talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """Answer connections one by one with `talk` on a Unix socket."""
    path = folder / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    with listening.accept()[0] as peer:
                        talk(peer)

        threading.Thread(target=serve, daemon=True).start()
        yield f"unix://{path}"
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)


def everything(peer: socket.socket) -> bytes:
    return b"".join(iter(lambda: peer.recv(65536), b""))


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="capas-") as folder:
        yield Path(folder)


@unix
def test_a_half_closed_connection_still_gets_its_answer(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def echo(peer: socket.socket) -> None:
        head = peer.recv(65536)
        assert b"attach" in head
        peer.sendall(UPGRADED)
        peer.sendall(everything(peer)[::-1])  # only once the client has ended its side

    with server(place, echo) as host, socket.socket(socket.AF_UNIX) as client:
        monkeypatch.setenv("DOCKER_HOST", host)
        with tap() as seen:
            address = os.environ["DOCKER_HOST"]
            assert address != host
            assert len(address.removeprefix("unix://")) <= LONGEST
            client.connect(address.removeprefix("unix://"))
            client.sendall(ATTACH)
            assert client.recv(65536) == UPGRADED
            client.sendall(b"abc")
            client.shutdown(socket.SHUT_WR)
            assert everything(client) == b"cba"
        assert os.environ["DOCKER_HOST"] == host
        assert not Path(address.removeprefix("unix://")).exists()
    (attach,) = seen.exchanges
    assert (bytes(attach.body.kept), bytes(attach.answer.kept)) == (b"abc", b"cba")
    assert attach.ended is not None


@unix
def test_what_is_not_http_gets_through_all_the_same(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = os.urandom(3_000_000)

    def echo(peer: socket.socket) -> None:
        peer.sendall(everything(peer))

    with server(place, echo) as host, socket.socket(socket.AF_UNIX) as client:
        monkeypatch.setenv("DOCKER_HOST", host)
        with tap() as seen:
            client.connect(os.environ["DOCKER_HOST"].removeprefix("unix://"))

            def send() -> None:
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)

            sending = threading.Thread(target=send)
            sending.start()
            assert everything(client) == data
            sending.join()
    assert len(seen) == 0


@unix
def test_a_stream_that_goes_on_does_not_hold_up_the_end(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def events(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n")
        everything(peer)  # until the other side is gone

    with server(place, events) as host, socket.socket(socket.AF_UNIX) as client:
        monkeypatch.setenv("DOCKER_HOST", host)
        with tap() as seen:
            client.connect(os.environ["DOCKER_HOST"].removeprefix("unix://"))
            client.sendall(b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
            assert client.recv(65536)
            began = time.monotonic()
        assert time.monotonic() - began < 3
        assert (seen[1].status, seen[1].ended) == (200, None)
        assert "GET /events" in seen.diagram().svg


@unix
def test_an_engine_that_is_gone_is_a_closed_connection(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{place}/nobody.sock")
    with tap() as seen, socket.socket(socket.AF_UNIX) as client:
        client.connect(os.environ["DOCKER_HOST"].removeprefix("unix://"))
        with contextlib.suppress(ConnectionError):
            assert client.recv(1) == b""
    assert len(seen) == 0


def test_the_environment_comes_back_whatever_happens(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "")
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt), tap():
        assert os.environ["DOCKER_HOST"] != "tcp://127.0.0.1:1"
        assert "DOCKER_TLS_VERIFY" not in os.environ
        raise KeyboardInterrupt
    assert os.environ["DOCKER_HOST"] == "tcp://127.0.0.1:1"
    assert os.environ["DOCKER_TLS_VERIFY"] == ""
    assert threading.active_count() == before


def test_without_an_engine_it_is_a_sentence_and_the_block_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for host, words in (("", "No Docker Engine answers"), ("ssh://me@there", "ssh://me@there")):
        monkeypatch.setenv("DOCKER_HOST", host)
        ran = False
        with show.tap() as seen:
            ran = True
        assert ran
        assert len(seen) == 0
        assert words in capsys.readouterr().out
        assert os.environ["DOCKER_HOST"] == host


def test_where_an_engine_is() -> None:
    pipe = upstream({"DOCKER_HOST": "npipe:////./pipe/docker_engine"})
    assert (pipe.kind, pipe.place) == ("npipe", r"\\.\pipe\docker_engine")
    plain = upstream({"DOCKER_HOST": "tcp://10.0.0.1"})
    assert (plain.place, plain.port, plain.certificates) == ("10.0.0.1", 2375, None)
    tls = upstream(
        {"DOCKER_HOST": "tcp://[::1]:99", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/c"}
    )
    assert (tls.place, tls.port, tls.certificates) == ("::1", 99, Path("/c"))


def test_tcp_in_front_of_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows: no Unix socket on either side."""
    monkeypatch.setattr("capas.show.api_tap.proxy.sys.platform", "win32")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        log = Log()
        proxy = Proxy(upstream({"DOCKER_HOST": f"tcp://127.0.0.1:{port}"}), log)
        host, at = proxy.start().removeprefix("tcp://").split(":")
        assert host == "127.0.0.1"
        with socket.create_connection((host, int(at))) as client:
            client.sendall(b"GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n")
            with listening.accept()[0] as peer:
                assert peer.recv(65536).startswith(b"GET /_ping")
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")
            assert everything(client).endswith(b"OK")
        proxy.stop()
    assert [e.status for e in log.exchanges] == [200]


# ---- with an engine ----


@pytest.fixture
def engine_env(engine: "Engine", monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in engine.environment().items():
        monkeypatch.setenv(name, value)


def docker(*args: str, **more: object) -> str:
    done = subprocess.run(
        ["docker", *args],
        capture_output=True,
        text=True,
        timeout=60,
        **more,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def calls(seen: Tap) -> list[str]:
    names = Names(seen)
    return [names.call(exchange).partition("?")[0] for exchange in seen]


@pytest.mark.engine
def test_docker_run(engine_env: None) -> None:
    with tap() as seen:
        said = docker(
            "run", "--rm", "--label=capas", "--name=capas-tap-test", "busybox", "echo", "hi"
        )
    assert said == "hi\n"
    made = calls(seen)
    create = made.index("POST /containers/create")
    assert [
        made.index(f"POST /containers/capas-tap-test/{c}") > create for c in ("attach", "start")
    ]
    assert seen.find("POST /containers/create").body.json["Cmd"] == ["echo", "hi"]
    assert seen.find("POST /containers/create").client == "docker"
    assert all(exchange.ended is not None for exchange in seen)


@pytest.mark.engine
def test_input_and_its_end_reach_the_container(engine_env: None) -> None:
    with tap() as seen:
        said = docker(
            "run", "-i", "--rm", "--label=capas", "busybox", "wc", "-c", input="x" * 300_000
        )
    assert said.strip() == "300000"
    assert seen.find("POST /attach").body.size == 300_000


@pytest.mark.engine
def test_twenty_megabytes(engine_env: None) -> None:
    size = 20_000_000
    zeros = f"head -c {size} /dev/zero | tr '\\0' x"
    with tap() as seen:
        said = docker(
            "run",
            "--rm",
            "--label=capas",
            "busybox",
            "sh",
            "-c",
            zeros,
        )
    assert len(said) == size
    assert seen.find("POST /attach").answer.size > size


@pytest.mark.engine
@unix
def test_exec_with_a_terminal_and_logs_that_follow(engine_env: None) -> None:
    import pty

    docker("run", "-d", "--rm", "--label=capas", "--name=capas-tap-test", "busybox", "sh", "-c",
           "trap 'exit 0' TERM; echo begun; while :; do sleep 0.1; done")  # fmt: skip
    try:
        with tap() as seen:
            ours, theirs = pty.openpty()
            shell = subprocess.Popen(
                ["docker", "exec", "-it", "capas-tap-test", "sh"],
                stdin=theirs, stdout=theirs, stderr=theirs,
            )  # fmt: skip
            os.close(theirs)
            os.write(ours, b"echo $((6 * 7))\nexit 3\n")
            said = b""
            with contextlib.suppress(OSError):
                while piece := os.read(ours, 4096):
                    said += piece
            assert shell.wait(30) == 3
            assert b"42" in said
            os.close(ours)
            with subprocess.Popen(
                ["docker", "logs", "-f", "capas-tap-test"], stdout=subprocess.PIPE
            ) as logs:
                assert logs.stdout is not None
                assert logs.stdout.readline() == b"begun\n"
                docker("stop", "capas-tap-test")
                assert logs.wait(30) == 0
    finally:
        subprocess.run(["docker", "rm", "-fv", "capas-tap-test"], capture_output=True)
    made = calls(seen)
    assert "POST /containers/capas-tap-test/exec" in made
    assert "POST /exec/{id}/start" in made
    assert "GET /containers/capas-tap-test/logs" in made


@pytest.mark.engine
def test_a_build_with_buildkit_and_compose(engine_env: None, place: Path) -> None:
    (place / "Dockerfile").write_text(
        "FROM busybox\nLABEL capas=tap\nCOPY Dockerfile /made\nRUN cat /made\n"
    )
    (place / "compose.yaml").write_text(
        "name: capas-tap-test\nservices:\n  web:\n    build: .\n    image: capas/tap-test\n"
        "    command: [sleep, '60']\n    init: true\n    labels: [capas]\n"
    )
    try:
        with tap() as seen:
            docker("build", "-q", "-t", "capas/tap-test", str(place))
            docker("compose", "-f", str(place / "compose.yaml"), "up", "-d")
            assert "web" in docker("compose", "-f", str(place / "compose.yaml"), "ps", "--services")
            docker("compose", "-f", str(place / "compose.yaml"), "down", "-t", "0")
    finally:
        subprocess.run(["docker", "rm", "-fv", "capas-tap-test-web-1"], capture_output=True)
        subprocess.run(["docker", "network", "rm", "capas-tap-test_default"], capture_output=True)
        subprocess.run(["docker", "image", "rm", "capas/tap-test"], capture_output=True)
    made = calls(seen)
    assert {"POST /grpc", "POST /networks/create", "POST /containers/create"} <= set(made)
    assert seen.find("POST /grpc").upgraded
    assert seen.diagram().svg


@pytest.mark.engine
def test_the_sdk_and_its_attached_socket(engine_env: None) -> None:
    import docker as sdk

    with tap() as seen:
        client = sdk.from_env(version="auto")
        said = client.containers.run("busybox", "echo hi", remove=True, labels=["capas"])
        assert said == b"hi\n"
        container = client.containers.create("busybox", "cat", stdin_open=True, labels=["capas"])
        try:
            stream: Any = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
            container.start()
            raw: socket.socket = stream._sock
            raw.sendall(b"over\n")
            raw.shutdown(socket.SHUT_WR)
            assert stream.read(64)[8:] == b"over\n"
            stream.close()
        finally:
            container.remove(force=True, v=True)
        client.close()
    assert {exchange.client for exchange in seen} == {"Docker SDK"}
    assert "POST /containers/create" in calls(seen)
