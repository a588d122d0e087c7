"""The addresses that Atelier listens on: which are allowed, and whether they are free."""

import contextlib
import ipaddress
import socket

from models.errors import NotConfigured
from settings import Settings


def check_host(settings: Settings) -> None:
    """Raise NotConfigured when the API would be open to a network without authentication and nobody said so by name."""
    allowed = settings.authentication_enforced or settings.auth_required is False
    if not _is_loopback(settings.host) and not allowed:
        raise NotConfigured(
            f"HOST={settings.host} would open the API to the network without authentication; set HOST=127.0.0.1, "
            "turn authentication on with API_AUTH_KEY or AUTH_REQUIRED=true, or allow it by name with "
            "AUTH_REQUIRED=false"
        )


def listening_socket(host: str, port: int, setting: str) -> socket.socket:
    """Return a socket bound to the address. Raises NotConfigured, naming the port and the setting."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as exc:
        raise NotConfigured(f"HOST={host} is not an address of this machine ({exc.strerror})") from exc
    with contextlib.ExitStack() as stack:
        # Named TCP: asyncio sends small answers at once (TCP_NODELAY) only on sockets that say what they are.
        bound = stack.enter_context(socket.socket(family, kind, socket.IPPROTO_TCP))
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(address)
            bound.listen(2048)
        except OSError as exc:
            raise NotConfigured(
                f"port {port} of {host} cannot be used ({exc.strerror}); "
                f"stop what uses it, or set {setting} to another port"
            ) from exc
        stack.pop_all()
        return bound


def api_sockets(settings: Settings) -> list[socket.socket]:
    """Return the API's sockets, one for each port. Raises NotConfigured."""
    with contextlib.ExitStack() as stack:
        names = {settings.port: "PORT", settings.api_port: "API_PORT"}
        sockets = [stack.enter_context(listening_socket(settings.host, port, names[port])) for port in settings.ports]
        stack.pop_all()
        return sockets


def prefect_socket(port: int) -> socket.socket:
    """Return the socket of the Prefect server: on loopback always, because its UI has no authentication."""
    return listening_socket("127.0.0.1", port, "PREFECT_PORT")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
