"""The front page's HTTP interface, below ``/capas/api``; for who has the lab's token only.

``GET contents`` and ``GET engine`` answer what `contents` and `engine.state` return;
``POST language`` with ``{"language": "es"}`` chooses one, for the next runs, too.
"""

import asyncio
import os
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from capas import language
from capas.errors import CapasError
from capas.front import engine
from capas.front.contents import contents
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


def handlers(base_url: str) -> list[tuple[str, Any]]:
    """Return the routes, below the server's base URL."""
    routes = {"contents": ContentsHandler, "engine": EngineHandler, "language": LanguageHandler}
    return [
        (url_path_join(base_url, "capas", "api", name), handler) for name, handler in routes.items()
    ]
