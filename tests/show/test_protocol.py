"""Widgets on the wire: what a front end other than JupyterLab (VS Code, say) gets from a kernel.

No front end runs here. A client that knows only the Jupyter protocol
(https://jupyter-client.readthedocs.io/en/stable/messaging.html) and that of its widgets
(https://github.com/jupyter-widgets/ipywidgets/blob/main/packages/schema/messages.md) reads
the messages, and answers as a front end does.
"""

from collections.abc import Iterator
from queue import Empty
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from capas import show
from capas.paths import ROOT
from capas.show.widget import Widget

SECONDS = 60
VIEW = "application/vnd.jupyter.widget-view+json"
EACH = {
    "Console": "show.console(SimpleNamespace(running=False))",
    "Context": "show.context('sample_apps/fastapi_example')",
    "Dashboard": "show.dashboard(only='capas-nothing-')",
    "LayerCache": "show.layer_cache()",
    "Lifecycle": "show.lifecycle()",
    "Quiz": "show.quiz('06-dockerfile')",
    "RunCommand": "show.run_command('docker run --rm busybox')",
    "Stacks": "show.stacks()",
    "Startup": "show.startup('capas-nothing')",
}
"""How a lesson shows each widget; none of them asks an engine for that."""


def _leaves(kind: type[Any]) -> Iterator[type[Any]]:
    for below in kind.__subclasses__():
        yield from _leaves(below)
        yield below


def test_every_widget_is_looked_at() -> None:
    assert "stacks" in show.__all__  # all of them have been imported
    assert {kind.__name__ for kind in _leaves(Widget) if "capas." in kind.__module__} == set(EACH)


@pytest.fixture(scope="module")
def kernel() -> Iterator[BlockingKernelClient]:
    manager, client = start_new_kernel(startup_timeout=SECONDS, cwd=str(ROOT))
    try:
        run(client, "from types import SimpleNamespace; from capas import show")
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def until_idle(kernel: BlockingKernelClient, message_id: str) -> list[dict[str, Any]]:
    """Return what the kernel publishes for a request."""
    messages: list[dict[str, Any]] = []
    while True:
        try:
            message: dict[str, Any] = kernel.get_iopub_msg(timeout=SECONDS)
        except Empty:
            pytest.fail(f"the kernel says nothing more; before: {messages}")
        if message["parent_header"].get("msg_id") != message_id:
            continue
        if message["msg_type"] == "error":
            pytest.fail("\n".join(message["content"]["traceback"]))
        if message["content"].get("execution_state") == "idle":
            return messages
        messages.append(message)


def run(kernel: BlockingKernelClient, code: str) -> list[dict[str, Any]]:
    return until_idle(kernel, kernel.execute(code))


def tell(kernel: BlockingKernelClient, comm: str, **data: Any) -> list[dict[str, Any]]:
    """Send a widget what its JavaScript would send; return what comes back to it."""
    message = kernel.session.msg("comm_msg", {"comm_id": comm, "data": data})
    kernel.shell_channel.send(message)
    answers = until_idle(kernel, message["header"]["msg_id"])
    return [a["content"]["data"] for a in answers if a["msg_type"] == "comm_msg"]


@pytest.mark.parametrize("name", EACH)
def test_a_front_end_gets_all_that_it_needs(kernel: BlockingKernelClient, name: str) -> None:
    messages = run(kernel, EACH[name])
    (shown,) = (m["content"]["data"] for m in messages if m["msg_type"] == "execute_result")
    assert shown["text/plain"].strip()
    assert shown["text/html"].strip()
    opened = {
        m["content"]["comm_id"]: m
        for m in messages
        if m["msg_type"] == "comm_open" and m["content"]["target_name"] == "jupyter.widget"
    }
    message = opened[shown[VIEW]["model_id"]]
    assert message["metadata"]["version"].startswith("2.")
    state = message["content"]["data"]["state"]
    # anywidget's front end, which VS Code fetches by this name, runs the module of the message.
    assert (state["_model_module"], state["_model_name"]) == ("anywidget", "AnyModel")
    assert (state["_view_module"], state["_view_name"]) == ("anywidget", "AnyView")
    assert state["_anywidget_id"].endswith(f".{name}")
    assert "export default" in state["_esm"]
    assert "import " not in state["_esm"].partition("\n")[0]  # all of it is in the message
    assert ".capas" in state["_css"]
    assert state["words"]
    # A front end that opens late, or again, asks for the state.
    (answer,) = tell(kernel, shown[VIEW]["model_id"], method="request_state")
    assert answer["state"]["_esm"] == state["_esm"]


def test_what_a_student_does_comes_back_as_new_state(kernel: BlockingKernelClient) -> None:
    messages = run(kernel, "stacks = show.stacks(); stacks")
    (shown,) = (m["content"]["data"] for m in messages if m["msg_type"] == "execute_result")
    comm = shown[VIEW]["model_id"]
    answers = tell(kernel, comm, method="update", state={"apps": 4}, buffer_paths=[])
    states = [answer["state"] for answer in answers if answer["method"] == "update"]
    assert any("view" in state for state in states), answers
    printed = run(kernel, "print(stacks.apps)")
    assert [m["content"]["text"] for m in printed if m["msg_type"] == "stream"] == ["4\n"]


def test_a_message_of_its_own(kernel: BlockingKernelClient) -> None:
    """What anywidget's `model.send` becomes."""
    messages = run(kernel, "console = show.console(SimpleNamespace(running=True)); console")
    (shown,) = (m["content"]["data"] for m in messages if m["msg_type"] == "execute_result")
    tell(kernel, shown[VIEW]["model_id"], method="custom", content={"look": True})
    printed = run(kernel, "print(console.running)")
    assert [m["content"]["text"] for m in printed if m["msg_type"] == "stream"] == ["True\n"]
