"""The student's Compose project as a check runs it."""

import contextlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml
from docker.errors import APIError

from capas.exercises import policy
from capas.exercises.commands import Done
from capas.exercises.container import PATIENCE, Answer, Container
from capas.exercises.wrong import Wrong

if TYPE_CHECKING:
    from capas.exercises.bench import Bench

FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""Where `docker compose` looks, in this order."""


class Stack:
    """A Compose project, under a name of its own and with the limits of a check.

    Ports are published on 127.0.0.1, wherever one is free: ask `port`. Names of containers,
    volumes and networks that the file gives are left out, so that nothing meets the student's own.

    Args:
        bench: of the check.
        folder: where the files are.
        profiles: that are active.
        environment: variables beside the folder's ``.env``.

    Raises:
        Wrong: "no-compose-file", "compose-invalid", "refused", or what a build raises.
    """

    def __init__(
        self,
        bench: "Bench",
        folder: Path,
        profiles: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
    ) -> None:
        self._bench = bench
        self._folder = folder
        self._environment = environment or {}
        self.name = bench.name("stack")
        file = next((folder / name for name in FILES if (folder / name).is_file()), None)
        if file is None:
            raise Wrong("no-compose-file")
        with contextlib.suppress(yaml.YAMLError):  # Compose itself says what is wrong with it
            for key in ("include", "extends"):
                if key in (yaml.safe_load(file.read_text(encoding="utf-8")) or {}):
                    raise Wrong("refused", what=key)
        words = [word for profile in profiles for word in ("--profile", profile)]
        done = self._compose(
            "-f", str(file), "--project-directory", str(folder), *words,
            "config", "--format", "json", errors=False, raw=True,
        )  # fmt: skip
        if done.code:
            said = self._compose("-f", str(file), *words, "config", "--quiet", raw=True).text
            lines = [line for line in said.splitlines() if line.strip() and "obsolete" not in line]
            raise Wrong("compose-invalid", line=(lines or ["–"])[-1])
        # `config` doubles every dollar sign, so that its output can be read again.
        self.config: dict[str, Any] = json.loads(done.output.replace(b"$$", b"$"))
        """The file as Compose reads it, before our changes."""
        policy.refuse(self.config, folder)
        self._file = bench.scratch / f"{self.name}.json"
        self._images: dict[str, str] = {}

    # --- what a check does with it ---

    def up(self, *services: str, patience: float = 90) -> None:
        """Build, start, and wait until every service is ready: healthy where it says how to tell.

        A service that has ended with exit code 0 counts as ready.

        Raises:
            Wrong: "service-ends", "service-unhealthy", "compose-fails", or what a build raises.
        """
        self._write()
        end = time.monotonic() + patience
        done = self._compose("up", "--detach", "--no-build", "--pull", "never", *services,
                             seconds=patience)  # fmt: skip
        self._judge(end)
        if done.code or done.stopped:
            lines = [line for line in done.text.splitlines() if line.strip()]
            raise Wrong("compose-fails", line=(lines or ["–"])[-1])

    def down(self, *, volumes: bool = False) -> None:
        """Do as `docker compose down` does; volumes stay unless said otherwise.

        Those without a name go, too: no container would ever get them again, nor do we find them.
        """
        client = self._bench.client
        project: dict[str, str | list[str] | bool] = {
            "label": f"com.docker.compose.project={self.name}"
        }
        mounts = [
            mount
            for container in client.containers.list(all=True, filters=project)
            for mount in container.attrs["Mounts"]
            if mount["Type"] == "volume"
        ]
        self._compose("down", "--timeout", "5", *(["--volumes"] if volumes else []),
                      seconds=180)  # fmt: skip
        for mount in mounts:
            with contextlib.suppress(APIError):  # gone, or still in use
                volume = client.volumes.get(mount["Name"])
                if "com.docker.compose.project" not in (volume.attrs["Labels"] or {}):
                    volume.remove()

    def compose(self, *words: str, seconds: float = 60) -> Done:
        """Run another command of `docker compose` on it."""
        self._write()
        return self._compose(*words, seconds=seconds)

    def containers(self, service: str) -> list[Container]:
        """Return the containers of a service, also those that have ended."""
        labels = [
            f"com.docker.compose.project={self.name}",
            f"com.docker.compose.service={service}",
        ]
        found = self._bench.client.containers.list(all=True, filters={"label": labels})
        return [Container(self._bench, handle) for handle in found]

    def container(self, service: str) -> Container:
        """Return the container of a service; `Wrong` ("service-missing") when there is none."""
        for container in self.containers(service):
            return container
        raise Wrong("service-missing", service=service)

    @property
    def services(self) -> list[str]:
        """The names of its services."""
        return list(self.config.get("services") or {})

    def service(self, name: str) -> dict[str, Any]:
        """Return a service as Compose reads it; `Wrong` ("service-missing") when there is none."""
        try:
            return cast("dict[str, Any]", self.config["services"][name])
        except KeyError:
            raise Wrong("service-missing", service=name) from None

    def get(
        self,
        service: str,
        path: str = "/",
        *,
        port: int,
        method: str = "GET",
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        patience: float = PATIENCE,
    ) -> Answer:
        """Ask a service over HTTP by its published port, as `Container.get` does."""
        return self.container(service).get(
            path, port=port, method=method, body=body, headers=headers, patience=patience
        )

    def published(self) -> dict[int, tuple[str, int]]:
        """Return for each port that the file publishes: the service, and the port inside."""
        return {
            int(port["published"]): (name, int(port["target"]))
            for name, service in (self.config.get("services") or {}).items()
            for port in service.get("ports") or []
            if str(port.get("published", "")).isdecimal()
        }

    def ask_port(self, published: int, path: str = "/", **more: Any) -> Answer:
        """Ask the service that the file publishes on this port of the host.

        Raises `Wrong` ("nothing-published") when the file publishes nothing there.
        """
        try:
            service, inside = self.published()[published]
        except KeyError:
            raise Wrong("nothing-published", port=published) from None
        return self.get(service, path, port=inside, **more)

    def end(self) -> None:
        """Remove all of it, volumes too."""
        if self._file.exists():
            self._compose("down", "--volumes", "--remove-orphans", "--timeout", "0")

    # --- how ---

    def _compose(
        self, *words: str, seconds: float = 60, errors: bool = True, raw: bool = False
    ) -> Done:
        before = () if raw else ("-f", str(self._file))
        return self._bench.command(
            "compose", "--project-name", self.name, *before, *words,
            seconds=seconds, folder=self._folder, errors=errors, environment=self._environment,
        )  # fmt: skip

    def _write(self) -> None:
        """Write the file that runs: as the student's, with limits, built images and free ports."""
        config = json.loads(json.dumps(self.config))
        config["name"] = self.name
        for name, service in config["services"].items():
            self._adapt(name, service)
        for kind in ("volumes", "networks"):
            for entry in (config.setdefault(kind, {}) or {}).values():
                if entry is not None:
                    entry.pop("name", None)
        networks = config["networks"] or {}
        networks.setdefault("default", {})
        for name in networks:
            networks[name] = (networks[name] or {}) | {
                "labels": self._bench.labels,
                "driver_opts": self._bench.NO_WAY_OUT,
            }
        for name in config["volumes"] or {}:
            config["volumes"][name] = (config["volumes"][name] or {}) | {
                "labels": self._bench.labels
            }
        # Compose interpolates what it reads: a dollar sign is doubled.
        self._file.write_text(json.dumps(config).replace("$", "$$"), encoding="utf-8")

    def _adapt(self, name: str, service: dict[str, Any]) -> None:
        bench, limits = self._bench, self._bench.limits
        service.pop("container_name", None)
        if build := service.pop("build", None):
            if name not in self._images:
                inline = build.get("dockerfile_inline")
                image = bench.build(
                    build["context"],
                    dockerfile=build.get("dockerfile"),
                    inline=inline,
                    target=build.get("target"),
                    arguments={k: str(v) for k, v in (build.get("args") or {}).items()},
                )
                self._images[name] = bench.tag(image, name)
            service["image"] = self._images[name]
        elif "image" in service:
            bench.image(service["image"])
        service["pull_policy"] = "never"
        service["labels"] = {**(service.get("labels") or {}), **bench.labels}
        self._hold(service)
        service["security_opt"] = ["no-new-privileges"]
        options = limits.options()["log_config"]
        assert isinstance(options, dict)
        service["logging"] = {"driver": options["type"], "options": options["config"]}
        for port in service.get("ports") or []:
            port["host_ip"] = "127.0.0.1"
            port.pop("published", None)

    def _hold(self, service: dict[str, Any]) -> None:
        """Set the limits of a check, or the file's own where they are smaller."""
        limits = self._bench.limits
        resources = (service.get("deploy") or {}).get("resources") or {}
        # Compose refuses a limit that is given in both places: all go to the one.
        own = resources.pop("limits", None) or {}
        memory = _least(service.get("mem_limit") or own.get("memory"), limits.memory)
        service["mem_limit"] = service["memswap_limit"] = int(memory)
        service["pids_limit"] = int(
            _least(service.get("pids_limit") or own.get("pids"), limits.processes)
        )
        most = min(limits.cpus, os.cpu_count() or 1)
        service["cpus"] = _least(service.get("cpus") or own.get("cpus"), most)
        for place, key in ((service, "mem_reservation"), (resources.get("reservations"), "memory")):
            if place and key in place:
                place[key] = str(int(_least(place[key], memory)))

    def _judge(self, end: float) -> None:
        """Wait until all that was started is ready; raise what is wrong with it."""
        project = f"com.docker.compose.project={self.name}"
        while True:
            found = self._bench.client.containers.list(all=True, filters={"label": project})
            waiting = []
            for handle in found:
                container = Container(self._bench, handle)
                service = handle.labels["com.docker.compose.service"]
                state = container.state
                if state["Status"] in ("exited", "dead") and state["ExitCode"]:
                    if handle.attrs["HostConfig"]["RestartPolicy"]["Name"] not in ("", "no"):
                        waiting.append(service)
                    else:
                        raise Wrong("service-ends", service=service, code=state["ExitCode"],
                                    line=container.last_line())  # fmt: skip
                elif container.health == "unhealthy":
                    raise Wrong("service-unhealthy", service=service, said=_said(state))
                elif container.health == "starting" or state["Status"] in ("created", "restarting"):
                    waiting.append(service)
            if not waiting:
                return
            if time.monotonic() > end:
                container = self.container(waiting[0])
                raise Wrong("service-not-ready", service=waiting[0], line=container.last_line())
            time.sleep(0.1)


def _least(wanted: Any, most: float) -> float:
    """Return the smaller limit; none, 0 and -1 mean that there is none."""
    value = float(wanted or 0)
    return min(value, most) if value > 0 else most


def _said(state: dict[str, Any]) -> str:
    """Return what the last health check of a container printed."""
    log = (state.get("Health") or {}).get("Log") or [{}]
    return str(log[-1].get("Output") or "–")
