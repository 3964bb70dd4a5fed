"""The database: SQLite in a file, or whatever DATABASE_URL names."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from fastapi import Depends
from sqlalchemy import create_engine, make_url
from sqlalchemy.orm import Session

DATABASE_URL = make_url(os.environ.get("DATABASE_URL", "sqlite:///notes.db"))

# A password in a file (a Docker secret) is not in the environment for all to see.
if file := os.environ.get("DATABASE_PASSWORD_FILE"):
    DATABASE_URL = DATABASE_URL.set(password=Path(file).read_text(encoding="utf-8").strip())

# A PostgreSQL that is away must not keep a request waiting for minutes.
connect_args = {"connect_timeout": 2} if DATABASE_URL.get_backend_name() == "postgresql" else {}

# pool_pre_ping: a database that was restarted is noticed, and connected to again.
engine = create_engine(DATABASE_URL, connect_args=connect_args, pool_pre_ping=True)


def session() -> Iterator[Session]:
    """One session for each request, closed when the request ends."""
    with Session(engine) as session:
        yield session


Database = Annotated[Session, Depends(session)]
