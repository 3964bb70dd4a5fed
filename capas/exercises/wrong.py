"""What a check says when something is not as it should be."""

from typing import Any


class NotYet(Exception):
    """Still to do: not done, and no mistake of which we know the name."""


class Wrong(NotYet):
    """A mistake that has a name, and hints for it.

    Args:
        hint: the mistake's name in ``exercise.yaml``, or in ``capas/exercises/hints.yaml``.
        values: what the hint's text names between braces, as it was observed.
    """

    def __init__(self, hint: str, **values: Any) -> None:
        super().__init__(hint)
        self.hint = hint
        self.values = {name: _short(value) for name, value in values.items()}


def _short(value: object) -> str:
    """Return a value for a sentence: one line, not long, nothing that a terminal obeys."""
    text = f"{value:.1f}" if isinstance(value, float) else str(value)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= 160 else f"{text[:159]}…"
