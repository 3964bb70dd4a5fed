"""``capas kit serve``: a kit for the classroom's network, until Ctrl-C."""

import segno
import typer

from capas.errors import CapasError
from capas.kit import contents, server, using
from capas.kit.contents import Source
from capas.language import _
from capas.terminal import progress, table


def serve(kit: str | None, port: int, address: str | None) -> None:
    """Serve it; returns when it is interrupted.

    Raises:
        CapasError: there is no such kit, or this machine has no such address.
    """
    source: Source | None = contents.open_kit(kit) if kit else using.in_use()
    if source is None:
        raise CapasError(_("This machine uses no kit: name the file of one."))
    taken: set[str] = set()

    def taker(client: str) -> None:
        if client not in taken:
            taken.add(client)
            progress(
                _("{client} takes the kit ({count} so far)").format(client=client, count=len(taken))
            )

    try:
        running = server.listen(source, address or "0.0.0.0", port, taker)
    except OSError as error:
        raise CapasError(
            _("Nothing can be served on {address} ({reason}): choose another address.").format(
                address=address or "0.0.0.0", reason=error.strerror or error
            )
        ) from error
    with running:
        if running.port != port:
            progress(
                _("port {wanted} is taken: this is {port}").format(wanted=port, port=running.port)
            )
        _tell(source, [address] if address else server.addresses(), running.port)
        running.serve_forever()


def _tell(source: Source, addresses: list[str], port: int) -> None:
    if not addresses:
        progress(_("this machine is in no network: only it can reach the kit"))
        addresses = ["127.0.0.1"]
    url = f"http://{addresses[0]}:{port}"
    segno.make(url).terminal(compact=True)
    typer.echo(f"{url}  ({source.contents.size / 1e6:.0f} MB)\n")
    for other in addresses[1:]:
        typer.echo(f"http://{other}:{port}")
    table(
        (_("for"), _("command or setting")),
        [
            (_("students"), f"python3 -m capas kit use {url}"),
            ("pip", f"pip install --index-url {url}/simple/ --trusted-host {addresses[0]} …"),
            ("npm", f"npm config set registry {url}/npm/"),
            ("docker", f"CAPAS_MIRROR={addresses[0]}:{port}"),
        ],
    )
    progress(_("Ctrl-C stops it"))
