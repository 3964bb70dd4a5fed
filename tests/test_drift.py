"""What has moved: against registries that speak the real ones' HTTP, on this machine."""

import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from capas import cli, drift
from capas.engine.catalogue import CATALOGUE, catalogue
from capas.errors import CapasError

NOBODY = "http://127.0.0.1:9/v2/"


def sha(number: int) -> str:
    return f"sha256:{number:064x}"


@dataclass
class Registries:
    """Docker Hub with its token server, PyPI's simple index and npm's registry, in one server."""

    address: str = ""
    digests: dict[str, str] = field(default_factory=dict)
    python: dict[str, list[str]] = field(default_factory=dict)
    npm: dict[str, list[str]] = field(default_factory=dict)
    limit: bool = False
    asked: list[str] = field(default_factory=list)

    @property
    def hub(self) -> str:
        return f"{self.address}/v2/"


@pytest.fixture
def registries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Registries]:
    known = Registries()

    class Handler(BaseHTTPRequestHandler):
        def answer(self, code: int, body: object = "", **headers: str) -> None:
            content = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(code)
            headers.setdefault("Content_Type", "application/json")
            for name, value in {**headers, "Content_Length": str(len(content))}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def do_HEAD(self) -> None:
            known.asked.append(f"{self.command} {self.path}")
            repository, _, tag = self.path.removeprefix("/v2/").partition("/manifests/")
            if known.limit:
                return self.answer(429)
            if self.headers.get("Authorization") != f"Bearer for {repository}":
                realm = f'Bearer realm="{known.address}/token",service="hub"'
                scope = f'scope="repository:{repository}:pull"'
                return self.answer(401, WWW_Authenticate=f"{realm},{scope}")
            found = known.digests.get(f"{repository}:{tag}")
            if not found or "image.index" not in self.headers["Accept"]:
                return self.answer(404)
            return self.answer(200, Docker_Content_Digest=found)

        def do_GET(self) -> None:
            known.asked.append(f"{self.command} {self.path}")
            kind, _, name = self.path.strip("/").partition("/")
            if kind.startswith("token?"):
                repository = self.path.partition("repository%3A")[2].partition("%3A")[0]
                return self.answer(200, {"token": f"for {repository.replace('%2F', '/')}"})
            if kind == "simple" and name in known.python:
                files = [f"{name}-{v}-py3-none-any.whl" for v in known.python[name]]
                links = "".join(f'<a href="/{file}">{file}</a>' for file in files)
                return self.answer(200, links, Content_Type="text/html")
            name = self.path.strip("/").removeprefix("npm/").replace("%2f", "/")
            if name in known.npm:
                each = {v: {"name": name, "version": v} for v in known.npm[name]}
                tags = {"latest": known.npm[name][-1]}
                return self.answer(200, {"name": name, "dist-tags": tags, "versions": each})
            return self.answer(404, {})

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    known.address = f"http://127.0.0.1:{server.server_port}"
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", f"{known.address}/simple")
    monkeypatch.setenv("npm_config_registry", f"{known.address}/npm/")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm-cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield known
    server.shutdown()
    server.server_close()


# --- images -------------------------------------------------------------------------


def hub_of_today(known: Registries) -> None:
    """Fill it with the course's own images, none of which has moved."""
    for number, image in enumerate(catalogue().values()):
        for reference in (image.name, image.hub):
            known.digests[f"library/{reference}"] = image.digest or sha(number)


def test_images_that_have_not_moved(registries: Registries) -> None:
    hub_of_today(registries)
    pins = drift.images(registries.hub)
    assert [pin.name for pin in pins] == list(catalogue())
    assert not any(pin.moved for pin in pins)
    assert not any(asked.startswith("GET /v2/") for asked in registries.asked)  # a pull, counted


def test_an_image_that_has_moved_and_one_that_is_gone(registries: Registries) -> None:
    hub_of_today(registries)
    registries.digests["library/python:3.13-slim"] = sha(99)
    redis = catalogue()["redis:8"]
    del registries.digests[f"library/{redis.hub}"]
    moved = {pin.name: pin for pin in drift.images(registries.hub) if pin.moved}
    assert moved.keys() == {"python:3.13-slim", "redis:8"}
    assert moved["python:3.13-slim"].newest == sha(99)
    assert moved["redis:8"].pinned == (redis.digest or "")


def test_a_pinned_digest_decides(registries: Registries, tmp_path: Path) -> None:
    registries.digests["library/redis:8"] = sha(2)
    file = tmp_path / "images.toml"
    file.write_text(
        f'[defaults]\nplatforms = []\n[images."redis:8"]\nhub = "redis:8.6.5"\n'
        f'digest = "{sha(1)}"\nstand-in = "redis"\nsize = 1\n'
    )
    (pin,) = drift.images(registries.hub, file)
    assert (pin.pinned, pin.newest, pin.moved) == (sha(1), sha(2), True)


