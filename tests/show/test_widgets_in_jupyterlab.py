"""Every widget in the JupyterLab that ``capas lab`` starts, worked by mouse and by keyboard.

All of them stand in one notebook, which is run once. What a click does is asked where it must
have an effect: on the screen, in the kernel, and of the engine.
"""

import contextlib
import json
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import docker.errors
import nbformat.v4 as nb
import pytest

from capas import paths
from capas.engine import Engine
from tests import waiting
from tests.jupyterlab import SIZES, Show, errors, run_all, to_cell, value, violations

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytest_plugins = ["tests.jupyterlab"]
pytestmark = pytest.mark.engine

PROJECT = f"capas-widgets-{secrets.token_hex(3)}"

BEGIN = f"""\
import os, subprocess, tempfile
from pathlib import Path
import capas
from capas import show
from capas.engine import images
images.wait(capas.notebook._connected, ["busybox"], print)
os.chdir(tempfile.mkdtemp())
Path("logs").mkdir()
for name in ("app.py", "secret.key", "logs/a.log", "logs/b.txt"):
    Path(name).write_text(name)
Path(".dockerignore").write_text("*.key\\n")
Path("compose.yaml").write_text('''
name: {PROJECT}
x-base: &base {{image: busybox, labels: {{capas: test}}, stop_signal: SIGKILL}}
services:
  first: {{<<: *base, command: "sh -c 'echo up; sleep 1d'"}}
  second: {{<<: *base, command: sleep 1d, depends_on: [first]}}
networks: {{default: {{labels: {{capas: test}}}}}}
''')
class Shell:
    "Stands for a guest: what is typed runs in a shell of this machine."
    running = True
    def run(self, command, seconds=10):
        done = subprocess.run(["sh", "-c", command], text=True, capture_output=True)
        return (done.stdout + done.stderr).strip()
    def start(self):
        return self
"""
CELLS = {
    "quiz": 'w_quiz = show.quiz("06-dockerfile"); w_quiz',
    "cache": "w_cache = show.layer_cache(); w_cache",
    "context": 'w_context = show.context("."); w_context',
    "run": "w_run = show.run_command(); w_run",
    "life": "w_life = show.lifecycle(); w_life",
    "stacks": "w_stacks = show.stacks(); w_stacks",
    "startup": f"with show.startup('{PROJECT}') as w_startup:\n"
    "    subprocess.run(['docker', 'compose', 'up', '--detach'], check=True, capture_output=True)\n"
    "w_startup",
    "console": "w_console = show.console(Shell()); w_console",
    "dash": f"w_dash = show.dashboard('{PROJECT}'); w_dash",
}


