"""Serving a kit: what pip, npm, Docker and `kit use` ask for; nothing is written, nothing leaks."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from capas.errors import CapasError
from capas.kit import server, using
from capas.kit.contents import NAME, open_kit
from capas.paths import ROOT
from tests.kit.conftest import write

HOST = "127.0.0.1"


@pytest.fixture
def served(archive: Path) -> Iterator[server.Server]:
    with running(archive) as found:
        yield found


@contextlib.contextmanager
def running(archive: Path, port: int = 0) -> Iterator[server.Server]:
    with server.listen(open_kit(str(archive)), HOST, port) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield found
        finally:
            found.shutdown()
            thread.join()


def ask(
    served: server.Server, path: str, method: str = "GET", **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    call = http.client.HTTPConnection(HOST, served.port, timeout=10)
    with contextlib.closing(call):
        call.request(
            method, path, body=b"x" if method in ("POST", "PUT") else None, headers=headers
        )
        answer = call.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())


def test_a_student_takes_it_by_its_address(
    served: server.Server, files: dict[str, bytes], home: Path
) -> None:
    using.use(open_kit(f"http://{HOST}:{served.port}/"), print)
    assert (home / "kit/large.bin").read_bytes() == files["large.bin"]
    assert not (home / "kit/elsewhere.bin").exists()


def test_a_broken_connection_is_gone_on_with(
    served: server.Server, files: dict[str, bytes], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = server._Handler._send
    asked: list[str] = []

    def cut(self: Any, answer: server.Answer, body: bool) -> None:
        asked.append(self.headers.get("Range", ""))
        if self.path.endswith("large.bin") and not asked[-1]:
            self.send_response(200)
            self.send_header("Content-Length", str(len(files["large.bin"])))
            self.end_headers()
            self.wfile.write(files["large.bin"][: 3 * using.CHUNK])
            self.close_connection = True
            return
        original(self, answer, body)

    monkeypatch.setattr(server._Handler, "_send", cut)
    source = open_kit(f"http://{HOST}:{served.port}")
    with pytest.raises(CapasError, match=r"does not answer .* run the same command again"):
        using.use(source, print)
    assert using.in_use() is None
    using.use(source, print)
    assert f"bytes={3 * using.CHUNK}-" in asked
    assert (home / "kit/large.bin").read_bytes() == files["large.bin"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/files/large.bin", "/v2/tiny/blobs/uploads/", "/simple/"])
def test_nobody_can_write(served: server.Server, archive: Path, method: str, path: str) -> None:
    before = archive.read_bytes()
    status, _body, headers = ask(served, path, method)
    assert status == 405
    assert headers["Allow"] == "GET, HEAD"
    assert archive.read_bytes() == before


@pytest.mark.parametrize(
    "path",
    [
        "/files/../secret.txt",
        "/files/..%2fsecret.txt",
        "/files/%2e%2e/secret.txt",
        "/files//etc/passwd",
        "/files/%2fetc%2fpasswd",
        "/files/..\\secret.txt",
        "/../secret.txt",
        "/debian/../../secret.txt",
        "/debian/%2e%2e/large.bin",
        "/npm/../secret.txt",
        "/npm/x/-/../../secret.txt",
        "/simple/../secret.txt",
        "/v2/../secret.txt",
        "/v2/tiny/blobs/..%2f..%2fsecret.txt",
        "/v2/tiny/manifests/../../../secret.txt",
        "/secret.txt",
        "secret.txt",
        "/files/large.bin%00",
        "/files/",
        "/files",
        "/etc/passwd",
    ],
)
def test_no_path_leads_anywhere_else(served: server.Server, archive: Path, path: str) -> None:
    archive.with_name("secret.txt").write_text("secret")
    with socket.create_connection((HOST, served.port), timeout=10) as call:
        # By hand: a client would tidy the path up.
        call.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        with call.makefile("rb") as stream:
            answer = stream.read()
    assert b" 404 " in answer.partition(b"\r\n")[0] or b" 400 " in answer.partition(b"\r\n")[0]
    assert b"secret" not in answer
    assert b"root:" not in answer


def test_of_a_folder_only_what_the_kit_names(archive: Path, home: Path) -> None:
    using.use(open_kit(str(archive)), print)
    (home / "kit/private.txt").write_text("private")
    with running(home / "kit") as served:
        assert ask(served, "/files/large.bin")[0] == 200
        assert ask(served, "/files/private.txt")[0] == 404
        assert ask(served, "/files/elsewhere.bin")[0] == 404  # it was not taken


@pytest.mark.parametrize(
    "options", [["--index-url=/simple/"], ["--no-index", "--find-links=/links/"]]
)
def test_pip_installs_from_it(served: server.Server, tmp_path: Path, options: list[str]) -> None:
    url = f"=http://{HOST}:{served.port}/"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(tmp_path / "t")]
    command += [option.replace("=/", url) for option in options]
    command += ["--isolated", "--no-cache-dir", "First.One==1.0", "second"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "t/first_one.py").exists()
    assert (tmp_path / "t/second.py").exists()
    assert ask(served, "/simple/third/")[0] == 404


def test_images_as_a_registry_has_them(served: server.Server, files: dict[str, bytes]) -> None:
    assert ask(served, "/v2/")[2]["Docker-Distribution-Api-Version"] == "registry/2.0"
    path = list(files)[4]
    digest = f"sha256:{path.rpartition('/')[2]}"
    for name in ("tiny", "library/tiny"):
        for reference in ("1", "latest", digest):
            status, body, headers = ask(served, f"/v2/{name}/manifests/{reference}")
            assert (status, body) == (200, files[path])
            assert headers["Docker-Content-Digest"] == digest
            assert headers["Content-Type"] == server.MANIFEST
        assert json.loads(ask(served, f"/v2/{name}/tags/list")[1])["tags"] == ["1", "latest"]
    status, body, _headers = ask(served, f"/v2/tiny/manifests/{digest}", "HEAD")
    assert (status, body) == (200, b"")
    layer = list(files)[2].rpartition("/")[2]
    assert ask(served, f"/v2/tiny/blobs/sha256:{layer}")[1] == files[list(files)[2]]
    for path in ("/v2/tiny/manifests/2", "/v2/huge/manifests/1", "/v2/tiny/blobs/sha256:00"):
        assert ask(served, path)[0] == 404


def test_parts_of_a_file(served: server.Server, files: dict[str, bytes]) -> None:
    whole = files["large.bin"]
    status, body, headers = ask(served, "/files/large.bin", Range="bytes=5000000-")
    assert (status, body) == (206, whole[5_000_000:])
    assert headers["Content-Range"] == f"bytes 5000000-{len(whole) - 1}/{len(whole)}"
    assert ask(served, "/files/large.bin", Range=f"bytes={len(whole)}-")[0] == 416


def test_a_damaged_file_is_noticed_by_who_takes_it(
    archive: Path, files: dict[str, bytes], home: Path
) -> None:
    data = bytearray(archive.read_bytes())
    data[data.index(files["large.bin"][:1000]) + 2_000_000] ^= 1
    archive.write_bytes(data)
    with running(archive) as served, pytest.raises(CapasError):
        using.use(open_kit(f"http://{HOST}:{served.port}"), print)
    assert using.in_use() is None


def test_a_web_page_is_no_kit(served: server.Server) -> None:
    with pytest.raises(CapasError, match="is not a kit of this course"):
        open_kit(f"http://{HOST}:{served.port}/simple")


def test_a_taken_port_is_another_one(archive: Path) -> None:
    with running(archive) as first, running(archive, first.port) as second:
        assert second.port != first.port
        assert ask(second, f"/{NAME}")[0] == 200


def test_the_command_says_where_and_ends_by_ctrl_c(archive: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "capas.cli", "kit", "serve", str(archive), "--address", HOST],
        cwd=ROOT,
        env={**os.environ, "CAPAS_LANG": "en", "COLUMNS": "200", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        said = ""
        try:
            for line in process.stdout:
                said += line
                if "Ctrl-C stops it" in line:
                    break
            url = next(word for word in said.split() if word.startswith("http://127"))
            assert "█" in said  # a QR code
            assert f"python3 -m capas kit use {url}" in said
            using.use(open_kit(url), print)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
            assert "takes the kit" in process.stdout.read()
        finally:
            process.kill()


def test_what_a_name_of_npm_leads_to(tmp_path: Path, facts: dict[str, Any]) -> None:
    index = {
        "@scope/thing": {
            "1.0.0": {
                "file": "npm/scope-thing-1.0.0.tgz",
                "integrity": "sha512-abc",
                "package": {"name": "@scope/thing", "version": "1.0.0"},
            }
        }
    }
    content = {"npm/index.json": json.dumps(index).encode(), "npm/scope-thing-1.0.0.tgz": b"tgz"}
    with running(write(tmp_path / "npm.zip", content, facts)) as served:
        for path in ("/npm/@scope%2fthing", "/npm/@scope/thing"):
            document = json.loads(ask(served, path)[1])
            dist = document["versions"]["1.0.0"]["dist"]
            assert dist["integrity"] == "sha512-abc"
        tarball = dist["tarball"].partition(str(served.port))[2]
        assert ask(served, tarball)[1] == b"tgz"
        assert ask(served, "/npm/other")[0] == 404
