"""Exercise 15: a database, its migrations and an app, as one Compose project."""

import re

from capas.exercises import Answer, Bench, Container, Image, NotYet, Stack, Wrong
from capas.exercises.stack import FILES

PORT = 8080
SERVICES = ("db", "migrate", "app")
BEGUN = ["drill", "ladder", "soldering iron"]
NEW = "sewing machine"
DATA = "/var/lib/postgresql/data"
PATIENCE = 300
"""Seconds until all is ready: a database's first start is slow on a busy machine."""
KILLED = 137
"""Exit code of a program that SIGKILL has ended."""


def project(bench: Bench) -> Stack:
    stack = bench.stack()
    for name in SERVICES:
        stack.service(name)
    return stack


def running(bench: Bench) -> Stack:
    stack = bench.once(project)
    try:
        stack.up(patience=PATIENCE)
    except Wrong as wrong:
        if early := _early(stack):
            raise early from wrong
        raise
    return stack


def images(bench: Bench) -> list[Image]:
    """The images that the project builds, or takes."""
    stack = bench.once(running)
    made = {stack.container(name).attributes["Image"] for name in ("app", "migrate")}
    return [bench.image(image).read_ahead() for image in sorted(made)]


def again(bench: Bench) -> Stack:
    """After a new tool, `down` and `up`."""
    stack = bench.once(running)
    answer = _ask(stack, "/tools", method="POST", body={"name": NEW})
    if answer.status != 201:
        raise NotYet
    stack.down()
    stack.up(patience=PATIENCE)
    return stack


def starts(bench: Bench) -> None:
    stack = bench.once(running)
    if early := _early(stack):
        raise early
    for name in ("db", "app"):
        if stack.container(name).health == "none":
            raise Wrong("no-health-check", service=name)
    bench.once(images)
    for command in re.findall(r"pg_isready[^\n]*", _compose_file(bench)):
        if "-h" not in command:
            bench.advise("socket")


def answers(bench: Bench) -> None:
    stack = bench.once(running)
    answer = _ask(stack, "/tools")
    if answer.status != 200 or _names(answer) != BEGUN:
        raise NotYet


def survives(bench: Bench) -> None:
    mounted = _places(bench.once(running).container("db"))
    stack = bench.once(again)
    names = _names(_ask(stack, "/tools"))
    if NEW not in names:
        if mounted:
            raise Wrong("volume-elsewhere", place=mounted[0])
        raise Wrong("data-lost", tool=NEW)
    if names != [*BEGUN, NEW]:
        raise Wrong("migrated-twice", count=len(names), all=len(BEGUN) + 1)


def secret(bench: Bench) -> None:
    stack = bench.once(running)
    password = _password(stack.container("db"))
    if not password:
        raise Wrong("no-password")
    if len(password) < 8:
        raise Wrong("password-short", length=len(password))
    if password in _compose_file(bench):
        raise Wrong("password-in-compose")
    for image in bench.once(images):
        if any(password in text for text in (*image.environment.values(), *image.instructions)):
            raise Wrong("password-in-image", where="ENV / ARG")
        for file in image.files:
            if password.encode() in file.content:
                raise Wrong("password-in-image", where=file.path)


def private(bench: Bench) -> None:
    stack = bench.once(running)
    for name in stack.services:
        if name != "app" and stack.service(name).get("ports"):
            raise Wrong("database-published", service=name)
    for port in stack.service("app").get("ports") or []:
        if port.get("host_ip") not in ("127.0.0.1", "::1"):
            bench.advise("every-address")
    if stack.container("app").runs_as_root():
        raise Wrong("runs-as-root")


def stops(bench: Bench) -> None:
    app = bench.once(again).container("app")
    if app.stop().code == KILLED:
        raise Wrong("killed")


def _ask(stack: Stack, path: str, **more: object) -> Answer:
    return stack.ask_port(PORT, path, patience=60, **more)


def _names(answer: Answer) -> list[str]:
    found = answer.json()
    if not isinstance(found, list):
        raise NotYet
    return [tool.get("name") for tool in found if isinstance(tool, dict)]


def _early(stack: Stack) -> Wrong | None:
    """Return what was started before what it needs was ready, or nothing."""
    found = {name: next(iter(stack.containers(name)), None) for name in SERVICES}
    db, migrate, app = found["db"], found["migrate"], found["app"]
    if not (db and migrate):
        return None
    migrated = migrate.state
    wanted = (stack.service("migrate").get("depends_on") or {}).get("db") or {}
    failed = migrated["ExitCode"] != 0 or migrate.attributes["RestartCount"]
    if failed and wanted.get("condition") != "service_healthy" and db.running:
        return Wrong("migrate-too-early", line=migrate.last_line())
    if app and not _moment(app, "StartedAt").startswith("0001") and migrated["ExitCode"] == 0:
        too_early = migrated["Running"] or _moment(app, "StartedAt") < _moment(
            migrate, "FinishedAt"
        )
        if too_early or app.attributes["RestartCount"]:
            return Wrong("app-too-early", line=app.last_line())
    return None


def _moment(container: Container, which: str) -> str:
    """Return a time of a container's state so that times compare: the engine drops last zeros."""
    return str(container.state[which]).removesuffix("Z").ljust(29, "0")


def _places(db: Container) -> list[str]:
    """Return where the database has volumes with a name, or folders, that its data are not in."""
    return [
        mount["Destination"]
        for mount in db.attributes["Mounts"]
        if mount["Destination"] != DATA
        and not mount["Destination"].startswith(("/run/", "/docker-entrypoint"))
        and not re.fullmatch(r"[0-9a-f]{64}", str(mount.get("Name", "")))
    ]


def _password(db: Container) -> str:
    entries = (entry.partition("=") for entry in db.attributes["Config"]["Env"])
    variables = {name: value for name, _equals, value in entries}
    if file := variables.get("POSTGRES_PASSWORD_FILE"):
        code, text = db.run(["cat", file])
        return "" if code else text.strip()
    return variables.get("POSTGRES_PASSWORD", "")


def _compose_file(bench: Bench) -> str:
    return next((text for name in FILES if (text := bench.read(name))), "")
