from datetime import datetime

import pytest
from alembic import command
from alembic.config import Config
from fastapi.testclient import TestClient
from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from database import session
from main import app


def test_a_note_from_beginning_to_end(client: TestClient) -> None:
    assert client.get("/notes").json() == []

    answer = client.post("/notes", json={"text": "  read the Dockerfile  "})
    assert answer.status_code == 201
    note = answer.json()
    assert (note["text"], note["done"]) == ("read the Dockerfile", False)
    assert datetime.fromisoformat(note["created_at"]).utcoffset() is not None

    path = f"/notes/{note['id']}"
    assert client.get(path).json() == note
    assert client.patch(path, json={"done": True}).json() == note | {"done": True}
    assert client.patch(path, json={"text": "mend it"}).json()["text"] == "mend it"
    assert client.get("/notes").json() == [note | {"done": True, "text": "mend it"}]

    assert client.delete(path).status_code == 204
    assert client.get("/notes").json() == []


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_note_that_does_not_exist(client: TestClient, method: str) -> None:
    answer = client.request(method, "/notes/7", json={})
    assert answer.status_code == 404
    assert answer.json() == {"detail": "There is no note 7."}


@pytest.mark.parametrize("note_id", ["0", "-1", "2147483648", "9" * 30, "x"])
def test_a_number_that_no_note_can_have(client: TestClient, note_id: str) -> None:
    answer = client.get(f"/notes/{note_id}")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["path", "note_id"]


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": "   "}, {"text": "x" * 201}])
def test_a_note_that_is_not_one(client: TestClient, body: dict[str, str]) -> None:
    answer = client.post("/notes", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "text"]


def test_health(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok", "database": "sqlite"}


def test_whoami(client: TestClient) -> None:
    assert client.get("/whoami").json()["hostname"]


def test_the_database_is_away(client: TestClient) -> None:
    away = create_engine("sqlite:////no/such/folder/notes.db")
    app.dependency_overrides[session] = lambda: Session(away)
    try:
        for path in ("/health", "/notes"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert answer.json() == {"detail": "The database does not answer."}
    finally:
        app.dependency_overrides.clear()


def test_a_mistake_of_ours_is_not_called_the_databases(client: TestClient) -> None:
    def wrong() -> None:
        raise IntegrityError("INSERT …", {}, Exception("NOT NULL constraint failed"))

    app.dependency_overrides[session] = wrong
    try:
        with pytest.raises(IntegrityError):
            client.get("/notes")
    finally:
        app.dependency_overrides.clear()


def test_the_browser_may_ask(client: TestClient) -> None:
    def allowed(origin: str) -> str | None:
        answer = client.get("/whoami", headers={"Origin": origin})
        return answer.headers.get("access-control-allow-origin")

    assert allowed("http://localhost:5173") == "http://localhost:5173"
    assert allowed("https://elsewhere.example") is None


def test_the_migrations_make_the_models(client: TestClient, migrations: Config) -> None:
    command.check(migrations)