@pytest.fixture(scope="module")
def page(show_for_all: Show, engine: Engine) -> "Iterator[Page]":
    """The notebook with all widgets, which has been run."""
    work = paths.ROOT / "work"  # JupyterLab shows what is in the repository
    was_there = work.exists()
    work.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="test-", dir=work))
    notebook = nb.new_notebook(
        cells=[nb.new_code_cell(source) for source in (BEGIN, *CELLS.values())],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    (folder / "widgets.ipynb").write_text(json.dumps(notebook))
    try:
        page = show_for_all((folder / "widgets.ipynb").relative_to(paths.ROOT).as_posix())
        page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for()
        assert errors(run_all(page)) == []
        yield page
    finally:
        # What is left when a test has failed; the kernel's own end removes the life-cycle's.
        label = f"com.docker.compose.project={PROJECT}"
        with contextlib.closing(engine.client()) as client:
            for container in client.containers.list(all=True, filters={"label": label}):
                container.remove(force=True)
            for network in client.networks.list(filters={"label": label}):
                network.remove()
        shutil.rmtree(folder)
        if not was_there:
            work.rmdir()


def wait_until(condition: Callable[[], bool], what: str, detail: Callable[[], str] = str) -> None:
    """Wait for a condition: as long as the page's own locators do, on a busy machine, too."""
    waiting.wait_until(condition, what, seconds=60, detail=detail)


def widget(page: "Page", name: str) -> "Locator":
    """A widget, in sight."""
    cell = to_cell(page, 1 + list(CELLS).index(name))
    found = cell.locator(f".capas-{'startup' if name == 'startup' else name}.capas")
    found.wait_for()
    return found


def until(page: "Page", expression: str, wanted: object) -> None:
    """Wait until an expression in the kernel has a value."""
    wait_until(
        lambda: value(page, expression) == wanted,
        f"{expression} == {wanted!r}",
        detail=lambda: repr(value(page, expression)),
    )


def focused(page: "Page") -> str:
    """The name of what has the focus, as a screen reader says it: label, or text."""
    return str(
        page.evaluate(
            "() => document.activeElement.getAttribute('aria-label')"
            " || document.activeElement.textContent"
        )
    )


def test_quiz(page: "Page") -> None:
    quiz = widget(page, "quiz")
    right = [
        next(n for n, option in enumerate(question["options"]) if option["right"])
        for question in value(page, "w_quiz.questions")
    ]
    options = value(page, "[[o['text'] for o in q['options']] for q in w_quiz.questions]")
    plain = [[text.replace("`", "") for text in texts] for texts in options]
    first, second = quiz.locator("fieldset").nth(0), quiz.locator("fieldset").nth(1)
    first.locator("label", has_text=plain[0][right[0]]).first.click()
    first.get_by_role("status").get_by_text("Right.").wait_for()
    until(page, "dict(w_quiz.answers)", {"0": right[0]})
    # One Tab leads to the next question; the arrows choose, and say at once what is wrong.
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    second.get_by_role("status").get_by_text("Right.").or_(
        second.get_by_role("status").get_by_text("Not so.")
    ).wait_for()
    said = []
    for _option in options[1]:
        page.keyboard.press("ArrowDown")
        said.append(second.get_by_role("status").inner_text().split(".")[0])
    assert sorted(set(said)) == ["Not so", "Right"]
    assert said.count("Right") == 1
    assert value(page, "len(w_quiz.answers)") == 2
    again = quiz.get_by_role("button", name="Start over")
    again.focus()
    page.keyboard.press("Enter")
    until(page, "dict(w_quiz.answers)", {})
    assert quiz.locator("input:checked").count() == 0


def test_layer_cache(page: "Page") -> None:
    cache = widget(page, "cache")
    rows = cache.get_by_role("listitem")
    states = "[step['state'] for step in w_cache.steps]"
    cache.get_by_label("main.py").check()
    until(page, "list(w_cache.changed)", ["main.py"])
    before = value(page, states)
    assert {"cached", "rebuilt"} <= set(before)
    for number, state in enumerate(before):
        cache.locator(f"li:nth-child({number + 1})[data-state={state}]").wait_for()
    cache.get_by_role("button", name="Build for real").click()
    cache.get_by_text("The engine did what was predicted.").wait_for(timeout=120_000)
    assert value(page, "list(w_cache.said)").count("CACHED") == before.count("cached")
    # By keyboard: Alt with an arrow moves a line, Enter takes what was typed.
    lines = value(page, "list(w_cache.lines)")
    cache.get_by_label("Line 2", exact=True).focus()
    page.keyboard.press("Alt+ArrowDown")
    until(page, "list(w_cache.lines)", [lines[0], lines[2], lines[1], *lines[3:]])
    assert focused(page) == "Line 3"
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("WORKDIR /dd")  # dd: deletes a cell, in command mode
    page.keyboard.press("Enter")
    until(page, "w_cache.lines[2]", "WORKDIR /dd")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert focused(page) == "Remove line 3"
    page.keyboard.press("Enter")
    until(page, "len(w_cache.lines)", len(lines) - 1)
    assert rows.count() == len(lines) - 1


def test_context(page: "Page") -> None:
    context = widget(page, "context")
    context.locator("summary", has_text="logs/").click()
    log = context.locator("li.plain", has_text="a.log")
    log.get_by_label("sent").wait_for()
    key = context.locator("li.plain", has_text="secret.key")
    assert "*.key" in key.inner_text()
    patterns = context.get_by_label("The lines of .dockerignore")
    patterns.click()
    page.keyboard.press("ControlOrMeta+End")
    page.keyboard.type("**/*.log")
    log.get_by_label("kept out").wait_for()
    assert value(page, "Path('.dockerignore').read_text()") == "*.key\n"
    page.keyboard.press("Tab")
    assert focused(page) == "Ask the builder"
    page.keyboard.press("Enter")
    until(page, "(w_context.busy, bool(w_context.message), w_context.fault)", (False, True, ""))
    page.keyboard.press("Tab")
    assert focused(page) == "Save as .dockerignore"
    page.keyboard.press("Space")
    until(page, "Path('.dockerignore').read_text().strip()", "*.key\n**/*.log")
    # A folder is opened and closed by keyboard, too.
    context.locator("summary", has_text="logs/").focus()
    page.keyboard.press("Enter")
    log.wait_for(state="hidden")


def test_run_command(page: "Page") -> None:
    run = widget(page, "run")
    run.get_by_label("in the background").check()
    until(page, "'--detach' in w_run.command or ' -d' in w_run.command", True)
    run.get_by_label("name", exact=True).fill("web")
    until(page, "'--name web' in w_run.command", True)
    words = run.get_by_role("toolbar").get_by_role("button")
    run.get_by_role("toolbar").get_by_text("docker", exact=True).click()
    assert "docker itself" in run.locator(".meaning").inner_text()
    meanings = {run.locator(".meaning").inner_text()}
    for number in range(1, 4):
        page.keyboard.press("ArrowRight")
        assert focused(page) == words.nth(number).inner_text()
        meanings.add(run.locator(".meaning").inner_text())
    assert len(meanings) == 4
    page.keyboard.press("End")
    assert focused(page) == words.last.inner_text()
    own = run.get_by_label("Or type one, and have it explained")
    own.focus()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("docker run --rm --nonsense busybox id")
    run.get_by_role("toolbar").locator("[data-part=wrong]", has_text="--nonsense").wait_for()
    until(page, "w_run.command", "docker run --rm --nonsense busybox id")


def test_lifecycle(page: "Page", engine: Engine) -> None:
    life = widget(page, "life")
    name = value(page, "w_life.name")
    client = engine.client()

    def state() -> str:
        try:
            return str(client.containers.get(name).status)
        except docker.errors.NotFound:
            return "absent"

    assert state() == "absent"
    life.get_by_role("button", name="create", exact=True).click()
    wait_until(lambda: state() == "created", "created")
    life.locator(".node.created.current").wait_for()
    life.get_by_role("button", name="start", exact=True).focus()
    assert "docker start" in life.locator(".preview").inner_text()
    page.keyboard.press("Enter")
    wait_until(lambda: state() == "running", "running")
    life.locator(".node.running.current").wait_for()
    page.keyboard.press("Tab")
    assert focused(page) == "pause"
    page.keyboard.press("Space")
    wait_until(lambda: state() == "paused", "paused")
    # The arrows of the diagram that lead on from here can be pressed.
    life.locator(".node.paused.current").wait_for()
    life.locator(".edge.now", has_text="unpause").locator("text").click()
    wait_until(lambda: state() == "running", "running again")
    life.get_by_role("button", name="ends: exit 3").click()
    wait_until(lambda: state() == "exited", "exited")
    life.get_by_role("status").get_by_text("exit code 3").wait_for()
    life.get_by_role("button", name="rm -f").click()
    wait_until(lambda: state() == "absent", "gone")
    ran = "$ " + value(page, "w_life.commands['rm -f']")
    wait_until(lambda: ran in life.get_by_role("log").inner_text(), ran)
    client.close()


def test_stacks(page: "Page") -> None:
    stacks = widget(page, "stacks")
    vm = stacks.get_by_role("group", name="Virtual machines")
    layer = vm.locator("[data-layer=hypervisor]")
    layer.click()
    until(page, "w_stacks.away", "hypervisor")
    vm.locator("[data-layer=hypervisor][aria-pressed=true]").wait_for()
    assert "taken away" in focused(page)  # drawn anew, the focus has stayed
    page.keyboard.press("Enter")
    until(page, "w_stacks.away", "")
    stacks.get_by_label("Host").select_option("other")
    until(page, "w_stacks.host", "other")
    stacks.get_by_label("Apps").focus()
    kernels = stacks.get_by_role("row", name="Kernels that run")
    before = kernels.inner_text()
    page.keyboard.press("ArrowDown")
    until(page, "w_stacks.apps", 4)
    wait_until(lambda: kernels.inner_text() != before, "more kernels")
    stacks.get_by_label("one base image for all").focus()
    shared = value(page, "w_stacks.shared")
    page.keyboard.press("Space")
    until(page, "w_stacks.shared", not shared)


def test_start_order(page: "Page") -> None:
    startup = widget(page, "startup")
    told = startup.locator(".now")
    events = value(page, "[(e['lane'], e['what']) for e in w_startup.events]")
    assert [event for event in events if event[1] == "started"] == [
        ("first", "started"),
        ("second", "started"),
    ]
    slider = startup.get_by_label("Event", exact=True)
    slider.focus()
    page.keyboard.press("Home")
    told.get_by_text("before the first event").wait_for()
    for lane, what in events:
        page.keyboard.press("ArrowRight")
        told.get_by_text(f"{lane} {what}").wait_for()
    startup.get_by_role("button", name="One event back").click()
    lane, what = events[-2]
    told.get_by_text(f"{lane} {what}").wait_for()
    startup.get_by_role("button", name="Play").click()
    startup.get_by_role("button", name="Pause").or_(
        startup.get_by_role("button", name="Play")
    ).wait_for()
    lane, what = events[-1]
    told.get_by_text(f"{lane} {what}").wait_for(timeout=15_000)
    startup.get_by_role("button", name="Play").wait_for(timeout=15_000)


def test_guest_console(page: "Page") -> None:
    console = widget(page, "console")
    line = console.get_by_label("command for the guest")
    line.click()
    page.keyboard.type("echo dd")
    page.keyboard.press("Enter")
    screen = console.get_by_role("log")
    screen.get_by_text("dd", exact=True).wait_for()
    until(page, "w_console.busy", False)
    page.keyboard.press("ArrowUp")
    assert line.input_value() == "echo dd"
    page.keyboard.type("ing")
    console.get_by_role("button", name="Run").click()
    screen.get_by_text("dding", exact=True).wait_for()
    until(page, "w_console.busy", False)
    console.get_by_role("button", name="Clear").focus()
    page.keyboard.press("Space")
    until(page, "list(w_console.entries)", [])
    assert value(page, "len(In)") > 0  # nothing that was typed has deleted a cell or stopped it


def test_dashboard(page: "Page", engine: Engine) -> None:
    dash = widget(page, "dash")
    client = engine.client()
    first = client.containers.get(f"{PROJECT}-first-1")

    def status() -> str:
        first.reload()
        return str(first.status)

    row = dash.get_by_role("row", name=first.name)
    row.get_by_role("button", name=first.name, exact=True).click()
    dash.get_by_label(f"Log of {first.name}").get_by_text("up").wait_for()
    row.get_by_role("button", name=re.compile(f"^pause {first.name}")).click()
    wait_until(lambda: status() == "paused", "paused")
    row.get_by_text("paused").wait_for()
    page.mouse.move(1, 1)  # what is pointed at tells its command, too
    dash.get_by_label("Names that begin with").focus()
    unpause = row.get_by_role("button", name=f"unpause {first.name}")
    unpause.focus()
    assert f"docker unpause {first.name}" in dash.locator(".said").inner_text()
    page.keyboard.press("Enter")
    wait_until(lambda: status() == "running", "running")
    dash.get_by_label("What has been run").get_by_text(f"docker unpause {first.name}").wait_for()
    dash.get_by_role("tab", name="Containers").focus()
    page.keyboard.press("ArrowRight")
    assert focused(page).startswith("Images")
    dash.get_by_role("tab", name="Images", selected=True).wait_for()
    dash.get_by_role("tab", name="Networks").click()
    dash.get_by_role("tabpanel").get_by_role("row", name=f"{PROJECT}_default").wait_for()
    dash.get_by_role("tab", name="Containers").click()
    # Removing asks once more; what is removed is gone.
    remove = row.get_by_role("button", name=f"remove {first.name}")
    remove.focus()
    page.keyboard.press("Enter")
    row.get_by_text("Remove for good?").wait_for()
    assert status() == "running"
    page.keyboard.press("Enter")
    row.wait_for(state="detached")
    with pytest.raises(docker.errors.NotFound):
        first.reload()
    client.close()


@pytest.mark.parametrize(("theme", "size"), [("light", "small"), ("dark", "large")])
def test_all_can_be_read(
    page: "Page", theme: str, size: str, seen: Callable[["Page", str], None]
) -> None:
    """In both themes and sizes: no fault of accessibility, nothing cut off at the side."""
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.locator(f"body[data-jp-theme-light={str(theme == 'light').lower()}]").wait_for(
        state="attached"
    )
    found = {}
    for name in CELLS:
        shown = widget(page, name)
        seen(page, f"widget-{name}-{theme}-{size}")
        faults = violations(page, f".capas-{name}.capas")
        if shown.evaluate("shown => shown.scrollWidth > shown.clientWidth + 1"):
            faults.append("wider than its place")
        if faults:
            found[name] = faults
    assert found == {}
