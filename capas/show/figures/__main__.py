"""``python -m capas.show.figures [--check]``: draw every figure, or tell which are stale."""

import sys

from capas.show.figures import build

if __name__ == "__main__":
    check = "--check" in sys.argv[1:]
    changed = build(check=check)
    for path in changed:
        print(path.name)
    if check and changed:
        sys.exit("These figures differ from their source: run python -m capas.show.figures")
