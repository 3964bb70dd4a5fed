"""What a student can operate: a model of a mechanism, never decoration.

A widget is a Python class beside a JavaScript module of the same name in ``js/`` (anywidget,
https://anywidget.dev). It holds the state and, where it acts on an engine, does the
acting; the JavaScript only draws and asks. Where no kernel is (GitHub, slides, a notebook
not run yet) its `still` stands in its place, and the stored notebook holds only that.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from capas.show.style import FONT, MONO, css_variables

JS = Path(__file__).parent / "js"

CSS = f"""
.capas {{ {css_variables("light")} }}
[data-jp-theme-light="false"] .capas, body.vscode-dark .capas {{ {css_variables("dark")} }}
.capas {{
  font: 15px/1.45 {FONT}; color: var(--capas-ink); background: var(--capas-paper);
  border: 1px solid var(--capas-edge); border-radius: 14px; padding: 16px 20px;
  box-sizing: border-box; max-width: 960px;
}}
.capas *, .capas *::before, .capas *::after {{ box-sizing: border-box; }}
.capas h4 {{ font-size: 17px; margin: 0 0 10px; color: inherit; }}
.capas p {{ margin: 6px 0; }}
.capas code, .capas pre, .capas .mono {{
  font-family: {MONO}; font-size: 14px; background: none; color: inherit;
}}
.capas pre {{
  background: var(--capas-card); border-radius: 8px; padding: 10px 14px; margin: 8px 0;
  white-space: pre-wrap; overflow-wrap: anywhere;
}}
.capas pre.terminal {{ background: var(--capas-terminal); color: var(--capas-terminal-ink); }}
.capas .muted {{ color: var(--capas-muted); }}
.capas .row {{ display: flex; flex-wrap: wrap; gap: 10px; align-items: center; }}
.capas button, .capas select, .capas input[type="text"], .capas input[type="number"] {{
  font: inherit; color: var(--capas-ink); background: var(--capas-card);
  border: 1.5px solid var(--capas-line); border-radius: 8px; padding: 5px 12px; min-height: 34px;
}}
.capas button {{ cursor: pointer; }}
.capas button:hover:not(:disabled) {{ border-color: var(--capas-ink); }}
.capas button:disabled {{ cursor: default; opacity: .45; }}
.capas :focus-visible {{ outline: 3px solid var(--capas-image); outline-offset: 2px; }}
.capas table {{ border-collapse: collapse; width: 100%; margin: 8px 0; font-size: inherit; }}
.capas th, .capas td {{
  text-align: left; padding: 5px 10px; border-bottom: 1px solid var(--capas-edge);
  vertical-align: top; color: inherit; background: none; white-space: normal;
}}
.capas .ok::before {{ content: "✓ "; }} .capas .ok {{ color: var(--capas-ok-text); }}
.capas .warn::before {{ content: "! "; }} .capas .warn {{ color: var(--capas-warn-text); }}
.capas .error::before {{ content: "✗ "; }} .capas .error {{ color: var(--capas-error-text); }}
"""
"""What all widgets look like; colours are ``var(--capas-<role>)`` as in `style.css_variables`."""


def script(name: str) -> str:
    """Return the JavaScript of a widget: ``js/common.js``, then ``js/<name>.js``."""
    return "\n".join((JS / f"{part}.js").read_text(encoding="utf-8") for part in ("common", name))


class Widget(anywidget.AnyWidget):
    """Base of all widgets: the course's looks, and a still for where no kernel is.

    A subclass sets ``_esm = script("its_name")``, its traits, and `still`. Its JavaScript puts
    everything into one element of class ``capas``, and takes its words from ``words``.
    """

    _css = CSS
    words = traitlets.Dict().tag(sync=True)
    """What the JavaScript writes, in the notebook's language."""

    def still(self) -> dict[str, str]:
        """Return what stands for the widget where it cannot live, by MIME type.

        ``text/plain`` is a must; beside it ``text/html`` (see `Picture`). The same on each run.
        """
        raise NotImplementedError

    def __repr__(self) -> str:
        return self.still()["text/plain"]

    def _repr_mimebundle_(self, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        live = super()._repr_mimebundle_(**more) or ({}, {})
        return {**live[0], **self.still()}, live[1]


def listen(widget: Widget, act: Callable[[dict[str, Any]], None]) -> None:
    """Call `act` with each message that the JavaScript sends by ``model.send({...})``."""
    widget.on_msg(lambda _widget, content, _buffers: act(content))
