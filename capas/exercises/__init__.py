"""Exercises that look at what really happened.

A check builds the student's image, runs it and observes it through the engine. Each exercise is a
folder ``exercises/NN-slug/`` (see `capas.exercises.catalogue`); its ``check.py`` uses `Bench`.
"""

from capas.exercises.bench import Bench
from capas.exercises.catalogue import Exercise, exercises, find
from capas.exercises.container import Answer, Container, Stopped
from capas.exercises.image import File, Image
from capas.exercises.limits import Limits
from capas.exercises.stack import Stack
from capas.exercises.verdict import Outcome, Verdict, judge
from capas.exercises.wrong import NotYet, Wrong

__all__ = [
    "Answer",
    "Bench",
    "Container",
    "Exercise",
    "File",
    "Image",
    "Limits",
    "NotYet",
    "Outcome",
    "Stack",
    "Stopped",
    "Verdict",
    "Wrong",
    "exercises",
    "find",
    "judge",
]
