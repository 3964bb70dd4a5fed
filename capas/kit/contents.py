"""What a kit is: files, their sizes and checksums, and what they are for.

A kit is a ZIP archive of files that are stored as they are (they are compressed already), a
folder with the same files, or a web address that serves them. ``kit.json`` says what must be
there; nothing else is ever read or written. Standard library only.
"""

import contextlib
import hashlib
import io
import ipaddress
import json
import re
import urllib.error
import urllib.request
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import quote, urlsplit

from capas.errors import CapasError
from capas.language import _

KIND = "capas-kit"
VERSION = 1
NAME = "kit.json"
LARGEST = 20_000_000
"""Bytes that ``kit.json`` may have."""
SECONDS = 20.0
"""How long a web address may be silent."""

_PART = r"[A-Za-z0-9@_+~!=%-][A-Za-z0-9@_.+~!=%-]*"
_PATH = re.compile(rf"{_PART}(?:/{_PART})*")
"""A path inside a kit: no part begins with a dot, so none leads out of its folder."""


@dataclass(frozen=True)
class Item:
    """One file of a kit."""

    path: str
    """Inside the kit, with ``/``."""
    size: int
    """Bytes."""
    sha256: str
    needed: tuple[str, ...] = ()
    """Who needs it: keys of machines (`using.keys`); nothing: everybody."""

    def is_whole(self, file: Path) -> bool:
        """Say whether `file` has this content."""
        try:
            if file.stat().st_size != self.size:
                return False
            with file.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest() == self.sha256
        except FileNotFoundError:
            return False


class Contents:
    """What ``kit.json`` says."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = dict(data)
        self.items = {
            path: Item(path, entry["size"], entry["sha256"], tuple(entry.get("for", ())))
            for path, entry in self.data["files"].items()
        }

    @property
    def id(self) -> str:
        """The kit's own name: a checksum of what it says."""
        return _fingerprint(self.data)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(item.size for item in self.items.values())

    def get(self, key: str) -> Any:
        """Return one of the other facts: an empty dict where it does not say."""
        return self.data.get(key, {})

    def text(self) -> bytes:
        """Return what stands in ``kit.json``."""
        return json.dumps({**self.data, "id": self.id}, indent=1, sort_keys=True).encode()

    @classmethod
    def read(cls, text: bytes, place: str) -> "Contents":
        """Return what a ``kit.json`` says; raise `CapasError` if it is foreign or damaged."""
        try:
            data = json.loads(text)
            kind, version = data["kind"], int(data["version"])
        except (ValueError, KeyError, TypeError):
            raise foreign(place) from None
        if kind != KIND:
            raise foreign(place)
        if version != VERSION:
            raise CapasError(
                _("{place} was made by another version of the course: update the course.").format(
                    place=place
                )
            )
        try:
            contents = cls({key: value for key, value in data.items() if key != "id"})
            good = data["id"] == contents.id and all(map(_is_safe, contents.items.values()))
        except (KeyError, TypeError, AttributeError, ValueError):
            good = False
        if not good:
            raise damaged(place, NAME)
        return contents


def _fingerprint(data: Mapping[str, Any]) -> str:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _is_safe(item: Item) -> bool:
    return (
        isinstance(item.size, int)
        and item.size >= 0
        and re.fullmatch(r"[0-9a-f]{64}", item.sha256) is not None
        and _PATH.fullmatch(item.path) is not None
    )


def foreign(place: str) -> CapasError:
    """Return the sentence for what is no kit."""
    return CapasError(
        _("{place} is not a kit of this course: `capas kit make` makes one.").format(place=place)
    )


def damaged(place: str, file: str) -> CapasError:
    """Return the sentence for a kit that is not what it was."""
    return CapasError(
        _("{place} is damaged ({file}): copy or download it again, then try again.").format(
            place=place, file=file
        )
    )


class Source(ABC):
    """A kit that can be read: what it has, and each of its files."""

    def __init__(self, place: str) -> None:
        self.place = place
        """For sentences."""

    @cached_property
    def contents(self) -> Contents:
        """What it has; raises `CapasError` if this is no kit."""
        return Contents.read(self._index(), self.place)

    @abstractmethod
    def _index(self) -> bytes: ...

    @abstractmethod
    def open(self, item: Item, start: int = 0) -> BinaryIO:
        """Open a file of the kit, from byte `start` on."""


