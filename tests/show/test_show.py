import subprocess
import sys


def test_what_lessons_use_can_be_used_twice() -> None:
    """Loading quiz.py puts the module in the place of the function of the same name."""
    code = (
        "from capas import show\n"
        "for name in show.__all__ * 2: assert callable(getattr(show, name)), name"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
