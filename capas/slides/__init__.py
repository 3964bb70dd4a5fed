"""Slides: reveal.js decks made from the lessons, for a lecture room without a network.

`deck` reads a lesson's source and its built notebook and says which slides there are; `page`
writes a deck as one HTML file that asks nobody for anything; `reveal` has reveal.js; `site`
makes all decks with their index pages, serves them, prints them. docs/slides.md says how a
slide is marked.
"""

from capas.slides.site import make, run

__all__ = ["make", "run"]
