"""How the programs reach the database; all of it is told from outside, by variables.

DB_HOST          its name in the network
DB_NAME, DB_USER
DB_PASSWORD      the password, or
DB_PASSWORD_FILE the name of a file that holds it
"""

import os
import sys
from pathlib import Path

import pg8000.native


def password() -> str:
    if file := os.environ.get("DB_PASSWORD_FILE"):
        return Path(file).read_text().strip()
    return os.environ.get("DB_PASSWORD", "")


def connect() -> pg8000.native.Connection:
    """Connect, or end the program with one line that says why not."""
    try:
        return pg8000.native.Connection(
            host=os.environ["DB_HOST"],
            database=os.environ["DB_NAME"],
            user=os.environ["DB_USER"],
            password=password(),
        )
    except KeyError as error:
        sys.exit(f"the variable {error} is missing")
    except (pg8000.native.InterfaceError, pg8000.native.DatabaseError, OSError) as error:
        sys.exit(f"cannot connect to the database: {error}")
