import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before the app is imported: the tests have a database of their own.
os.environ["DATABASE_URL"] = f"sqlite:///{tempfile.mkdtemp()}/test.db"

from alembic import command
from alembic.config import Config
from fastapi.testclient import TestClient

from main import app


@pytest.fixture
def migrations() -> Config:
    return Config(str(Path(__file__).parent.parent / "alembic.ini"))


@pytest.fixture
def client(migrations: Config) -> Iterator[TestClient]:
    """The app, on an empty database made by the migrations."""
    command.upgrade(migrations, "head")
    with TestClient(app) as client:
        yield client
    command.downgrade(migrations, "base")
