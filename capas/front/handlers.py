"""The front page's HTTP interface, below ``/capas/api``; for who has the lab's token only.

``GET contents`` and ``GET engine`` answer what `contents` and `engine.state` return;
``POST language`` with ``{"language": "es"}`` chooses one, for the next runs, too.
Slides stand below ``/capas/slides``.
"""

import asyncio
import os
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import APIHandler, AuthenticatedFileHandler
from jupyter_server.utils import url_path_join
from tornado import web

from capas import language
from capas.errors import CapasError
from capas.front import engine
from capas.front.contents import contents, slides
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
    """The decks that `capas slides` has made; they are the course's own: not in a sandbox."""

    @property
    def content_security_policy(self) -> str:
        """As for pages of JupyterLab: slides open a window of their own for the speaker."""
        return str(super(AuthenticatedFileHandler, self).content_security_policy)


def handlers(base_url: str) -> list[tuple[Any, ...]]:
    """Return the routes, below the server's base URL."""
    routes = {"contents": ContentsHandler, "engine": EngineHandler, "language": LanguageHandler}
    decks = (url_path_join(base_url, "capas", "slides", "(.*)"), SlidesHandler, {"path": slides()})
    return [
        *((url_path_join(base_url, "capas", "api", name), it) for name, it in routes.items()),
        decks,
    ]
