"""What lessons show: figures, charts, tables, files, widgets, in one visual language (`style`).

A lesson writes ``from capas import show`` and then ``show.quiz("06-dockerfile")``. All of it is
imported here at once: of a function and a module of one name, this one must be the function.
"""

from capas.show.api_tap import tap
from capas.show.chart import bars, spread
from capas.show.compose import compose_graph
from capas.show.context import context
from capas.show.dashboard import dashboard
from capas.show.guest_console import console
from capas.show.image_search import find_in_image
from capas.show.layer_cache import layer_cache
from capas.show.layers import layers
from capas.show.left_over import leftovers
from capas.show.lifecycle import lifecycle
from capas.show.namespaces import namespaces
from capas.show.picture import Picture
from capas.show.ports import ports
from capas.show.quiz import quiz
from capas.show.run_command import run_command
from capas.show.source import Source
from capas.show.start_order import startup
from capas.show.table import Table, doctor_table
from capas.show.this_machine import machine, processes
from capas.show.two_stacks import stacks

__all__ = [
    "Picture",
    "Source",
    "Table",
    "bars",
    "compose_graph",
    "console",
    "context",
    "dashboard",
    "doctor_table",
    "find_in_image",
    "layer_cache",
    "layers",
    "leftovers",
    "lifecycle",
    "machine",
    "namespaces",
    "ports",
    "processes",
    "quiz",
    "run_command",
    "spread",
    "stacks",
    "startup",
    "tap",
]
