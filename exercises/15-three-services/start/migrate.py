"""Brings the database's tables up to date: runs each file of migrations/ that has not yet run.

Which ones have, it notes in the table "migrations".
"""

from pathlib import Path

from database import connect


def main() -> None:
    db = connect()
    db.run("CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY)")
    done = {name for (name,) in db.run("SELECT name FROM migrations")}
    for file in sorted(Path("migrations").glob("*.sql")):
        if file.name in done:
            print(f"{file.name}: was applied before")
            continue
        db.run("START TRANSACTION")
        db.run(file.read_text())
        db.run("INSERT INTO migrations VALUES (:name)", name=file.name)
        db.run("COMMIT")
        print(f"{file.name}: applied")


main()
