"""Which addresses are allowed, and what is said when one is taken."""

import socket

import pytest

from deployments.addresses import api_sockets, check_host, prefect_socket
from models.errors import NotConfigured
from settings import Settings


def settings(**values: object) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1"])
def test_loopback_needs_no_permission(host: str) -> None:
    check_host(settings(HOST=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org"])
def test_anything_else_needs_authentication_or_permission_by_name(host: str) -> None:
    for nothing in ({}, {"API_AUTH_KEY": " "}, {"AUTH_BOOTSTRAP_USERNAME": "rosa"}):
        with pytest.raises(NotConfigured, match="AUTH_REQUIRED=false"):
            check_host(settings(HOST=host, **nothing))
    for something in ({"AUTH_REQUIRED": False}, {"AUTH_REQUIRED": True}, {"API_AUTH_KEY": "a-key"}):
        check_host(settings(HOST=host, **something))


def test_equal_ports_are_one() -> None:
    with prefect_socket(0) as probe:
        port = probe.getsockname()[1]
    sockets = api_sockets(settings(API_PORT=port, PORT=port))
    assert [bound.getsockname() for bound in sockets] == [("127.0.0.1", port)]
    sockets[0].close()


def test_a_taken_port_names_its_setting_and_frees_the_others() -> None:
    with prefect_socket(0) as taken, prefect_socket(0) as probe:
        port, other = taken.getsockname()[1], probe.getsockname()[1]
        probe.close()
        with pytest.raises(NotConfigured, match=f"port {port} .* set PORT to another"):
            api_sockets(settings(API_PORT=other, PORT=port))
        with socket.socket() as again:
            again.bind(("127.0.0.1", other))


def test_an_address_of_another_machine_is_explained() -> None:
    with pytest.raises(NotConfigured, match=r"192\.0\.2\.1"):
        api_sockets(settings(HOST="192.0.2.1"))
