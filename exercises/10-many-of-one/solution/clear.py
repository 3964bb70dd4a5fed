"""Wipes the notice board."""

from pathlib import Path

Path("texts/notice.txt").write_text("")
print("the board is empty")
