"""An API of notes: the lecture's FastAPI example."""

import logging
import socket
from typing import Annotated

from fastapi import FastAPI, HTTPException, Path, Request, Response, status
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from sqlalchemy import select, text
from sqlalchemy.exc import InterfaceError, OperationalError

from database import Database, engine
from models import Note
from schemas import NewNote, NoteChange, NoteOut

# What fits in the database's column: a greater number is our caller's mistake.
NoteId = Annotated[int, Path(ge=1, le=2**31 - 1)]

app = FastAPI(title="fastapi_example", version="1.0.0")

# Asked every few seconds: it would fill the log.
logging.getLogger("uvicorn.access").addFilter(lambda record: "/health" not in record.getMessage())

# A page that the web app serves comes from another port, so for the browser from
# another origin: it may read our answers only if we say so.
app.add_middleware(
    CORSMiddleware,
    allow_origin_regex=r"http://(localhost|127\.0\.0\.1)(:\d+)?",
    allow_methods=["*"],
)


@app.exception_handler(OperationalError)
@app.exception_handler(InterfaceError)
def database_is_away(request: Request, error: Exception) -> JSONResponse:
    """Not our caller's fault, and it may pass: 503, not 500."""
    return JSONResponse(
        {"detail": "The database does not answer."}, status.HTTP_503_SERVICE_UNAVAILABLE
    )


@app.get("/")
def root() -> dict[str, str]:
    return {"message": "Notes API", "notes": "/notes", "docs": "/docs"}


@app.get("/health")
def health(database: Database) -> dict[str, str]:
    """Is the app, with its database, able to work? 503 when it is not."""
    database.execute(text("SELECT 1"))
    return {"status": "ok", "database": engine.dialect.name}


@app.get("/whoami")
def whoami() -> dict[str, str]:
    """Which container answered? Its hostname is its short id."""
    return {"hostname": socket.gethostname(), "database": engine.dialect.name}


@app.get("/notes")
def list_notes(database: Database) -> list[NoteOut]:
    notes = database.scalars(select(Note).order_by(Note.id))
    return [NoteOut.model_validate(note) for note in notes]


@app.post("/notes", status_code=status.HTTP_201_CREATED)
def add_note(new: NewNote, database: Database) -> NoteOut:
    note = Note(text=new.text)
    database.add(note)
    database.commit()
    return NoteOut.model_validate(note)


@app.get("/notes/{note_id}")
def get_note(note_id: NoteId, database: Database) -> NoteOut:
    return NoteOut.model_validate(find(note_id, database))


@app.patch("/notes/{note_id}")
def change_note(note_id: NoteId, change: NoteChange, database: Database) -> NoteOut:
    note = find(note_id, database)
    if change.text is not None:
        note.text = change.text
    if change.done is not None:
        note.done = change.done
    database.commit()
    return NoteOut.model_validate(note)


@app.delete("/notes/{note_id}", status_code=status.HTTP_204_NO_CONTENT, response_class=Response)
def delete_note(note_id: NoteId, database: Database) -> None:
    database.delete(find(note_id, database))
    database.commit()


def find(note_id: int, database: Database) -> Note:
    note = database.get(Note, note_id)
    if note is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"There is no note {note_id}.")
    return note
