"""What comes in and goes out over HTTP; Pydantic refuses the rest with a 422."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints


def in_utc(moment: datetime) -> datetime:
    """SQLite forgets the time zone; what we store is UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Moment = Annotated[datetime, AfterValidator(in_utc)]


class NewNote(BaseModel):
    text: Text


class NoteChange(BaseModel):
    text: Text | None = None
    done: bool | None = None


class NoteOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    text: str
    done: bool
    created_at: Moment
