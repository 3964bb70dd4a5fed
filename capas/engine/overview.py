"""What an engine holds, as plain data, and what a person does to it: the core of the dashboard.

Everything here is asked of the Docker Engine API, as ``docker ps``, ``docker stats`` and the
like do. Whatever changes something is not: `Act.run` runs the very command that it shows.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import docker
from docker.errors import NotFound

from capas.engine import cli
from capas.engine.model import EngineError
from capas.language import _

Kind = Literal["containers", "images", "volumes", "networks"]
KINDS: tuple[Kind, ...] = ("containers", "images", "volumes", "networks")
Row = dict[str, Any]

LABEL = "capas"
"""What the course's own objects carry."""
BUILTIN = ("bridge", "host", "none")
"""The engine's own networks, which nobody can remove."""
ACT_SECONDS = 120

_COMMANDS: dict[Kind, dict[str, tuple[str, ...]]] = {
    "containers": {
        "start": ("start",),
        "stop": ("stop",),
        "restart": ("restart",),
        "pause": ("pause",),
        "unpause": ("unpause",),
        "remove": ("rm",),
        "remove-running": ("rm", "--force"),
    },
    "images": {"remove": ("image", "rm")},
    "volumes": {"remove": ("volume", "rm")},
    "networks": {"remove": ("network", "rm")},
}
_OFFERED = {
    "running": ("stop", "restart", "pause", "remove-running"),
    "paused": ("unpause", "stop", "restart", "remove-running"),
    "restarting": ("stop", "restart", "remove-running"),
    "created": ("start", "remove"),
    "exited": ("start", "remove"),
    "dead": ("remove",),
}


def snapshot(client: docker.DockerClient) -> dict[Kind, list[Row]]:
    """Return all that the engine holds: four requests, however many objects there are.

    Each row has ``id``, ``name``, ``ours`` (it carries the course's label), ``acts`` (what can
    be done: each with the command for it), and what its kind has beside.
    """
    containers = [_container(found) for found in client.api.containers(all=True)]
    images = [row for found in client.api.images() if (row := _image(found, containers))]
    volumes = [_volume(found, containers) for found in client.api.volumes()["Volumes"] or []]
    networks = [_network(found, containers) for found in client.api.networks()]
    rows: dict[Kind, list[Row]] = {
        "containers": containers,
        "images": images,
        "volumes": volumes,
        "networks": networks,
    }
    return {kind: sorted(found, key=lambda row: row["name"]) for kind, found in rows.items()}


def _container(found: dict[str, Any]) -> Row:
    name = str((found.get("Names") or ["/" + found["Id"][:12]])[0]).removeprefix("/")
    status = str(found.get("Status") or "")
    code = re.search(r"\((\d+)\)", status)
    health = re.search(r"\((?:health: )?(healthy|unhealthy|starting)\)", status)
    state = str(found.get("State") or "")
    ports = {
        f"{port['IP']}:{port['PublicPort']}→{port['PrivatePort']}"
        for port in found.get("Ports") or []
        if port.get("PublicPort")
    }
    networks = (found.get("NetworkSettings") or {}).get("Networks") or {}
    return {
        "id": found["Id"],
        "name": name,
        "image": found.get("Image", ""),
        "image_id": found.get("ImageID", ""),
        "state": state,
        # ``docker ps`` shows a code for these only; a running one's would be of its last life.
        "exit": int(code[1]) if code and state in ("exited", "restarting", "dead") else None,
        "health": health[1] if health else "",
        "ports": sorted(ports),
        "mounts": sorted(m.get("Name") or m.get("Source", "") for m in found.get("Mounts") or []),
        "networks": sorted(networks),
        "created": found.get("Created", 0),
        **_rest("containers", name, found, _OFFERED.get(state, ())),
    }


def _image(found: dict[str, Any], containers: list[Row]) -> Row | None:
    tags = [tag for tag in found.get("RepoTags") or [] if tag != "<none>:<none>"]
    name = tags[0] if tags else str(found["Id"]).removeprefix("sha256:")[:12]
    return {
        "id": found["Id"],
        "name": name,
        "tags": tags[1:],
        "size": found.get("Size", 0),
        "created": found.get("Created", 0),
        "used": [row["name"] for row in containers if row["image_id"] == found["Id"]],
        **_rest("images", name, found, ("remove",)),
    }


def _volume(found: dict[str, Any], containers: list[Row]) -> Row:
    name = str(found["Name"])
    return {
        "id": name,
        "name": name,
        "driver": found.get("Driver", ""),
        "used": [row["name"] for row in containers if name in row["mounts"]],
        **_rest("volumes", name, found, ("remove",)),
    }


def _network(found: dict[str, Any], containers: list[Row]) -> Row:
    name = str(found["Name"])
    acts = () if name in BUILTIN else ("remove",)
    return {
        "id": found["Id"],
        "name": name,
        "driver": found.get("Driver", ""),
        "subnet": [c.get("Subnet", "") for c in (found.get("IPAM") or {}).get("Config") or []],
        "used": [row["name"] for row in containers if name in row["networks"]],
        **_rest("networks", name, found, acts),
    }


