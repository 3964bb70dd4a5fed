"""JupyterHub for a class: its configuration, and three students at once against a real engine."""

import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
import yaml
from traitlets.config.loader import Config, PyFileConfigLoader

from capas.engine import Engine
from capas.paths import ROOT
from capas.ports import free_port
from tests.waiting import wait_until

FOLDER = ROOT / "deploy/jupyterhub"
IMAGE = "busybox:1.37"
STUDENTS = ("ana", "luis", "sol")
PASSWORD = "una-clave-de-alumno"
GIBIBYTE = 2**30


def example() -> dict[str, str]:
    """Return .env.example's settings."""
    lines = (FOLDER / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def load(monkeypatch: pytest.MonkeyPatch, **settings: str) -> Config:
    """Return what jupyterhub_config.py sets, with .env.example's settings and these."""
    for name, value in {**example(), "PROJECT": "class", **settings}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.delitem(sys.modules, "rooms", raising=False)
    loaded: Config = PyFileConfigLoader("jupyterhub_config.py", path=str(FOLDER)).load_config()
    return loaded


def test_every_setting_of_compose_is_in_the_example() -> None:
    text = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
    named = set(re.findall(r"\$\{(\w+)", text)) - {"COMPOSE_PROJECT_NAME"}
    assert named == example().keys()
    assert {name for name, value in example().items() if not value} == {
        "ADMIN_PASSWORD",
        "PROXY_TOKEN",
    }, "no secret is given with the course"
    for name, value in example().items():
        assert f"${{{name}:?" in text or f"${{{name}:-{value}}}" in text, name


def test_one_jupyterhub_in_both_images() -> None:
    recipe = (FOLDER / "student.Dockerfile").read_text(encoding="utf-8")
    assert "--constraint /opt/hub.requirements.txt jupyterhub\n" in recipe
    assert "jupyterhub==" not in recipe
    sent = (FOLDER / "student.Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert "!deploy/jupyterhub/hub.requirements.txt" in sent


@pytest.mark.skipif(sys.platform == "win32", reason="JupyterHub runs on Linux and macOS")
def test_a_student_has_limits_and_no_privileges(monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(monkeypatch, MEMORY="768M", CPUS="0.5", PROCESSES="300")
    host = config.DockerSpawner.extra_host_config
    assert (config.Spawner.mem_limit, config.Spawner.cpu_limit) == ("768M", 0.5)
    assert host["pids_limit"] == 300
    assert host["security_opt"] == ["no-new-privileges"]
    assert (host["cap_drop"], host.get("cap_add")) == (["ALL"], None)
    assert config.NativeAuthenticator.open_signup is False


@pytest.mark.skipif(sys.platform == "win32", reason="JupyterHub runs on Linux and macOS")
def test_an_engine_of_ones_own_is_not_a_privileged_container(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = load(monkeypatch, ENGINE="rootless").DockerSpawner.extra_host_config
    assert "privileged" not in host
    assert (host["cap_drop"], host["cap_add"]) == (["ALL"], ["SETUID", "SETGID"])


@pytest.mark.skipif(sys.platform == "win32", reason="JupyterHub runs on Linux and macOS")
@pytest.mark.parametrize("wrong", [{"ENGINE": "host"}, {"INTERNET": "true"}])
def test_a_word_that_it_does_not_know_is_said(
    monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]
) -> None:
    with pytest.raises(SystemExit, match=rf"{next(iter(wrong))} in \.env is .* write"):
        load(monkeypatch, **wrong)


def free_range(engine: Engine) -> str:
    """Return addresses that the engine keeps apart: the course's own one, of its range only."""
    pools = engine.client().info().get("DefaultAddressPools") or []
    if not pools:
        return "10.214.0.0/20"
    pool = IPv4Network(pools[0]["Base"])
    *_, last = pool.subnets(new_prefix=max(pool.prefixlen, 20))
    return str(last)


class Class:
    """A hub in Docker Compose, and its students' browsers."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.project = f"capas-test-hub-{uuid4().hex[:8]}"
        self.port = free_port(18000)
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings = example() | {
            "ADMIN_PASSWORD": secrets.token_hex(12),
            "PROXY_TOKEN": secrets.token_hex(32),
            "LISTEN": f"127.0.0.1:{self.port}",
            "ENGINE": "rootless",
            "INTERNET": "yes",
            "MEMORY": "1G",
            "STUDENT_NETWORKS": free_range(engine),
            "DOCKER_SOCKET": engine.host.removeprefix("unix://"),
        }
        self.env = folder / "env"
        self.env.write_text("".join(f"{k}={v}\n" for k, v in self.settings.items()))

    def compose(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run docker compose with the class's project and settings."""
        done = self.engine.run(
            "compose",
            f"--project-name={self.project}",
            f"--env-file={self.env}",
            f"--file={FOLDER / 'compose.yaml'}",
            *command,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def left(self) -> list[str]:
        """Return the project's containers, networks and volumes that there are."""
        name = f"name={self.project}"
        return [
            line
            for what in (["ps", "-a"], ["network", "ls"], ["volume", "ls"])
            for line in self.engine.run(*what, "-q", "--filter", name).stdout.split()
        ]

    def inside(self, student: str, command: str) -> tuple[int, str]:
        """Run a shell command in a student's container; return its exit code and its words."""
        done = self.engine.run("exec", f"{self.project}-student-{student}", "bash", "-c", command)
        return done.returncode, done.stdout + done.stderr


class Browser(requests.Session):
    """One person at the hub."""

    def __init__(self, url: str, name: str) -> None:
        super().__init__()
        self.url, self.name = url, name

    def fill_in(self, page: str, **fields: str) -> requests.Response:
        """Send a page's form, as the browser does: with its token."""
        text = self.get(self.url + page, timeout=60).text
        token = re.search(r'name="_xsrf" value="([^"]+)"', text)
        assert token, text
        fields["_xsrf"] = token[1]
        return self.post(self.url + page, data=fields, timeout=60)

    def sign_up(self) -> None:
        answer = self.fill_in(
            "/hub/signup",
            username=self.name,
            signup_password=PASSWORD,
            signup_password_confirmation=PASSWORD,
        )
        assert answer.ok

    def log_in(self, password: str = PASSWORD) -> requests.Response:
        """Log in; that starts the server, too."""
        return self.fill_in("/hub/login", username=self.name, password=password)

    def api(self, method: str, path: str) -> requests.Response:
        token = next(c.value or "" for c in self.cookies if (c.name, c.path) == ("_xsrf", "/hub/"))
        headers = {"X-XSRFToken": token, "Referer": f"{self.url}/hub/home"}
        return self.request(method, f"{self.url}/hub/api{path}", headers=headers, timeout=60)

    def server(self) -> dict[str, Any] | None:
        """Return what the hub says of this person's server, or None."""
        of: dict[str, Any] = self.api("GET", f"/users/{self.name}").json()
        found: dict[str, Any] | None = of["servers"].get("")
        return found

    def wait_for_server(self) -> None:
        wait_until(lambda: (self.server() or {}).get("ready"), f"{self.name}'s server", 180)

    def page(self, path: str, of: str = "") -> requests.Response:
        return self.get(f"{self.url}/user/{of or self.name}{path}", timeout=60)


@pytest.fixture
def room(engine: Engine, tmp_path: Path) -> Iterator[Class]:
    """A hub that answers; nothing of it stays."""
    made = Class(engine, tmp_path)
    try:
        made.compose("up", "--build", "--detach", "--wait")
        yield made
    finally:
        made.compose("up", "--detach", "--no-recreate", "hub")
        made.compose("exec", "hub", "python3", "/srv/rooms.py", "remove", "--work")
        made.compose("down", "--volumes", "--rmi=all")
    assert made.left() == []


@pytest.mark.engine
def test_compose_reads_it(engine: Engine, tmp_path: Path) -> None:
    room = Class(engine, tmp_path)
    services = yaml.safe_load(room.compose("config").stdout)["services"]
    sockets = [
        name
        for name, service in services.items()
        for volume in service.get("volumes", [])
        if volume["source"] == room.settings["DOCKER_SOCKET"]
    ]
    assert sockets == ["hub"], "only the hub has the machine's engine"
    assert [name for name, service in services.items() if service.get("ports")] == ["proxy"]


@pytest.mark.engine
@pytest.mark.slow
def test_a_class_of_three_at_once(room: Class) -> None:
    """From the first sign-up to the last volume; 160 s, and 5 min more to build the images."""
    students = [Browser(room.url, name) for name in STUDENTS]
    ana, luis, _sol = students
    for student in students:
        student.sign_up()
    stranger = Browser(room.url, "lecturer")
    stranger.sign_up()  # by the lecturer's name: it is taken
    stranger.log_in()
    assert stranger.get(f"{room.url}/hub/api/user", timeout=60).status_code == 403
    ana.log_in()
    assert ana.get(f"{room.url}/hub/home", timeout=60).url.startswith(f"{room.url}/hub/login")

    lecturer = Browser(room.url, "lecturer")
    lecturer.log_in(room.settings["ADMIN_PASSWORD"])
    for name in STUDENTS:
        assert lecturer.get(f"{room.url}/hub/authorize/{name}", timeout=60).ok

    def arrive(student: Browser) -> None:
        student.log_in()
        student.wait_for_server()
        opened = student.page("/lab")
        assert opened.url.endswith(f"/user/{student.name}/lab")
        assert '"name": "capas"' in opened.text, "the front page's extension"
        assert student.page("/capas/api/contents").ok

    with ThreadPoolExecutor() as together:
        list(together.map(arrive, students))

    # Each has his own files, and nobody another's: over HTTP, by the network, on disk.
    for name in STUDENTS:
        assert room.inside(name, f"echo {name} > ~/capas/mine.txt")[0] == 0
    assert ana.page("/files/mine.txt").text == "ana\n"
    assert ana.page("/files/mine.txt", of="luis").status_code == 403
    _, addresses = room.inside("luis", "hostname -I")
    assert len(addresses.split()) == 2, "one for hub and proxy, one for the internet"
    for address in addresses.split():
        knock = f"curl -sS --max-time 3 http://{address}:8888/user/luis/api"
        assert room.inside("luis", knock)[0] == 0
        assert room.inside("ana", knock)[0] != 0
    assert room.inside("ana", "curl -sS --max-time 5 http://hub:8081/hub/health")[0] == 0

    # The limits are the kernel's, not only a wish.
    client = room.engine.client()
    host = client.containers.get(f"{room.project}-student-ana").attrs["HostConfig"]
    assert (host["Memory"], host["PidsLimit"], host["CpuQuota"]) == (GIBIBYTE, 512, 100_000)
    assert not host["Privileged"]
    _, limits = room.inside(
        "ana",
        "cd /sys/fs/cgroup; cat memory.max pids.max memory/memory.limit_in_bytes pids/pids.max",
    )
    assert {str(GIBIBYTE), "512"} <= set(limits.split())
    assert room.inside("ana", "python3 -c 'bytearray(1500 * 2**20)'")[0] == 137

    # An engine each: it runs, it builds, its ports and folders are the student's.
    docker = "export DOCKER_HOST=unix:///tmp/runtime/docker.sock; docker "
    wait_until(lambda: room.inside("ana", docker + "info")[0] == 0, "ana's engine", 60)
    saved = room.engine.run("save", IMAGE, text=False, check=True).stdout
    room.engine.run(
        *("exec", "-i", f"{room.project}-student-ana", "bash", "-c", docker + "load"),
        input=saved,
        text=False,
        check=True,
    )
    served = f'{docker} run -d -p 8080:80 -v "$HOME/capas:/www" {IMAGE} httpd -f -h /www'
    assert room.inside("ana", served)[0] == 0
    fetch = "curl -sS localhost:8080/mine.txt"
    wait_until(lambda: room.inside("ana", fetch) == (0, "ana\n"), "ana's container")
    build = f'printf "FROM {IMAGE}\\nRUN echo built > /it\\n" | docker build -q -t built -'
    assert room.inside("ana", docker + f"version >/dev/null; {build}")[0] == 0
    wait_until(lambda: room.inside("luis", docker + "info")[0] == 0, "luis's engine", 60)
    assert room.inside("luis", docker + "images -q") == (0, ""), "luis has none of ana's images"
    assert "denied" in room.inside("ana", f"{docker} run -v /:/m {IMAGE} cat /m/etc/shadow")[1]

    # The hub is made anew: servers go on, and those who were logged in still are.
    before = client.containers.get(f"{room.project}-student-luis").id
    room.compose("up", "--detach", "--wait", "--force-recreate", "hub")
    assert luis.page("/files/mine.txt").text == "luis\n"
    assert client.containers.get(f"{room.project}-student-luis").id == before
    assert room.inside("luis", "curl -sS --max-time 5 http://hub:8081/hub/health")[0] == 0

    # A server stops and starts again: the work is there, and the images.
    assert ana.api("DELETE", "/users/ana/server").ok
    wait_until(lambda: ana.server() is None, "ana's server stops", 60)
    networks = room.engine.run("network", "ls", "--format={{.Name}}").stdout.split()
    assert not {f"{room.project}-{of}-ana" for of in ("room", "out")} & set(networks)
    assert ana.api("POST", "/users/ana/server").ok
    ana.wait_for_server()
    assert ana.page("/files/mine.txt").text == "ana\n"
    wait_until(lambda: room.inside("ana", docker + "image inspect built")[0] == 0, "images", 60)
