"""The front page's HTTP interface, below ``/capas/api``; for who has the lab's token only.

``GET contents`` and ``GET engine`` answer what `contents` and `engine.state` return;
``POST language`` with ``{"language": "es"}`` chooses one, for the next runs, too.
Slides stand below ``/capas/slides``: a deck is made when it is first asked for.
"""

import asyncio
import os
import sys
from html import escape
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import APIHandler, AuthenticatedFileHandler
from jupyter_server.utils import url_path_join
from tornado import web

from capas import language, paths
from capas.errors import CapasError
from capas.front import engine
from capas.front.contents import contents, slides
from capas.language import _
from capas.terminal import told


class _Handler(APIHandler):
    @property
    def root(self) -> Path:
        """The folder that JupyterLab shows."""
        return Path(self.contents_manager.root_dir).resolve()


class ContentsHandler(_Handler):
    """The contents of the course, in the language."""

    @web.authenticated
    async def get(self) -> None:
        """Answer them."""
        self.finish(await asyncio.to_thread(contents, self.root))


class EngineHandler(_Handler):
    """The state of the engine."""

    @web.authenticated
    async def get(self) -> None:
        """Answer it."""
        self.finish(await asyncio.to_thread(engine.state))


class LanguageHandler(_Handler):
    """The language of the course."""

    @web.authenticated
    async def post(self) -> None:
        """Speak another one, and answer the contents in it."""
        wanted = (self.get_json_body() or {}).get("language")
        try:
            language.remember(str(wanted))
        except CapasError as error:
            raise web.HTTPError(400, str(error), reason="no such language") from error
        except OSError as error:  # it holds for this run only
            self.log.warning(told(error))
        os.environ["CAPAS_LANG"] = language.current()  # kernels started from now on
        self.finish(await asyncio.to_thread(contents, self.root))


class SlidesHandler(AuthenticatedFileHandler):
    """The decks of `capas slides`; they are the course's own: not in a sandbox."""

    _making = asyncio.Lock()

    @property
    def content_security_policy(self) -> str:
        """As for pages of JupyterLab: slides open a window of their own for the speaker."""
        return str(super(AuthenticatedFileHandler, self).content_security_policy)

    @web.authenticated
    async def get(self, path: str, **options: Any) -> None:  # type: ignore[override]
        """Answer a deck; make it before, if it is missing or older than its lesson."""
        async with self._making:
            trouble = await _make(path)
        if trouble:
            self.set_status(503)
            self.finish(f"<!doctype html><title>Capas</title><p>{escape(trouble)}</p>")
            return
        if answer := super().get(path, **options):
            await answer


async def _make(path: str) -> str:
    """Have the deck ``LANGUAGE/LESSON.html`` as new as its lesson; return why it cannot be."""
    spoken, _slash, page = path.partition("/")
    lesson = page.removesuffix(".html")
    notebooks = paths.ROOT / "notebooks"
    made_of = (notebooks / f"src/{lesson}.md", notebooks / f"{spoken}/{lesson}.ipynb")
    if spoken not in language.languages() or not all(file.is_file() for file in made_of):
        return ""  # no lesson's: what is there is answered, or that nothing is
    deck = slides() / path
    if deck.is_file() and all(deck.stat().st_mtime > file.stat().st_mtime for file in made_of):
        return ""
    # A process of its own: making a deck speaks its language meanwhile.
    command = [sys.executable, "-m", "capas.cli", "slides", lesson, "--lang", spoken]
    process = await asyncio.create_subprocess_exec(
        *command,
        env=os.environ | {"CAPAS_LANG": language.current()},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    said = (await process.communicate())[1].decode(errors="replace").strip()
    if process.returncode == 0 or deck.is_file():
        return ""
    return said.splitlines()[-1] if said else _("The slides could not be made.")


def handlers(base_url: str) -> list[tuple[Any, ...]]:
    """Return the routes, below the server's base URL."""
    routes = {"contents": ContentsHandler, "engine": EngineHandler, "language": LanguageHandler}
    decks = (url_path_join(base_url, "capas", "slides", "(.*)"), SlidesHandler, {"path": slides()})
    return [
        *((url_path_join(base_url, "capas", "api", name), it) for name, it in routes.items()),
        decks,
    ]
