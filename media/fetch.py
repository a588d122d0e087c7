"""Fetching addresses that callers name, without letting them reach what only this machine can reach.

The rules: ``http`` and ``https`` only, no credentials in the address; every address that the host's name stands for
must be public; the connection goes to the very address that was checked, whatever the name would stand for a moment
later; each redirect is checked like the first address; size and total time are limited while the bytes arrive.
"""

import concurrent.futures
import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpcore
import httpx

from media.addresses import is_public
from models.errors import FetchFailed
from settings import get_settings

MAX_REDIRECTS = 3
_CONNECT_TIMEOUT_S = 10.0
_MOST_ADDRESSES = 4
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_PORTS = {"http": 80, "https": 443}
_HEADERS = (("User-Agent", "Atelier"), ("Accept", "*/*"), ("Accept-Encoding", "identity"), ("Connection", "close"))
_resolvers = concurrent.futures.ThreadPoolExecutor(8, thread_name_prefix="resolve")


class Fetched(NamedTuple):
    """An answer with status 200. ``chunks`` raises FetchFailed when the rest does not arrive or is too much."""

    url: str
    chunks: Iterator[bytes]


@contextmanager
def fetch(url: str, *, limit_bytes: int, timeout_s: float, trusted_host: str | None = None) -> Iterator[Fetched]:
    """Yield what is at ``url``, at most ``limit_bytes`` of it, within ``timeout_s`` seconds for everything.

    Raises FetchFailed, whose text is the reason in a few words: ``URL host is not allowed``, ``URL scheme is not
    allowed``, ``HTTP 404``, ``timeout``, ``too many redirects``, ``response too large``, and so on. The rule about
    public addresses is lifted by ``ASSET_URL_ALLOW_PRIVATE``, and for the one host that the settings trust anyway.
    """
    deadline = _Deadline(timeout_s)
    with _plain_reasons(), httpcore.ConnectionPool(
        ssl_context=httpx.create_ssl_context(), network_backend=_CheckedBackend(deadline, trusted_host)
    ) as pool:  # fmt: skip
        for _ in range(MAX_REDIRECTS + 1):
            address = _checked_url(url)
            with pool.stream("GET", _target(address), headers=_headers(address)) as answer:
                location = _header(answer, b"location")
                if answer.status not in _REDIRECTS or location is None:
                    _check_answer(answer, limit_bytes)
                    yield Fetched(str(address), _limited(answer.iter_stream(), limit_bytes))
                    return
                url = str(address.join(location))
        raise FetchFailed("too many redirects")


class _Deadline:
    """One moment by which everything must be done; no single wait may outlast it."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left_s(self) -> float:
        """Return the seconds that are left. Raises FetchFailed when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise FetchFailed("timeout")
        return left


class _CheckedBackend(httpcore.NetworkBackend):
    """Connects to addresses, never to names: resolves once, checks every address, and uses those."""

    def __init__(self, deadline: _Deadline, trusted_host: str | None) -> None:
        self._deadline, self._trusted_host = deadline, trusted_host

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002  the deadline stands instead
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = self._resolve(host, port)
        free = host == self._trusted_host or get_settings().asset_url_allow_private
        if not free and not all(map(is_public, addresses)):
            raise FetchFailed("URL host is not allowed")
        fault: httpcore.ConnectError | httpcore.ConnectTimeout = httpcore.ConnectError("no address")
        for address in addresses[:_MOST_ADDRESSES]:
            wait_s = min(_CONNECT_TIMEOUT_S, self._deadline.left_s())
            try:
                stream = httpcore.SyncBackend().connect_tcp(address, port, wait_s, local_address, socket_options)
                return _TimedStream(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                fault = exc
        raise fault

    def _resolve(self, host: str, port: int) -> list[str]:
        asked = _resolvers.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        try:
            found = asked.result(self._deadline.left_s())
        except concurrent.futures.TimeoutError as exc:
            raise FetchFailed("timeout") from exc
        except (OSError, UnicodeError) as exc:
            raise FetchFailed("host not found") from exc
        return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class _TimedStream(httpcore.NetworkStream):
    """A connection on which nothing waits beyond the deadline, however slowly the bytes drip."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, self._deadline.left_s())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, self._deadline.left_s())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:  # fmt: skip
        wait_s = min(_CONNECT_TIMEOUT_S, self._deadline.left_s() if timeout is None else timeout)
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, wait_s), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _checked_url(url: str) -> httpx.URL:
    try:
        address = httpx.URL(url.strip())
    except httpx.InvalidURL as exc:
        raise FetchFailed("URL is not valid") from exc
    if address.scheme not in _PORTS:
        raise FetchFailed("URL scheme is not allowed")
    if address.userinfo:
        raise FetchFailed("URL must not contain credentials")
    if not address.host or not 0 < (address.port or 80) < 65536:
        raise FetchFailed("URL host is not allowed")
    return address


def _target(address: httpx.URL) -> httpcore.URL:
    port = address.port or _PORTS[address.scheme]
    return httpcore.URL(scheme=address.raw_scheme, host=address.raw_host, port=port, target=address.raw_path)


def _headers(address: httpx.URL) -> list[tuple[str, str]]:
    return [("Host", address.netloc.decode("ascii")), *_HEADERS]


def _header(answer: httpcore.Response, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in answer.headers if key.lower() == name), None)


def _check_answer(answer: httpcore.Response, limit_bytes: int) -> None:
    if answer.status != 200:
        raise FetchFailed(f"HTTP {answer.status}")
    if (_header(answer, b"content-encoding") or "identity").lower() != "identity":
        raise FetchFailed("response is compressed")  # unpacking it could take any amount of memory
    length = _header(answer, b"content-length") or ""
    if length.isascii() and length.isdigit() and int(length) > limit_bytes:
        raise FetchFailed("response too large")


def _limited(chunks: Iterable[bytes], limit_bytes: int) -> Iterator[bytes]:
    size = 0
    with _plain_reasons():
        for chunk in chunks:
            size += len(chunk)
            if size > limit_bytes:
                raise FetchFailed("response too large")
            yield chunk


@contextmanager
def _plain_reasons() -> Iterator[None]:
    try:
        yield
    except httpcore.TimeoutException as exc:
        raise FetchFailed("timeout") from exc
    except httpcore.ConnectError as exc:
        insecure = isinstance(exc.__cause__ or exc.__context__, ssl.SSLError)
        raise FetchFailed("no secure connection" if insecure else "connection failed") from exc
    except (httpcore.NetworkError, httpcore.ProtocolError) as exc:
        raise FetchFailed("connection broken") from exc
    except httpx.InvalidURL as exc:
        raise FetchFailed("redirect to an address that is not valid") from exc