class Archive(Source):
    """A kit in one file."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
            names = set(self._zip.namelist())
        except zipfile.BadZipFile:
            with path.open("rb") as stream:
                ours = NAME.encode() in stream.read(100)
            # Ours begins with kit.json: this one was cut off.
            raise damaged(self.place, path.name) if ours else foreign(self.place) from None
        if NAME not in names:
            raise foreign(self.place)

    def _index(self) -> bytes:
        with self._readable(NAME), self._zip.open(NAME) as stream:
            return stream.read(LARGEST)

    def open(self, item: Item, start: int = 0) -> BinaryIO:
        """See `Source.open`."""
        with self._readable(item.path):
            stream = self._zip.open(item.path)
            stream.seek(start)
            return cast(BinaryIO, _Checked(stream, lambda: damaged(self.place, item.path)))

    @contextlib.contextmanager
    def _readable(self, name: str) -> Iterator[None]:
        try:
            yield
        except (KeyError, zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError):
            raise damaged(self.place, name) from None


class _Checked(io.RawIOBase):
    """A file of an archive; what the archive's own check says becomes a sentence."""

    def __init__(self, stream: Any, error: Any) -> None:
        self._stream, self._error = stream, error

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            return bytes(self._stream.read(size))
        except (zipfile.BadZipFile, EOFError):
            raise self._error() from None

    def close(self) -> None:
        self._stream.close()
        super().close()


class Folder(Source):
    """A kit, or as much of it as one machine has taken, in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self.folder = folder

    def _index(self) -> bytes:
        try:
            return (self.folder / NAME).read_bytes()
        except FileNotFoundError:
            raise foreign(self.place) from None

    def open(self, item: Item, start: int = 0) -> BinaryIO:
        """See `Source.open`."""
        try:
            stream = (self.folder / item.path).open("rb")
        except FileNotFoundError:
            raise damaged(self.place, item.path) from None
        stream.seek(start)
        return stream


class Site(Source):
    """A kit that a lecturer's machine serves."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url.removesuffix("/" + NAME).rstrip("/")
        handlers = [urllib.request.ProxyHandler({})] if _is_near(url) else []
        self._opener = urllib.request.build_opener(*handlers)

    def _index(self) -> bytes:
        with self._get(NAME) as answer:
            return answer.read(LARGEST)

    def open(self, item: Item, start: int = 0) -> BinaryIO:
        """See `Source.open`."""
        return self._get("files/" + item.path, start)

    def _get(self, path: str, start: int = 0) -> BinaryIO:
        request = urllib.request.Request(f"{self.url}/{quote(path, safe='/@+~!=')}")
        if start:
            request.add_header("Range", f"bytes={start}-")
        try:
            answer = self._opener.open(request, timeout=SECONDS)
        except urllib.error.HTTPError as error:
            if path == NAME:
                raise foreign(self.place) from error
            raise damaged(self.place, path) from error
        except OSError as error:
            raise self.silent(error) from error
        except ValueError:
            raise foreign(self.place) from None
        if start and answer.status != 206:
            answer.read(start)  # it gives the whole file: pass over what we have
        return cast(BinaryIO, answer)

    def silent(self, error: Exception) -> CapasError:
        """Return the sentence for a machine that does not answer."""
        reason = getattr(error, "reason", None) or error
        return CapasError(
            _(
                "{url} does not answer ({reason}): see that `capas kit serve` runs there and that "
                "this machine is in the same network, then run the same command again."
            ).format(url=self.url, reason=str(reason).rstrip("."))
        )


def open_kit(where: str) -> Source:
    """Return the kit at a path or a web address; raise `CapasError` if there is none."""
    source: Source
    if where.startswith(("http://", "https://")):
        source = Site(where)
    else:
        path = Path(where).expanduser()
        if not path.exists():
            raise CapasError(
                _(
                    "There is no kit at {place}: give its file, or the address of "
                    "`capas kit serve`."
                ).format(place=where)
            )
        source = Folder(path) if path.is_dir() else Archive(path)
    _unused = source.contents
    return source


def _is_near(url: str) -> bool:
    """Say whether an address is of this network: no proxy leads there."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost" or host.endswith(".local") or "." not in host
