"""JupyterHub's configuration for a class; compose.yaml passes the settings of .env."""

import asyncio
import os
import sys
from typing import Any

from nativeauthenticator import NativeAuthenticator
from rooms import Rooms

c = get_config()  # type: ignore[name-defined]  # noqa: F821  JupyterHub gives it
settings = os.environ
engine = settings.get("ENGINE", "none")
internet = settings.get("INTERNET", "no")
if engine not in {"none", "rootless"}:
    sys.exit(f"ENGINE in .env is {engine!r}: write none or rootless.")
if internet not in {"yes", "no"}:
    sys.exit(f"INTERNET in .env is {internet!r}: write yes or no.")

# -- The hub and its proxy ------------------------------------------------------------------
c.JupyterHub.db_url = "sqlite:////srv/hub/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = "/srv/hub/cookie_secret"
c.JupyterHub.hub_bind_url = "http://0.0.0.0:8081"
c.JupyterHub.hub_connect_url = "http://hub:8081"
c.JupyterHub.cleanup_servers = False  # students go on working while the hub restarts
c.JupyterHub.cleanup_proxy = False
c.JupyterHub.concurrent_spawn_limit = 10
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = "http://proxy:8001"

# -- Accounts -------------------------------------------------------------------------------
ADMIN = settings.get("ADMIN", "lecturer")


class Accounts(NativeAuthenticator):  # type: ignore[misc]
    """Students sign up, the lecturer approves; his own account is there from the start."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Else whoever signs up first by the lecturer's name is the lecturer.
        if not self.user_exists(ADMIN):
            self.create_user(ADMIN, settings.get("ADMIN_PASSWORD", ""))
            if not self.user_exists(ADMIN):
                sys.exit(
                    "ADMIN_PASSWORD in .env is too easy: write at least "
                    f"{self.minimum_password_length} characters that are in no list."
                )


c.JupyterHub.authenticator_class = Accounts
c.Authenticator.admin_users = {ADMIN}
c.Authenticator.allow_all = True  # of those whom the lecturer approved
c.NativeAuthenticator.open_signup = False
c.NativeAuthenticator.minimum_password_length = 10
c.NativeAuthenticator.check_common_password = True
c.NativeAuthenticator.allowed_failed_logins = 5
c.NativeAuthenticator.seconds_before_next_try = 300

# -- A student's server ---------------------------------------------------------------------
project = settings.get("PROJECT", "capas-hub")
rooms = Rooms(project, settings.get("STUDENT_NETWORKS", "10.213.0.0/16"), internet == "yes")


async def open_room(spawner: Any) -> None:
    """Give a student his own networks and volume, which bear the project's label."""
    names = await asyncio.to_thread(rooms.open, spawner.escaped_name, spawner.user.id)
    spawner.network_name = names[0]
    spawner.extra_create_kwargs = spawner.extra_create_kwargs | {
        "networking_config": {"EndpointsConfig": {name: {} for name in names}}
    }


async def close_room(spawner: Any) -> None:
    """Remove the networks; the volume stays."""
    await asyncio.to_thread(rooms.close, spawner.escaped_name)


c.JupyterHub.spawner_class = "docker"
c.Spawner.pre_spawn_hook = open_room
c.Spawner.post_stop_hook = close_room
c.Spawner.default_url = "/lab"
c.Spawner.start_timeout = 120
c.Spawner.http_timeout = 120
c.Spawner.environment = {"CAPAS_STUDENT_ENGINE": engine}
c.Spawner.mem_limit = settings.get("MEMORY", "1G")
c.Spawner.cpu_limit = float(settings.get("CPUS", "1"))
c.DockerSpawner.image = settings.get("STUDENT_IMAGE", "capas-hub/student")
c.DockerSpawner.pull_policy = "never"
c.DockerSpawner.name_template = f"{project}-student-{{username}}"
c.DockerSpawner.volumes = {f"{project}-work-{{username}}": "/home/student"}
c.DockerSpawner.notebook_dir = "/home/student/capas"
c.DockerSpawner.remove = True
c.DockerSpawner.use_internal_ip = True
c.DockerSpawner.extra_create_kwargs = {"labels": rooms.labels}
c.DockerSpawner.extra_host_config = {
    "init": True,
    "pids_limit": int(settings.get("PROCESSES", "512")),
    "memswap_limit": c.Spawner.mem_limit,  # no swap beside it
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
}
if engine == "rootless":
    # What a rootless Docker Engine needs: namespaces with several users in them, and mounts in
    # those. Not --privileged: no rights over the machine, none of its disks. README.md, Security.
    c.DockerSpawner.extra_host_config |= {
        "cap_add": ["SETUID", "SETGID"],  # beside cap_drop ALL: for newuidmap and newgidmap
        "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
        "devices": ["/dev/net/tun", "/dev/fuse"],
    }
    # As `docker run --security-opt systempaths=unconfined`: else no /proc can be mounted inside.
    c.DockerSpawner.extra_create_kwargs["host_config"] = {"MaskedPaths": [], "ReadonlyPaths": []}

# -- Servers that nobody uses ---------------------------------------------------------------
c.JupyterHub.load_roles = [
    {
        "name": "idle-culler",
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        "services": ["idle-culler"],
    }
]
idle = 60 * int(settings.get("IDLE_MINUTES", "60"))
c.JupyterHub.services = [
    {
        "name": "idle-culler",
        "command": [sys.executable, "-m", "jupyterhub_idle_culler", f"--timeout={idle}"],
    }
]
