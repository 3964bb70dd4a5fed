"""The course as a static site: lessons, labs, guides and slides, in each language.

`pages` says which pages there are and lays them out as Sphinx's source; `sphinx/` is Sphinx's
configuration, with templates and style; `making` has Sphinx build each language, adds the slides
and puts the whole in its place, or serves it. Nothing is executed: a page shows the outputs that
are stored in its notebook.
"""

from capas.site.making import make, run

__all__ = ["make", "run"]
