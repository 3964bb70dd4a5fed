import os
import subprocess
import sys
from pathlib import Path


def test_a_password_in_a_file_completes_the_url(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("a@b:c/d\n")
    # In a Python of its own: in this one the app has its engine already.
    told = subprocess.run(
        [sys.executable, "-c", "import database; print(repr(database.DATABASE_URL.password))"],
        cwd=Path(__file__).parent.parent,
        env=os.environ
        | {
            "DATABASE_URL": "postgresql+psycopg://notes@database/notes",
            "DATABASE_PASSWORD_FILE": str(secret),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "'a@b:c/d'"
