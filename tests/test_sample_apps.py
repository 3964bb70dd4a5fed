"""The sample apps: built, run, talked to, edited, broken and stopped, as a student does."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import requests

from capas.engine import Engine, images
from capas.paths import ROOT
from capas.ports import free_port
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.browser import Visit

pytest_plugins = ["tests.browser"]

APPS = ROOT / "sample_apps"
POSTGRES = "postgresql+psycopg://notes:notes@postgres/notes"
HTML = {"Accept": "text/html"}  # as a browser asks, without JavaScript
MADE_HERE = shutil.ignore_patterns("node_modules", ".svelte-kit", "build", "*.db", ".*_cache")


# ---------------------------------------------------------------- the files


def test_lock_files_name_no_registry() -> None:
    """Whoever installs decides from where: pipenv and npm have a default, a class has a mirror.

    After `pipenv lock`: empty `_meta.sources` and drop each package's `index`. npm leaves the
    addresses out with `npm install --omit-lockfile-registry-resolved`.
    """
    pipfile = json.loads((APPS / "fastapi_example/Pipfile.lock").read_text())
    assert pipfile["_meta"]["sources"] == []
    assert "://" not in json.dumps(pipfile)
    assert "[[source]]" not in (APPS / "fastapi_example/Pipfile").read_text()

    packages = json.loads((APPS / "sveltekit_example/package-lock.json").read_text())["packages"]
    assert [name for name, package in packages.items() if "resolved" in package] == []


def test_npm_lock_holds_every_platform() -> None:
    """A lock made on one machine must install on the others."""
    lock = (APPS / "sveltekit_example/package-lock.json").read_text()
    for platform in ("linux-x64-gnu", "linux-arm64-gnu", "darwin-arm64", "win32-x64-msvc"):
        assert f"node_modules/@rolldown/binding-{platform}" in lock


# ---------------------------------------------------------------- both apps, up


@dataclass
class Stack:
    """Both apps, in a copy that tests may edit, under a Compose project of its own."""

    engine: Engine
    folder: Path
    project: str = field(default_factory=lambda: f"capas-test-{uuid4().hex[:8]}")
    api_port: int = field(default_factory=free_port)
    web_port: int = field(default_factory=free_port)

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    def compose(
        self, *args: str, check: bool = True, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        ports = {"API_PORT": str(self.api_port), "WEB_PORT": str(self.web_port)}
        done = self.engine.run(
            *("compose", "--project-name", self.project, "--ansi=never", *args),
            cwd=self.folder,
            env={**ports, **(env or {})},
        )
        if check and done.returncode:
            pytest.fail(f"docker compose {' '.join(args)}\n{done.stdout}{done.stderr}{self.logs()}")
        return done

    def logs(self) -> str:
        return self.compose("logs", "--tail=50", check=False).stdout

    def up(self, *args: str, profile: str = "", **env: str) -> None:
        self.compose("--profile", profile, "up", "--wait", "--wait-timeout=120", *args, env=env)

    def inside(self, service: str, *command: str) -> subprocess.CompletedProcess[str]:
        return self.compose("exec", "-T", service, *command, check=False)

    def down(self) -> None:
        """Remove all of it; also what `down --volumes` forgets.

        A container that Compose made anew keeps the anonymous volumes of the one before, but as
        volumes with a name: these no longer go with the container.
        """
        mine = f"label=com.docker.compose.project={self.project}"
        containers = self.engine.run("ps", "--all", "--quiet", "--filter", mine).stdout.split()
        mounts = self.engine.run("inspect", "--format={{json .Mounts}}", *containers).stdout
        volumes = [
            mount["Name"]
            for line in mounts.splitlines()
            for mount in json.loads(line)
            if mount["Type"] == "volume"
        ]
        self.compose("--profile=postgres", "down", "--volumes", "--rmi=local", check=False)
        if volumes:
            self.engine.run("volume", "rm", "--force", *volumes)

    def clear(self) -> None:
        for note in requests.get(f"{self.api}/notes", timeout=15).json():
            requests.delete(f"{self.api}/notes/{note['id']}", timeout=15)

    def add(self, text: str) -> dict[str, Any]:
        answer = requests.post(f"{self.api}/notes", json={"text": text}, timeout=15)
        note: dict[str, Any] = answer.json()
        return note


@pytest.fixture(scope="module")
def running(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    images.ensure(engine, ["python:3.13-slim", "node:24-slim"])
    folder = tmp_path_factory.mktemp("apps") / "sample_apps"
    shutil.copytree(APPS, folder, ignore=MADE_HERE)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        # Somebody's checkout: neither root's nor that of the containers' user.
        for path in (folder, *folder.rglob("*")):
            os.chown(path, 4321, 4321)
    stack = Stack(engine, folder)
    try:
        stack.up("--build")
        yield stack
    finally:
        stack.down()


@pytest.fixture
def stack(running: Stack) -> Stack:
    """Both apps up, with no note."""
    running.clear()
    return running


@pytest.mark.engine
def test_the_apis_own_tests_pass_in_its_image(stack: Stack) -> None:
    done = stack.inside("fastapi_example", "pytest", "-q")
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d+ passed", done.stdout)
    assert "warning" not in done.stdout


@pytest.mark.engine
def test_the_web_apps_own_tests_pass_in_its_image(stack: Stack) -> None:
    done = stack.inside("sveltekit_example", "npm", "test")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.engine
def test_the_web_apps_types_are_right(stack: Stack) -> None:
    done = stack.inside("sveltekit_example", "npm", "run", "check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 errors and 0 warnings" in done.stdout


@pytest.mark.engine
def test_a_note_over_http(stack: Stack) -> None:
    note = stack.add("build the image")
    url = f"{stack.api}/notes/{note['id']}"
    assert requests.patch(url, json={"done": True}, timeout=15).json() == note | {"done": True}
    assert requests.get(f"{stack.api}/notes", timeout=15).json() == [note | {"done": True}]
    assert requests.delete(url, timeout=15).status_code == 204
    assert requests.get(url, timeout=15).status_code == 404


@pytest.mark.engine
def test_a_note_through_the_web_app_without_javascript(stack: Stack) -> None:
    answer = requests.post(f"{stack.web}/?/add", data={"text": "a < b"}, headers=HTML, timeout=15)
    assert answer.ok
    assert "a &lt; b" in answer.text
    assert [note["text"] for note in requests.get(f"{stack.api}/notes", timeout=15).json()] == [
        "a < b"
    ]
    refused = requests.post(f"{stack.web}/?/add", data={"text": " "}, headers=HTML, timeout=15)
    assert refused.status_code == 422
    assert "text: String should have at least 1 character" in refused.text


@pytest.mark.engine
def test_names_are_known_inside_the_network_only(stack: Stack) -> None:
    ask = "import urllib.request as r; print(r.urlopen('http://sveltekit_example:5173/health').read())"
    done = stack.inside("fastapi_example", "python", "-c", ask)
    assert '{"status":"ok"}' in done.stdout, done.stderr
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("fastapi_example", 8000)
    through = requests.get(f"{stack.web}/api/whoami", timeout=15).json()
    assert through == requests.get(f"{stack.api}/whoami", timeout=15).json()


@pytest.mark.engine
def test_nobody_is_root_and_nothing_litters_the_checkout(stack: Stack) -> None:
    for service in ("fastapi_example", "sveltekit_example"):
        assert stack.inside(service, "id", "-u").stdout.strip() == "1000"
    stack.add("written to the volume")
    here = {path.relative_to(stack.folder).as_posix() for path in stack.folder.rglob("*")}
    tracked = {path.relative_to(APPS).as_posix() for path in APPS.rglob("*")}
    # Docker makes the folders that volumes are mounted on; they stay empty.
    assert here - tracked <= {"sveltekit_example/node_modules", "sveltekit_example/.svelte-kit"}
    for name in ("node_modules", ".svelte-kit"):
        assert list((stack.folder / "sveltekit_example" / name).iterdir()) == []


@pytest.mark.engine
def test_all_that_it_makes_is_labelled(stack: Stack) -> None:
    """So that `capas clean` finds it."""
    ours = f"label=com.docker.compose.project={stack.project}"
    for kind in ("container", "network", "volume"):
        listed = [
            stack.engine.run(kind, "ls", "--quiet", "--filter", ours, *more).stdout.split()
            for more in ([], ["--filter", "label=capas"])
        ]
        assert listed[0]
        assert listed[0] == listed[1], kind
    for service in ("fastapi_example", "sveltekit_example"):
        image = stack.engine.run("image", "inspect", f"{stack.project}-{service}").stdout
        assert json.loads(image)[0]["Config"]["Labels"]["capas"] == service


# ---------------------------------------------------------------- edited


@pytest.mark.engine
def test_an_edit_of_the_api_is_seen_at_once(stack: Stack) -> None:
    main = stack.folder / "fastapi_example/main.py"
    before = main.read_text()
    main.write_text(before.replace("Notes API", "Edited API"))
    try:
        wait_until(
            lambda: "Edited API" in requests.get(stack.api, timeout=2).text,
            "the API runs the edited code",
            detail=stack.logs,
        )
    finally:
        main.write_text(before)
    wait_until(lambda: "Notes API" in requests.get(stack.api, timeout=2).text, "and back")


@pytest.mark.engine
def test_an_edit_of_the_web_app_is_seen_at_once(stack: Stack, visit: "Visit") -> None:
    """In the page that is open, without loading it again."""
    page = visit(stack.web)
    # Loaded once more: Vite may still have been preparing packages, and then reloads by itself.
    with page.expect_console_message(lambda message: "[vite] connected." in message.text):
        page.reload(wait_until="networkidle")
    page.evaluate("window.neverReloaded = true")
    source = stack.folder / "sveltekit_example/src/routes/+page.svelte"
    before = source.read_text()
    source.write_text(before.replace("<h1>Notes</h1>", "<h1>My notes</h1>"))
    try:
        page.get_by_role("heading", name="My notes").wait_for()
        assert page.evaluate("window.neverReloaded")
        assert "My notes" in requests.get(stack.web, timeout=15).text
    finally:
        source.write_text(before)
    page.get_by_role("heading", name="Notes", exact=True).wait_for()


# ---------------------------------------------------------------- in a browser


@pytest.mark.engine
def test_notes_in_a_browser(stack: Stack, visit: "Visit") -> None:
    page = visit(stack.web)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload(wait_until="networkidle")
    assert page.locator("html").get_attribute("lang") == "en"

    page.get_by_label("New note").fill("read the Dockerfile")
    page.get_by_role("button", name="Add").click()
    note = page.get_by_role("listitem").filter(has_text="read the Dockerfile")
    note.wait_for()
    assert page.get_by_label("New note").input_value() == ""

    box = note.get_by_role("checkbox", name="read the Dockerfile")
    assert box.get_attribute("aria-checked") == "false"
    box.click()
    page.get_by_text("0 of 1 to do").wait_for()
    assert box.get_attribute("aria-checked") == "true"
    assert requests.get(f"{stack.api}/notes", timeout=15).json()[0]["done"] is True

    note.get_by_role("button", name="Delete").click()
    page.get_by_text("No notes yet.").wait_for()
    assert requests.get(f"{stack.api}/notes", timeout=15).json() == []
    assert [url for url in asked if not url.startswith(stack.web)] == []


@pytest.mark.engine
def test_where_a_fetch_runs(stack: Stack, visit: "Visit") -> None:
    page = visit(f"{stack.web}/where")
    for card, ok, text in (
        ("#server", "true", '"hostname"'),
        ("#browser", "false", "Failed to fetch"),
        ("#proxy", "true", '"hostname"'),
    ):
        section = page.locator(f"{card}[data-ok={ok}]")
        section.wait_for()
        assert text in section.inner_text()


# ---------------------------------------------------------------- broken


@pytest.mark.engine
def test_without_the_api_the_page_is_there_and_says_so(stack: Stack, visit: "Visit") -> None:
    page = visit(stack.web)
    stack.compose("stop", "fastapi_example")
    try:
        answer = requests.get(stack.web, timeout=15)
        assert answer.status_code == 200
        assert "The API at http://fastapi_example:8000 cannot be reached." in answer.text
        assert requests.get(f"{stack.web}/health", timeout=15).ok
        assert requests.get(f"{stack.web}/api/whoami", timeout=15).status_code == 502

        page.get_by_label("New note").fill("not lost")
        page.get_by_role("button", name="Add").click()
        page.get_by_role("alert").filter(has_text="cannot be reached").wait_for()
        assert page.get_by_label("New note").input_value() == "not lost"
    finally:
        stack.up("fastapi_example")
    page.get_by_role("button", name="Add").click()
    page.get_by_role("listitem").filter(has_text="not lost").wait_for()


def seconds_to_stop(engine: Engine, container: str) -> float:
    """Return how long a stopped container took from the first signal to its end.

    By the engine's own clock and records: what else this machine does is not in it.
    """

    def instant(text: str) -> float:
        seconds, _point, rest = text.rstrip("Z").partition(".")
        return datetime.fromisoformat(f"{seconds}+00:00").timestamp() + float(f"0.{rest or 0}")

    with closing(engine.client()) as client:
        state = client.api.inspect_container(container)["State"]
        began, ended = instant(state["StartedAt"]), instant(state["FinishedAt"])
        signals = client.events(
            since=int(began),
            until=int(ended) + 1,
            filters={"container": container, "event": "kill"},
            decode=True,
        )
        # `since` counts whole seconds: in the first one there may be the stop before this start.
        first: float = min(at for signal in signals if (at := signal["timeNano"] / 1e9) >= began)
    return ended - first


@pytest.mark.engine
def test_the_stop_before_a_start_does_not_count(engine: Engine) -> None:
    """Stopped, started within the same second, stopped again: only the last stop is timed."""
    images.ensure(engine, ["busybox"])
    run = ("run", "--detach", "--label=capas", "busybox", "sleep", "60")
    container = engine.run(*run, check=True).stdout.strip()
    try:
        began = time.monotonic()
        engine.run("kill", container, check=True)
        engine.run("start", container, check=True)
        wait_until(lambda: time.monotonic() - began > 1.5, "the first kill is 1.5 s ago")
        engine.run("kill", container, check=True)
        assert seconds_to_stop(engine, container) < 1.5
    finally:
        engine.run("rm", "--force", container)


@pytest.mark.engine
def test_both_stop_at_once(stack: Stack, visit: "Visit") -> None:
    """In less than 2 s, with a page open and its connection for hot reload; 10 s is a kill."""
    page = visit(stack.web)
    seconds = {}
    for service in ("sveltekit_example", "fastapi_example"):
        container = stack.compose("ps", "--quiet", service).stdout.strip()
        stack.compose("stop", service)
        seconds[service] = seconds_to_stop(stack.engine, container)
    page.close()
    stack.up()
    print(seconds)
    assert max(seconds.values()) < 2, seconds


@pytest.mark.engine
def test_postgresql_by_profile(stack: Stack) -> None:
    images.ensure(stack.engine, ["postgres:17"])
    stack.up(profile="postgres", DATABASE_URL=POSTGRES)
    try:
        assert requests.get(f"{stack.api}/health", timeout=15).json()["database"] == "postgresql"
        note = stack.add("kept by PostgreSQL")
        page = requests.get(stack.web, timeout=15)
        assert "kept by PostgreSQL" in page.text

        stack.compose("stop", "postgres")
        for path in ("/health", "/notes"):
            answer = requests.get(stack.api + path, timeout=15)
            assert answer.status_code == 503
            assert answer.json() == {"detail": "The database does not answer."}
        assert "The database does not answer." in requests.get(stack.web, timeout=15).text

        stack.compose("start", "postgres")
        notes = wait_until(
            lambda: (answer := requests.get(f"{stack.api}/notes", timeout=15)).ok and answer.json(),
            "the API finds its database again",
            detail=stack.logs,
        )
        assert notes == [note]
    finally:
        stack.compose("--profile=postgres", "rm", "--stop", "--force", "--volumes", "postgres")
        stack.up()


# ---------------------------------------------------------------- for production


@pytest.mark.engine
def test_the_production_build(engine: Engine, running: Stack) -> None:
    tag = f"{running.project}-production"
    port = free_port()
    web = f"http://127.0.0.1:{port}"
    build = engine.run(
        *("build", "--file=Dockerfile.production", f"--tag={tag}"),
        *(f"--build-arg=TRUSTED_ORIGINS={web}", "."),
        cwd=running.folder / "sveltekit_example",
    )
    assert build.returncode == 0, build.stderr
    try:
        engine.run(
            *("run", "--detach", f"--name={tag}", f"--network={running.project}_app_network"),
            *(
                "--env=PUBLIC_API_URL=http://fastapi_example:8000",
                f"--publish=127.0.0.1:{port}:3000",
            ),
            tag,
            check=True,
        )
        wait_until(
            lambda: requests.get(f"{web}/health", timeout=2).ok,
            "the built web app answers",
            detail=lambda: engine.run("logs", tag).stderr,
        )
        note = {"text": "from production"}
        ours = requests.post(f"{web}/?/add", data=note, headers=HTML | {"Origin": web}, timeout=15)
        assert "from production" in ours.text
        elsewhere = HTML | {"Origin": "http://elsewhere.example"}
        assert (
            requests.post(f"{web}/?/add", data=note, headers=elsewhere, timeout=15).status_code
            == 403
        )

        size = [
            int(engine.run("image", "inspect", "--format={{.Size}}", image).stdout)
            for image in (tag, f"{running.project}-sveltekit_example")
        ]
        assert size[0] < size[1]

        engine.run("stop", tag, check=True)
        assert seconds_to_stop(engine, tag) < 2
    finally:
        engine.run("rm", "--force", "--volumes", tag)
        engine.run("image", "rm", "--force", tag)


@pytest.mark.engine
def test_the_production_image_of_the_api(engine: Engine) -> None:
    """Twice the same; neither root nor a writable file system; only what it needs."""
    images.wait(engine, ["python:3.13-slim"], print)
    name = f"capas-test-{uuid4().hex[:8]}"
    build = ("build", "--no-cache", "--file=Dockerfile.production", "--quiet")
    ids = [
        engine.run(
            *build,
            *("--build-arg=SOURCE_DATE_EPOCH=1700000000", f"--tag={name}:{n}", "."),
            cwd=APPS / "fastapi_example",
            check=True,
        ).stdout
        for n in (1, 2)
    ]
    try:
        assert ids[0] == ids[1]
        look = "import shutil; print([shutil.which(x) for x in ('pytest', 'pipenv')])"
        entry = ("run", "--rm", "--entrypoint=python", f"{name}:1", "-c")
        assert engine.run(*entry, look).stdout.strip() == "[None, None]"
        engine.run(
            *("run", "--detach", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL"),
            *("--tmpfs=/data:uid=1000", "--security-opt=no-new-privileges", f"--name={name}"),
            f"{name}:1",
            check=True,
        )
        health = ("inspect", "--format={{.State.Health.Status}}", name)
        wait_until(
            lambda: engine.run(*health).stdout.strip() == "healthy",
            "the API in its production image is healthy",
            detail=lambda: engine.run("logs", name).stderr,
        )
        assert engine.run("exec", name, "id", "-u").stdout.strip() == "1000"
        engine.run("stop", name, check=True)
        assert seconds_to_stop(engine, name) < 2
    finally:
        engine.run("rm", "--force", "--volumes", name)
        engine.run("image", "rm", "--force", f"{name}:1", f"{name}:2")