def test_a_registry_that_limits_or_is_out_of_reach_is_a_sentence(registries: Registries) -> None:
    registries.limit = True
    with pytest.raises(CapasError, match="429"):
        drift.images(registries.hub)
    with pytest.raises(CapasError, match="cannot be asked from here"):
        drift.images(NOBODY)


# --- packages -----------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "requirements.txt").write_text(
        "# direct\nold==1.0   # why\nnew==2.0; sys_platform != 'win32'\n"
    )
    return folder


def test_python_packages(registries: Registries, root: Path) -> None:
    registries.python = {"old": ["1.0", "1.10"], "new": ["1.0", "2.0", "3.0rc1"]}
    pins = drift.python(root)
    assert [(pin.name, pin.pinned, pin.newest) for pin in pins] == [
        ("old", "1.0", "1.10"),
        ("new", "2.0", "2.0"),  # a release candidate is not newer
    ]
    assert drift.write(drift.Report(pins), root) == ["old"]
    assert (root / "requirements.txt").read_text() == (
        "# direct\nold==1.10   # why\nnew==2.0; sys_platform != 'win32'\n"
    )


def test_an_index_without_the_package_is_a_sentence(registries: Registries, root: Path) -> None:
    with pytest.raises(CapasError, match="pip cannot ask for"):
        drift.python(root)


@pytest.mark.skipif(not shutil.which("npm"), reason="there is no npm here")
def test_npm_packages(registries: Registries, tmp_path: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    wanted = {"same": "^1.0.0", "moves": "^1.0.0", "@types/node": "^24.0.0"}
    (app / "package.json").write_text(json.dumps({"name": "app", "devDependencies": wanted}))
    locked = {f"node_modules/{name}": {"version": "1.0.0"} for name in ("same", "moves")}
    locked["node_modules/@types/node"] = {"version": "24.0.0"}
    (app / "package-lock.json").write_text(
        json.dumps(
            {
                "name": "app",
                "lockfileVersion": 3,
                "packages": {"": {"name": "app", "devDependencies": wanted}, **locked},
            }
        )
    )
    registries.npm = {
        "same": ["1.0.0"],
        "moves": ["1.0.0", "2.0.0"],
        "@types/node": ["24.0.0", "26.0.0"],
    }
    pins = {pin.name: pin for pin in drift.npm(app)}
    assert (pins["moves"].pinned, pins["moves"].newest) == ("1.0.0", "2.0.0")
    assert [name for name, pin in pins.items() if pin.moved] == ["moves"]
    registries.npm = {}
    with pytest.raises(CapasError, match="npm cannot ask"):
        drift.npm(app)


# --- the command --------------------------------------------------------------------


def test_writing_pins_an_image_by_its_digest(tmp_path: Path) -> None:
    file = tmp_path / "capas/engine/images.toml"
    file.parent.mkdir(parents=True)
    shutil.copy(CATALOGUE, file)
    names = list(catalogue())
    first, last = names[0], names[-1]
    where = "capas/engine/images.toml"
    pins = [drift.Pin("image", name, where, "", sha(7)) for name in (first, last)]
    assert drift.write(drift.Report(pins), tmp_path) == [first, last]
    after = catalogue(file)
    assert after[first].reference == f"{first}@{sha(7)}"
    assert after[last].reference == f"{last}@{sha(7)}"
    assert {n: after[n].hub for n in names[1:-1]} == {n: catalogue()[n].hub for n in names[1:-1]}


@pytest.mark.parametrize(
    ("newest", "problems", "code"),
    [("1", [], 0), ("2", [], 1), ("2", ["No."], 1), ("1", ["No."], 2)],
    ids=["same", "moved", "moved-and-unknown", "unknown"],
)
def test_the_exit_code_says_it(
    monkeypatch: pytest.MonkeyPatch, newest: str, problems: list[str], code: int
) -> None:
    report = drift.Report([drift.Pin("npm", "vite", "lock", "1", newest)], problems)
    monkeypatch.setattr(drift, "look", lambda: report)
    done = CliRunner().invoke(cli.app, ["drift", "--json"])
    assert done.exit_code == code
    content = json.loads(done.stdout)
    assert content["moved"] is (newest == "2")
    assert content["problems"] == problems
    shown = CliRunner().invoke(cli.app, ["drift"])
    assert ("vite" in shown.stdout) is (newest == "2")
