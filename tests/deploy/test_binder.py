"""Binder: its steps, in a container like its pods: an ordinary user without privileges."""

from uuid import uuid4

import pytest

from capas.engine import Engine
from capas.paths import ROOT
from tests.deploy.checkout import archive

FOLDER = ROOT / ".binder"

ANSWERS = """
import json, time, urllib.request
status = "http://127.0.0.1:8888/api/status?token=x"
end = time.monotonic() + 90
while True:
    try:
        with urllib.request.urlopen(status, timeout=5) as answer:
            print("lab:", json.load(answer)["kernels"])
        break
    except OSError:
        assert time.monotonic() < end, "no JupyterLab"
        time.sleep(0.2)
"""
LESSON = """
import nbformat, nbclient
notebook = nbformat.read("notebooks/en/00-start-here.ipynb", 4)
where = {"metadata": {"path": "notebooks/en"}}
nbclient.NotebookClient(notebook, timeout=120, resources=where).execute()
print([o.get("text") for cell in notebook.cells for o in cell.get("outputs", [])])
"""


def test_binder_takes_no_other_recipe() -> None:
    """A Dockerfile, or a configuration in the root, would come first."""
    for name in ("Dockerfile", "environment.yml", "binder"):
        assert not (ROOT / name).exists()
    assert "-r ../requirements.txt" in (FOLDER / "requirements.txt").read_text()
    for script in ("postBuild", "start"):
        assert (FOLDER / script).read_text().startswith("#!")


@pytest.mark.engine
def test_the_course_opens_where_no_engine_can_run(engine: Engine) -> None:
    client = engine.client(timeout=240)
    python = "/tmp/notebook"
    made = client.containers.create(
        "python:3.13-slim",
        ["sleep", "600"],
        name=f"capas-test-binder-{uuid4().hex[:8]}",
        labels={"capas": "test"},
        environment={
            "HOME": "/tmp/jovyan",
            "NB_PYTHON_PREFIX": python,
            "PATH": f"{python}/bin:/usr/local/bin:/usr/bin:/bin",
            "CAPAS_LANG": "en",
        },
        user="1000",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        init=True,
    )

    def run(*command: str, code: int = 0) -> str:
        # As Binder does: a script counts as one whatever its permissions are in git.
        got, output = made.exec_run(list(command), workdir="/tmp/jovyan", user="1000")
        assert isinstance(output, bytes)
        said = output.decode()
        assert got == code, said
        assert "Traceback" not in said
        return said

    try:
        made.start()
        assert made.exec_run(["mkdir", "/tmp/jovyan"])[0] == 0
        assert made.put_archive("/tmp/jovyan", archive())
        run("python3", "-m", "venv", "--without-pip", python)
        # A virtual machine's parts are 60 MB: here they cannot be kept, and the rest goes on.
        run("sh", "-c", "mkdir -p .local/share/capas && touch .local/share/capas/vm")
        assert "Without virtual machines" in run("bash", ".binder/postBuild")
        assert run("sh", "-c", "cd / && python -c 'import capas; print(capas.__file__)'") == (
            "/tmp/jovyan/capas/__init__.py\n"
        )
        told = run("capas", "doctor", code=1)
        assert "The course cannot run here yet" in told
        assert "no sudo here" in " ".join(told.split())
        lab = ["jupyter", "lab", "--no-browser", "--ServerApp.token=x"]
        made.exec_run(["bash", ".binder/start", *lab], workdir="/tmp/jovyan", detach=True)
        assert run("python3", "-c", ANSWERS) == "lab: 0\n"
        said = run("env", "CAPAS_LAB=1", "python3", "-c", LESSON)
        assert "No Docker Engine answers" in said
    finally:
        made.remove(force=True)
