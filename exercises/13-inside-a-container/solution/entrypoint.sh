#!/bin/sh
# Prepare the container, then run what it was started for.
set -e

mkdir -p "${BOOK:=/tmp/book}"
touch "$BOOK/guests.txt"
export BOOK
echo "entrypoint: the book is in $BOOK"

exec "$@"
