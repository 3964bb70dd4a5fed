"""The commands ``capas kit …``."""

from pathlib import Path
from typing import Annotated

import typer

from capas.language import _

app = typer.Typer(
    help=_("The classroom kit: everything that a class needs, in one file, without a network."),
    no_args_is_help=True,
)


@app.command(
    help=_("Make a kit: base images, and the packages of the course and of all its builds.")
    + "\n\n"
    + _(
        "Needs the network and an engine, once. Interrupted, the next run goes on; it says the "
        "size before it fetches."
    )
)
def make(
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help=_("The file to be made: capas-kit.zip."))
    ],
    dev: Annotated[
        bool, typer.Option("--dev", help=_("Also what `capas test` needs (not its browser)."))
    ] = False,
    system: Annotated[
        list[str] | None,
        typer.Option(
            "--system",
            help=_(
                "Only these students' systems, such as linux-x86_64; else all of: {all}."
            ).format(
                all="linux-x86_64, linux-aarch64, macos-x86_64, macos-aarch64, windows-x86_64"
            ),
        ),
    ] = None,
    python: Annotated[
        list[str] | None,
        typer.Option(
            "--python", help=_("Only these versions of Python; else 3.11, 3.12, 3.13, 3.14.")
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            "--engine", metavar="WHICH", help=_("As for `capas lab`."), envvar="CAPAS_ENGINE"
        ),
    ] = None,
) -> None:
    """Make a kit."""
    from capas.engine import ensure, started_here
    from capas.kit.making import Kit
    from capas.kit.wheels import PYTHONS, SYSTEMS, Target
    from capas.sharing import ours, sharing
    from capas.terminal import progress, tidy_end

    for given, known in ((system, SYSTEMS), (python, PYTHONS)):
        for word in given or ():
            if word not in known:
                raise typer.BadParameter(
                    _("{word} is not one of: {known}.").format(word=word, known=", ".join(known))
                )
    targets = [Target(s, p) for s in system or SYSTEMS for p in python or PYTHONS]
    with tidy_end(), sharing():
        try:
            found = ensure(engine, progress)
        finally:
            if started_here():
                ours()
        Kit(out.expanduser().absolute(), found, progress, dev=dev, targets=targets).make()
    typer.echo(
        _("Offer it to the class by `capas kit serve {file}`, or copy the file.").format(file=out)
    )


@app.command(
    help=_("Use a kit on this machine: from a file, or from a lecturer's `capas kit serve`.")
    + "\n\n"
    + _("Works in a fresh clone, without a network. Interrupted, the next run goes on.")
)
def use(
    place: Annotated[str, typer.Argument(metavar="PATH|URL", help=_("The file, or http://…"))],
) -> None:
    """Take what this machine needs."""
    from capas.kit import contents, using
    from capas.kit.making import requirements_digest
    from capas.terminal import progress

    source = contents.open_kit(place)
    if source.contents.get("requirements") != requirements_digest():
        progress(
            _(
                "this kit was made for another version of the course: should something be missing, "
                "ask for a newer one"
            )
        )
    if missing := source.contents.get("missing").get(using.target()):
        progress(
            _("there are no wheels for {target} of: {names}").format(
                target=using.target(), names=", ".join(missing)
            )
        )
    using.use(source, progress)
    typer.echo(_("The kit is ready: `python3 -m capas lab` needs no network now."))


@app.command(help=_("Stop using a kit, and remove what was taken from it."))
def drop() -> None:
    """Forget the kit."""
    from capas.kit import local, using

    local.down()
    typer.echo(_("The kit is removed.") if using.drop() else _("This machine uses no kit."))


@app.command(
    help=_("Offer a kit to the classroom: for `capas kit use http://…`, and as registries.")
    + "\n\n"
    + _(
        "Whoever is in the same network can read it, and nothing else on this machine; nobody can "
        "write. Ctrl-C stops it."
    )
)
def serve(
    kit: Annotated[
        str | None,
        typer.Argument(
            metavar="[KIT]", help=_("The kit's file; else the kit that this machine uses.")
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help=_("If taken, another is used."))
    ] = 8642,
    address: Annotated[
        str | None, typer.Option(help=_("Address to listen on; else all of this machine's."))
    ] = None,
) -> None:
    """Serve a kit until Ctrl-C."""
    from capas.kit.serving import serve

    serve(kit, port, address)
