"""Free ports."""

import socket

import pytest

from capas import ports


@pytest.mark.parametrize("address", ["127.0.0.1", ""], ids=["here", "everywhere"])
def test_a_taken_port_is_not_used(address: str) -> None:
    with socket.create_server((address, 0)) as server:
        taken = server.getsockname()[1]
        assert not ports.is_free(taken)
        other = ports.free_port(taken)
        assert other != taken
        assert ports.is_free(other)


def test_a_listener_that_has_gone_is_no_obstacle() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()  # lingers on this side
    assert ports.free_port(port) == port


def test_any_port_will_do() -> None:
    assert ports.is_free(ports.free_port())


def test_a_number_that_is_no_port_is_not_free() -> None:
    assert not ports.is_free(70000)
