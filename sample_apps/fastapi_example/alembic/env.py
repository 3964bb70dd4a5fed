"""Runs the migrations against the app's own database."""

from logging.config import fileConfig

from alembic import context

from database import engine
from models import Base

if context.config.config_file_name:
    fileConfig(context.config.config_file_name, disable_existing_loggers=False)

with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,  # SQLite can alter a table only by copying it
    )
    with context.begin_transaction():
        context.run_migrations()