def _rest(kind: Kind, name: str, found: dict[str, Any], acts: tuple[str, ...]) -> Row:
    commands = [{"act": act, "command": command(kind, act, name)} for act in acts]
    return {"ours": is_ours(found), "acts": commands}


def is_ours(found: Mapping[str, Any]) -> bool:
    """Say whether what the API tells of an object has the course's label."""
    labels = found.get("Labels") or (found.get("Config") or {}).get("Labels") or {}
    return LABEL in labels


def command(kind: Kind, act: str, name: str) -> str:
    """Return the command that does `act` to the object called `name`, as a person types it."""
    return shlex.join(["docker", *_COMMANDS[kind][act], name])


# --- measured -----------------------------------------------------------------------------------


def cpu_percent(now: Mapping[str, Any], before: Mapping[str, Any] | None) -> float | None:
    """Return what ``docker stats`` calls CPU %: 100 is one processor busy all the time.

    `now` and `before` are ``cpu_stats`` of two readings of one container. As in
    https://github.com/docker/cli/blob/master/cli/command/container/stats_helpers.go.
    """
    if not before:
        return None
    own = now["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
    whole = now.get("system_cpu_usage", 0) - before.get("system_cpu_usage", 0)
    processors = now.get("online_cpus") or len(now["cpu_usage"].get("percpu_usage") or []) or 1
    if own < 0 or whole <= 0:  # it was started anew in between
        return None
    return float(own / whole * processors * 100)


def memory_used(memory: Mapping[str, Any]) -> int:
    """Return the bytes that ``docker stats`` counts: without file pages that can be dropped."""
    usage = int(memory.get("usage", 0))
    stats = memory.get("stats") or {}
    for name in ("total_inactive_file", "inactive_file"):  # cgroup v1, v2
        if name in stats and stats[name] < usage:
            return usage - int(stats[name])
    return usage


def details(client: docker.DockerClient, container: str) -> list[tuple[str, str]]:
    """Return what ``docker inspect`` knows of a container, as far as a person asks for it.

    Raises `docker.errors.NotFound` when there is no such container.
    """
    found = client.api.inspect_container(container)
    state, config, host = found["State"], found["Config"], found["HostConfig"]
    policy = host.get("RestartPolicy") or {}
    memory = int(host.get("Memory") or 0)
    ports = [
        f"{end['HostIp']}:{end['HostPort']} → {inside}"
        for inside, ends in (found["NetworkSettings"].get("Ports") or {}).items()
        for end in ends or []
    ]
    mounts = [
        f"{m.get('Name') or m.get('Source')} → {m['Destination']}" for m in found["Mounts"] or []
    ]
    words = [*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])]
    return [
        (_("command"), " ".join(words)),
        (_("image"), config.get("Image", "")),
        (_("state"), state["Status"]),
        (_("exit code"), str(state.get("ExitCode", ""))),
        (_("killed for memory"), _("yes") if state.get("OOMKilled") else _("no")),
        (_("restarts"), str(found.get("RestartCount", 0))),
        (_("restart policy"), policy.get("Name") or "no"),
        (_("memory limit"), f"{memory / 2**20:g} MiB" if memory else _("none")),
        (_("ports"), ", ".join(ports) or "–"),
        (_("mounts"), ", ".join(mounts) or "–"),
        (_("networks"), ", ".join(found["NetworkSettings"].get("Networks") or {}) or "–"),
    ]


# --- done ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Act:
    """Something to be done to an object: allowed, and with its command."""

    command: str

    def run(self, environment: Mapping[str, str] | None = None) -> str:
        """Run the command; return what docker complained of, or nothing when all went well."""
        env = {**os.environ, **(environment or {})}
        words = shlex.split(self.command)
        try:
            done = subprocess.run(
                [cli.docker(env.get("PATH", os.defpath)), *words[1:]],
                env=env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=ACT_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        complaint = done.stderr.strip() or f"exit code {done.returncode}"
        return complaint if done.returncode else ""


def allow(client: docker.DockerClient, kind: str, act: str, name: str, others: bool = False) -> Act:
    """Return what does `act`, after a look at the object's labels in the engine itself.

    Raises `EngineError`, one sentence: there is no such object, or it is not the course's own
    and `others` has not been switched on.
    """
    if kind not in KINDS or act not in _COMMANDS[kind]:
        raise EngineError(_("There is no such action: {act}.").format(act=act))
    try:
        found = _inspect(client, kind, name)
    except NotFound:
        raise EngineError(_("“{name}” is not there any more.").format(name=name)) from None
    if not (others or is_ours(found)):
        raise EngineError(
            _("“{name}” is not the course's own: nothing was done.").format(name=name)
        )
    return Act(command(kind, act, name))


def _inspect(client: docker.DockerClient, kind: Kind, name: str) -> dict[str, Any]:
    look = getattr(client.api, f"inspect_{kind.removesuffix('s')}")
    return dict(look(name))
