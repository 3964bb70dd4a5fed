"""Show a file in a lesson, coloured by whatever shows the notebook."""

from pathlib import Path
from typing import Any

_LANGUAGES = {
    ".css": "css",
    ".js": "javascript",
    ".json": "json",
    ".md": "markdown",
    ".py": "python",
    ".sh": "bash",
    ".svelte": "html",
    ".toml": "toml",
    ".ts": "typescript",
    ".yaml": "yaml",
    ".yml": "yaml",
}


class Source:
    """A text file as a fenced Markdown block.

    JupyterLab, VS Code and GitHub each colour it with their own theme, so it
    follows dark and light by itself.
    """

    def __init__(self, path: str | Path, *, first: int = 1, last: int | None = None) -> None:
        """Read ``path``; keep only lines ``first`` to ``last`` (from 1, both included)."""
        self.path = Path(path)
        lines = self.path.read_text(encoding="utf-8").splitlines()
        self.text = "\n".join(lines[first - 1 : last]).strip("\n")

    @property
    def language(self) -> str:
        """The name by which Markdown renderers know the file's language."""
        if "dockerfile" in self.path.name.lower():
            return "dockerfile"
        return _LANGUAGES.get(self.path.suffix, "text")

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/markdown": f"```{self.language}\n{self.text}\n```", "text/plain": self.text}
