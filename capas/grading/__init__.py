"""Grading of a whole class: ``capas grade``.

Submissions are unpacked without trusting them (`submissions`), judged in processes of their own
under limits (`worker`, `capas.exercises.limits`), here or on other machines (`grader`), and
reported (`report`).
"""

from capas.grading.grader import Class, Far, Graded, Here, grade

__all__ = ["Class", "Far", "Graded", "Here", "grade"]
