#!/bin/sh
# Bring the database up to date, then *become* the server: with exec it is
# process 1, so that it gets the signal of `docker stop` and ends at once.
set -e
alembic upgrade head
exec "$@"
