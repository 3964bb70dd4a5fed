"""Exercise 05: an image that carries what was removed from it."""

from pathlib import PurePosixPath

from capas.exercises import Bench, Container, Image, NotYet, Wrong
from capas.exercises.image import File

READINGS = 105_120
MEANS = (25.2, 24.3, 21.8, 18.4, 14.9, 12.3, 11.4, 12.3, 14.8, 18.3, 21.8, 24.3)
"""Of January to December, °C."""
MB = 2**20
LARGE = MB
"""Bytes of a file that no answer needs: the app with its summary has some kB."""
MOST = 3 * MB
"""Bytes of all files that are added to those of the base."""


def image(bench: Bench) -> Image:
    return bench.build().read_ahead()


def service(bench: Bench) -> Container:
    return bench.run(bench.once(image), publish=[8000])


def built(bench: Bench) -> None:
    bench.once(image)


def answers(bench: Bench) -> None:
    answer = bench.once(service).get(patience=60)
    if answer.status != 200:
        raise NotYet
    found = answer.json()
    if not isinstance(found, dict):
        raise NotYet
    if found.get("readings") != READINGS:
        raise Wrong("fewer-readings", found=found.get("readings"), all=READINGS)
    means = found.get("means")
    values = list(means.values()) if isinstance(means, dict) else []
    # To a tenth: another processor may round another way.
    if len(values) != len(MEANS) or any(
        not isinstance(value, (int, float)) or abs(value - mean) > 0.11
        for value, mean in zip(values, MEANS, strict=True)
    ):
        raise Wrong("other-means")


def at_build(bench: Bench) -> None:
    bench.once(service).get()
    # What is made while a container starts cannot be made where nothing can be written.
    sealed = bench.run(bench.once(image), publish=[8000], read_only=True)
    try:
        answer = sealed.get()
    except Wrong as wrong:
        raise Wrong("made-at-start") from wrong
    if answer.status != 200:
        raise Wrong("made-at-start")


def no_leftovers(bench: Bench) -> None:
    files = bench.once(image).files
    for file in _large(files):
        if "/.cache/" not in f"/{file.path}" and _removed(file, files):
            raise Wrong("removed-later", file=file.path, size=_size(file))
    for file in _large(files):
        if "/.cache/" not in f"/{file.path}":
            raise Wrong("still-there", file=file.path, size=_size(file))
    own = sum(file.size for file in files)
    if own > MOST and not _large(files):
        raise Wrong("still-large", size=own // MB)


def no_cache(bench: Bench) -> None:
    files = bench.once(image).files
    for file in _large(files):
        if "/.cache/" in f"/{file.path}":
            removed = _removed(file, files)
            raise Wrong(
                "cache-removed-later" if removed else "cache-kept",
                file=file.path, size=_size(file),
            )  # fmt: skip


def _large(files: list[File]) -> list[File]:
    return [file for file in files if file.size > LARGE]


def _size(file: File) -> int:
    return round(file.size / 1e6)


def _removed(file: File, files: list[File]) -> bool:
    """Return whether a layer further up hides a file, or a folder that holds it."""
    path = PurePosixPath(file.path)
    marks = {str(it.with_name(f".wh.{it.name}")) for it in (path, *path.parents) if it.name}
    marks |= {str(it / ".wh..wh..opq") for it in path.parents}
    marks.add(str(path))  # written anew, shorter
    return any(it.layer > file.layer and it.path in marks for it in files)
