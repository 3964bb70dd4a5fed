"""Write the repository's address wherever it stands: badges, the clone command, the citation.

    python3 -m docs.address https://github.com/somebody/capas

``[project.urls]`` in pyproject.toml says which address stands there now. Standard library only.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES = (
    "pyproject.toml",
    "*.md",
    "CITATION.cff",
    "docs/*.md",
    "docs/classroom/*.yml",
)
"""Where addresses stand; the script changes no other file."""
PREFIXES = ("github.com/", "codespaces.new/", "mybinder.org/v2/gh/", "COURSE: ")
_PART = r"[A-Za-z0-9](?:[\w.-]*[\w-])?"
_GITHUB = re.compile(rf"(?:https://|git@)github\.com[/:]({_PART})/({_PART}?)(?:\.git)?/?")


def parse(address: str) -> tuple[str, str]:
    """Return owner and name of a GitHub repository.

    Raises:
        ValueError: the address is no such thing; Codespaces and Binder's badges need one.
    """
    found = _GITHUB.fullmatch(address)
    if not found:
        raise ValueError(
            f"“{address}” is no GitHub repository: give an address such as "
            "https://github.com/somebody/capas."
        )
    return found[1], found[2]


def current(root: Path = ROOT) -> tuple[str, str]:
    """Return owner and name that stand in the files now."""
    content = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return parse(content["project"]["urls"]["Repository"])


def write(owner: str, name: str, root: Path = ROOT) -> list[Path]:
    """Put a new owner and name in place of the present ones; return the files that changed."""
    old_owner, old_name = current(root)
    old = re.compile(
        rf"({'|'.join(map(re.escape, PREFIXES))}){re.escape(f'{old_owner}/{old_name}')}(?![\w-])"
    )
    pages = re.compile(
        rf"https://{re.escape(old_owner)}\.github\.io/{re.escape(old_name)}(?![\w-])", re.I
    )
    changed = []
    for file in sorted({found for pattern in FILES for found in root.glob(pattern)}):
        before = file.read_text(encoding="utf-8")
        after = old.sub(rf"\g<1>{owner}/{name}", before)
        after = after.replace(f"\ncd {old_name}\n", f"\ncd {name}\n")  # after the clone command
        after = pages.sub(f"https://{owner.lower()}.github.io/{name}", after)
        if after != before:
            file.write_text(after, encoding="utf-8")
            changed.append(file.relative_to(root))
    return changed


def main(arguments: list[str]) -> int:
    """Run the command line."""
    if len(arguments) != 1 or arguments[0] in ("-h", "--help"):
        print(__doc__.strip())
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    try:
        changed = write(*parse(arguments[0]))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    for file in changed:
        print(file)
    print(f"{len(changed)} files changed." if changed else "Nothing to change.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
