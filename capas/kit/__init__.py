"""The classroom kit: one file with all that a class needs, for rooms without a network.

- `contents.py`: what a kit is: files with their checksums; an archive, a folder, a web address.
- `using.py`: taking what this machine needs; standard library only, for the bootstrap.
- `server.py`: serves a kit over HTTP, read-only: the kit itself, and what pip, npm, apt and
  ``docker pull`` ask for. On a lecturer's machine for the room; on a student's for containers.
- `local.py`: that server beside the Docker Engine, and base images out of the kit.
- `needs.py`: what the course's builds install, read from its files.
- `wheels.py`, `npm.py`, `debian.py`, `saving.py`: getting each kind; `making.py`: all of it.

Nothing here is imported before a kit is made or used.
"""
