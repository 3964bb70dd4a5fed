"""The lab's front page: what there is, in order, and how far one has come.

- `contents.py`: what the page says, in a language.
- `engine.py`: the state of the engine, in one line.
- `handlers.py`: both over HTTP under ``/capas/api``; a Jupyter Server extension, which
  ``capas/jupyter/jupyter_server_config.d`` turns on.

The page itself is JavaScript in JupyterLab: ``capas/jupyter/labextensions/capas``.
"""

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "capas.front"}]


def _load_jupyter_server_extension(server: Any) -> None:
    from capas.front.handlers import handlers

    web = server.web_app
    web.add_handlers(".*$", handlers(web.settings["base_url"]))
