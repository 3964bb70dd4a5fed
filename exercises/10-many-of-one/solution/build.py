"""Makes the page of the notice board: dist/page.html, from page.txt."""

from html import escape
from pathlib import Path


def main() -> None:
    title, *lines = Path("page.txt").read_text().splitlines()
    text = "".join(f"<p>{escape(line)}</p>" for line in lines if line)
    Path("dist").mkdir(exist_ok=True)
    Path("dist/page.html").write_text(
        f"<!doctype html><title>{escape(title)}</title><h1>{escape(title)}</h1>"
        f"{text}<pre>NOTICE</pre><p><small>from HOST</small></p>"
    )


main()
