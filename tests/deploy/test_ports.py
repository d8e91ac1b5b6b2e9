"""Free ports and taken ones."""

import socket

from pipetrail_deploy.ports import HOST, accepts, free_port, is_free


def test_a_port_with_a_listener_is_not_free() -> None:
    """It is taken while somebody listens, and free afterwards."""
    port = free_port()  # not the system's choice, which outgoing connections may be given as well
    with socket.create_server((HOST, port)):
        assert (is_free(port), accepts(port)) == (False, True)
    assert (is_free(port), accepts(port)) == (True, False)


def test_a_listener_on_every_address_counts() -> None:
    """One that listens on all addresses has the port on ours, too."""
    with socket.create_server(("", 0)) as server:
        assert not is_free(server.getsockname()[1])


def test_a_free_port_is_none_that_outgoing_connections_take() -> None:
    """A server that is being restarted finds its port as it left it."""
    port = free_port()
    assert is_free(port)
    assert 1024 < port < 32_768
