"""Does an engine really run containers? A program of our own says so from inside one.

The image is made here, byte by byte, and imported through the API: no registry is asked,
nothing is downloaded, and it works the same on every engine that speaks Docker's API.
"""

import contextlib
import io
import struct
import tarfile
import time
from dataclasses import dataclass

import docker
from docker.errors import DockerException, ImageNotFound
from docker.types import LogConfig
from requests.exceptions import RequestException

from capas.engine.model import EngineError
from capas.engine.sentences import reason
from capas.language import _

VERSION = "1"
IMAGE = "capas/probe"
LINE = "A container of the course runs here."
MACHINES = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "aarch64", "aarch64": "aarch64"}
"""What engines call a processor → what the ELF standard and ``uname -m`` call it."""


@dataclass(frozen=True)
class Probe:
    """What was seen of an engine in which a container has run."""

    name: str
    version: str
    architecture: str
    seconds: float


def static_program(text: str, machine: str) -> bytes:
    """Return a static Linux executable (ELF64) that writes `text` and ends with exit code 0.

    `machine` is ``x86_64`` or ``aarch64``, as ``uname -m`` says. The file has one loadable
    segment: both headers, a dozen instructions, the text. It makes two system calls,
    ``write(1, text, length)`` and ``exit_group(0)``, and needs no libc, no shell, no loader.

    Source: System V ABI, "ELF-64 Object File Format"; Linux' system call numbers
    (x86_64: write 1, exit_group 231; aarch64: write 64, exit_group 94).
    """
    message = text.encode()
    if machine == "x86_64":
        elf_machine = 62
        code = (
            b"\xb8\x01\x00\x00\x00"  # mov eax, 1          write
            b"\xbf\x01\x00\x00\x00"  # mov edi, 1          standard output
            b"\x48\x8d\x35\x10\x00\x00\x00"  # lea rsi, [rip+16]   the text, behind the code
            + struct.pack("<BI", 0xBA, len(message))  # mov edx, length
            + b"\x0f\x05"  # syscall
            b"\xb8\xe7\x00\x00\x00"  # mov eax, 231        exit_group
            b"\x31\xff"  # xor edi, edi
            b"\x0f\x05"  # syscall
        )
    elif machine == "aarch64":
        if len(message) > 0xFFFF:
            raise ValueError("the text must be shorter than 64 KiB")
        elf_machine = 183
        code = struct.pack(
            "<8I",
            0xD2800020,  # mov x0, #1          standard output
            0x100000E1,  # adr x1, .+28        the text, behind the code
            0xD2800002 | len(message) << 5,  # mov x2, #length
            0xD2800808,  # mov x8, #64         write
            0xD4000001,  # svc #0
            0xD2800000,  # mov x0, #0
            0xD2800BC8,  # mov x8, #94         exit_group
            0xD4000001,  # svc #0
        )
    else:
        raise ValueError(f"no program for {machine}: only x86_64 and aarch64")
    headers, base = 64 + 56, 0x400000
    size = headers + len(code) + len(message)
    elf = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01",  # 64 bits, little-endian, version 1
        2,  # ET_EXEC
        elf_machine,
        1,
        base + headers,  # entry point
        64,  # program headers follow this header
        0,
        0,
        64,
        56,
        1,
        64,
        0,
        0,
    )
    # One PT_LOAD segment, readable and executable; aligned for kernels with 64 KiB pages.
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x10000)
    return elf + segment + code + message


def archive(text: str, machine: str, name: str) -> bytes:
    """Return a tar file with one executable `name` (`static_program`): a whole root file system."""
    program = static_program(text, machine)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(program), 0o755
        tar.addfile(entry, io.BytesIO(program))
    return buffer.getvalue()


def probe(client: docker.DockerClient) -> Probe:
    """Run the probe container and return what was seen.

    Takes about half a second; the import of the image, once per engine, included.
    Raises `EngineError` with the reason, without a full stop, when no container runs.
    """
    started = time.monotonic()
    try:
        version = client.version()
        if version.get("Os") == "windows":
            raise EngineError(
                _("it runs Windows containers: switch to Linux containers in Docker Desktop's menu")
            )
        machine = MACHINES.get(version.get("Arch", ""))
        if machine is None:
            raise EngineError(
                _("the course has no images for its processor ({name})").format(
                    name=version["Arch"]
                )
            )
        tag = f"{VERSION}-{machine}"
        try:
            client.images.get(f"{IMAGE}:{tag}")
        except ImageNotFound:
            client.api.import_image_from_data(
                archive(LINE, machine, "probe"),
                repository=IMAGE,
                tag=tag,
                changes=['CMD ["/probe"]', f"LABEL capas=probe capas.probe={VERSION}"],
            )
        output = _run(client, f"{IMAGE}:{tag}")
    except (DockerException, RequestException, OSError) as error:
        raise EngineError(_("no container runs ({reason})").format(reason=reason(error))) from error
    if output.strip() != LINE:
        raise EngineError(
            _("a container ran and said {text} instead of our line").format(text=repr(output[:80]))
        )
    return Probe(_name(version), version["Version"], machine, time.monotonic() - started)


def _run(client: docker.DockerClient, image: str) -> str:
    container = client.containers.create(
        image,
        network_mode="none",
        labels={"capas": "probe"},
        log_config=LogConfig(type=LogConfig.types.JSON),
    )
    try:
        container.start()
        code = container.wait(timeout=30)["StatusCode"]
        output = container.logs().decode(errors="replace")
    finally:
        with contextlib.suppress(DockerException, RequestException):
            container.remove(force=True)
    if code:
        raise EngineError(_("a container ran and ended with exit code {code}").format(code=code))
    return output


def _name(version: dict[str, object]) -> str:
    platform = version.get("Platform")
    title = str(platform.get("Name", "")) if isinstance(platform, dict) else ""
    components = version.get("Components")
    parts = [str(c.get("Name", "")) for c in components] if isinstance(components, list) else []
    if title.startswith("Docker Desktop"):
        return "Docker Desktop"
    if any(part.startswith("Podman") for part in parts):
        return "Podman"
    return "Docker Engine"
