"""What a Compose file may ask for when it is not ours: a list of what is allowed.

Read after ``docker compose config`` has resolved it, as
https://docs.docker.com/reference/compose-file/ names things. Everything else is refused, by name.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from capas.exercises.wrong import Wrong

SERVICE = {
    *("image", "build", "command", "entrypoint", "environment", "ports", "expose", "volumes"),
    *("networks", "depends_on", "healthcheck", "restart", "user", "working_dir", "read_only"),
    *("tmpfs", "cap_drop", "stop_signal", "stop_grace_period", "init", "labels", "profiles"),
    *("deploy", "mem_limit", "mem_reservation", "memswap_limit", "cpus", "cpu_shares"),
    *("pids_limit", "scale", "hostname", "container_name", "configs", "secrets", "develop"),
    *("logging", "ulimits", "tty", "stdin_open", "shm_size", "platform", "pull_policy"),
    *("security_opt", "attach", "annotations", "env_file", "links"),
}
BUILD = {"context", "dockerfile", "dockerfile_inline", "args", "target", "labels", "tags", "pull"}
TOP = {"name", "version", "services", "networks", "volumes", "secrets", "configs"}


def refuse(config: Mapping[str, Any], folder: Path) -> None:
    """Raise `Wrong` ("refused") for the first thing that a check does not run.

    `folder`: whose files may be mounted and read.
    """
    for key in config:
        if key not in TOP and not key.startswith("x-"):
            _refused(key)
    for name, service in config.get("services", {}).items():
        _service(name, service, folder)
    for name, volume in config.get("volumes", {}).items():
        if set(volume or {}) - {"name", "labels", "driver"} or _driver(volume, "local"):
            _refused(f"volumes: {name}")
    for name, network in config.get("networks", {}).items():
        allowed = {"name", "labels", "driver", "internal", "ipam", "attachable"}
        if set(network or {}) - allowed or _driver(network, "bridge"):
            _refused(f"networks: {name}")
    for kind in ("secrets", "configs"):
        for name, entry in config.get(kind, {}).items():
            if set(entry) - {"name", "file", "content", "environment"}:
                _refused(f"{kind}: {name}")
            if "file" in entry:
                _inside(entry["file"], folder, f"{kind}: {name}")


def _service(name: str, service: Mapping[str, Any], folder: Path) -> None:
    for key, value in service.items():
        if key not in SERVICE and not key.startswith("x-") and value not in (None, [], {}, False):
            _refused(f"{name}: {key}")
    for option in service.get("security_opt") or []:
        if option.replace("=", ":") not in ("no-new-privileges", "no-new-privileges:true"):
            _refused(f"{name}: security_opt {option}")
    resources = (service.get("deploy") or {}).get("resources") or {}
    if any("devices" in (part or {}) for part in resources.values()):
        _refused(f"{name}: devices")
    if build := service.get("build"):
        for key in build:
            if key not in BUILD:
                _refused(f"{name}: build {key}")
        _inside(build.get("context", "."), folder, f"{name}: build context")
    for volume in service.get("volumes") or []:
        if volume["type"] == "bind":
            _inside(volume["source"], folder, f"{name}: volumes {volume['source']}")
        elif volume["type"] not in ("volume", "tmpfs"):
            _refused(f"{name}: volumes {volume['type']}")


def _inside(path: str, folder: Path, what: str) -> None:
    """Refuse a path that is not in the folder: by its name, or by where a link in it leads."""
    if not Path(path).resolve().is_relative_to(folder.resolve()):
        _refused(what)


def _driver(entry: Mapping[str, Any] | None, usual: str) -> bool:
    return bool((entry or {}).get("driver", usual) != usual)


def _refused(what: str) -> None:
    raise Wrong("refused", what=what)
