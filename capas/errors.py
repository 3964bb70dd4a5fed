"""The one kind of error that a user is meant to read."""


class CapasError(Exception):
    """A situation of the user's machine, told in one sentence that says what to do.

    The command line prints the message and exits with 1; a notebook prints it
    and goes on. Everything else that is raised is a bug of ours.
    """
