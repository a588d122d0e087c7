"""Fetching from real servers on loopback; what names stand for is faked."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import media.fetch
from media.fetch import fetch
from models.errors import FetchFailed
from settings import get_settings

DATA = bytes(range(256)) * 1000
Handle = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """An HTTP server on loopback; ``pages`` decides what each path does, ``hosts`` notes who was asked for."""

    def __init__(self, address: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.pages: dict[str, Handle] = {"/data": lambda page: answer(page, DATA)}
        self.hosts: list[str | None] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.hosts.append(self.headers["Host"])
                server.pages.get(self.path, lambda page: page.send_error(404))(self)

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        self._http = ThreadingHTTPServer((address, port), Handler)
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self.port = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


def answer(page: BaseHTTPRequestHandler, data: bytes, status: int = 200, **headers: str) -> None:
    page.send_response(status)
    for name, text in {"Content-Length": str(len(data)), **headers}.items():
        page.send_header(name.replace("_", "-"), text)
    page.end_headers()
    page.wfile.write(data)


def redirect(to: str, status: int = 302) -> Handle:
    return lambda page: answer(page, b"", status, Location=to)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*arguments: Any, **options: Any) -> Server:
        servers.append(Server(*arguments, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    return serve()


@pytest.fixture
def private(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lift the address rule."""
    monkeypatch.setenv("ASSET_URL_ALLOW_PRIVATE", "true")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What host names stand for: a list of addresses, or a function that returns one."""
    known: dict[str, Any] = {}
    real = socket.getaddrinfo

    def look_up(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in known:
            return real(host, port, *arguments, **options)
        listed = known[name]() if callable(known[name]) else known[name]
        return [entry for address in listed for entry in real(address, port, *arguments, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


def fetched(url: str, limit_bytes: int = 10**6, timeout_s: float = 10.0) -> bytes:
    with fetch(url, limit_bytes=limit_bytes, timeout_s=timeout_s) as found:
        return b"".join(found.chunks)


def reason(url: str, **limits: Any) -> str:
    with pytest.raises(FetchFailed) as caught:
        fetched(url, **limits)
    return str(caught.value)


def test_bytes_come_in_chunks(server: Server, private: None) -> None:
    url = f"http://127.0.0.1:{server.port}/data"
    with fetch(url, limit_bytes=len(DATA), timeout_s=10) as found:
        chunks = list(found.chunks)
    assert b"".join(chunks) == DATA
    assert len(chunks) > 1
    assert found.url == url


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "0",
        "169.254.169.254", "10.0.0.1", "100.64.0.1", "[fd00:ec2::254]", "[64:ff9b::7f00:1]", "224.0.0.1",
    ],
)  # fmt: skip
def test_private_hosts_are_refused_and_never_reached(server: Server, host: str) -> None:
    assert reason(f"http://{host}:{server.port}/data") == "URL host is not allowed"
    assert server.hosts == []


def test_a_name_with_one_private_address_is_refused(server: Server, names: dict[str, Any]) -> None:
    names["mixed.example"] = ["93.184.216.34", "127.0.0.1"]
    assert reason(f"http://mixed.example:{server.port}/data") == "URL host is not allowed"
    assert server.hosts == []


def test_the_connection_goes_to_the_address_that_was_checked(
    serve: Callable[..., Server], names: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = serve("127.0.0.2")
    inside = serve("127.0.0.1", checked.port)
    monkeypatch.setattr(media.fetch, "is_public", lambda address: address == "127.0.0.2")
    answers = iter([["127.0.0.2"], ["127.0.0.1"]])
    names["rebound.example"] = lambda: next(answers)
    assert fetched(f"http://rebound.example:{checked.port}/data") == DATA
    assert checked.hosts == [f"rebound.example:{checked.port}"]
    assert reason(f"http://rebound.example:{checked.port}/data") == "URL host is not allowed"
    assert inside.hosts == []


def test_each_redirect_is_checked(
    serve: Callable[..., Server], names: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = serve("127.0.0.2")
    inside = serve("127.0.0.1", outside.port)
    monkeypatch.setattr(media.fetch, "is_public", lambda address: address == "127.0.0.2")
    names["outside.example"] = ["127.0.0.2"]
    outside.pages["/in"] = redirect(f"http://127.0.0.1:{inside.port}/data")
    outside.pages["/file"] = redirect("file:///etc/passwd")
    outside.pages["/secret"] = redirect(f"//user:secret@outside.example:{outside.port}/data")
    outside.pages["/relative"] = redirect("data", 308)
    outside.pages["/broken"] = redirect("http://a.example:x/")
    base = f"http://outside.example:{outside.port}"
    assert reason(f"{base}/in") == "URL host is not allowed"
    assert reason(f"{base}/file") == "URL scheme is not allowed"
    assert reason(f"{base}/secret") == "URL must not contain credentials"
    assert reason(f"{base}/broken") == "redirect to an address that is not valid"
    assert fetched(f"{base}/relative") == DATA
    assert inside.hosts == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_three_redirects_are_followed_and_no_more(server: Server, private: None, status: int) -> None:
    for number in range(4):
        server.pages[f"/{number}"] = redirect(f"/{number - 1}" if number else "/data", status)
    assert fetched(f"http://127.0.0.1:{server.port}/2") == DATA
    assert reason(f"http://127.0.0.1:{server.port}/3") == "too many redirects"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("file:///etc/passwd", "URL scheme is not allowed"), ("ftp://a.example/x", "URL scheme is not allowed"),
        ("gopher://127.0.0.1/", "URL scheme is not allowed"), ("data:image/png;base64,AA", "URL scheme is not allowed"),
        ("picture.jpg", "URL scheme is not allowed"), ("", "URL scheme is not allowed"),
        ("//127.0.0.1/x", "URL scheme is not allowed"), ("http:///x", "URL host is not allowed"),
        ("http://user@a.example/", "URL must not contain credentials"),
        ("http://a.example:99999/", "URL host is not allowed"),
        ("http://a.example\\@127.0.0.1/", "URL must not contain credentials"), ("http://a\0b/", "URL is not valid"),
        ("http://a.example:x/", "URL is not valid"), ("http://" + "a" * 70_000, "URL is not valid"),
        ("http://" + "a" * 300 + ".example/", "host not found"),
    ],
)  # fmt: skip
def test_addresses_that_cannot_be_used(url: str, expected: str) -> None:
    assert reason(url) == expected


def test_only_success_counts(server: Server, private: None) -> None:
    base = f"http://127.0.0.1:{server.port}"
    server.pages["/gone"] = lambda page: page.send_error(410)
    server.pages["/part"] = lambda page: answer(page, b"x", 206)
    server.pages["/nowhere"] = lambda page: answer(page, b"", 302)
    server.pages["/packed"] = lambda page: answer(page, b"x", Content_Encoding="gzip")
    assert reason(f"{base}/missing") == "HTTP 404"
    assert reason(f"{base}/gone") == "HTTP 410"
    assert reason(f"{base}/part") == "HTTP 206"
    assert reason(f"{base}/nowhere") == "HTTP 302"
    assert reason(f"{base}/packed") == "response is compressed"


def test_size_is_limited_with_and_without_a_promise(server: Server, private: None) -> None:
    def endless(page: BaseHTTPRequestHandler) -> None:
        page.send_response(200)
        page.end_headers()
        try:
            while True:
                page.wfile.write(DATA)
        except OSError:
            pass  # the caller has had enough

    server.pages["/endless"] = endless
    base = f"http://127.0.0.1:{server.port}"
    assert reason(f"{base}/data", limit_bytes=len(DATA) - 1) == "response too large"
    assert reason(f"{base}/endless") == "response too large"


@pytest.mark.parametrize("where", ["header", "body"])
def test_bytes_that_drip_end_with_the_total_time(server: Server, private: None, where: str) -> None:
    stop = threading.Event()

    def drip(page: BaseHTTPRequestHandler) -> None:
        page.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"X-Slow: " if where == "header" else b"\r\n"))
        try:
            while not stop.wait(0.05):
                page.wfile.write(b"x")
        except OSError:
            pass

    server.pages["/drip"] = drip
    assert reason(f"http://127.0.0.1:{server.port}/drip", timeout_s=0.4) == "timeout"
    stop.set()


def test_a_name_that_stands_for_nothing(names: dict[str, Any]) -> None:
    def unknown() -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    names["unknown.example"] = unknown
    assert reason("http://unknown.example/") == "host not found"


def test_a_name_that_is_never_resolved_ends_with_the_total_time(names: dict[str, Any]) -> None:
    stop = threading.Event()
    names["slow.example"] = lambda: stop.wait(20) and []
    assert reason("http://slow.example/", timeout_s=0.2) == "timeout"
    stop.set()


def test_broken_connections(server: Server, private: None) -> None:
    server.pages["/short"] = lambda page: answer(page, b"only this", Content_Length="100")
    server.pages["/noise"] = lambda page: page.wfile.write(b"\x16\x03\x01 what is this\r\n\r\n") and None
    base = f"http://127.0.0.1:{server.port}"
    assert reason(f"{base}/short") == "connection broken"
    assert reason(f"{base}/noise") == "connection broken"
    assert reason(f"https://127.0.0.1:{server.port}/data") == "no secure connection"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert reason(f"http://127.0.0.1:{free.getsockname()[1]}/") == "connection failed"


def test_the_second_address_is_tried(server: Server, private: None, names: dict[str, Any]) -> None:
    names["two.example"] = ["127.0.0.3", "127.0.0.1"]
    assert fetched(f"http://two.example:{server.port}/data") == DATA


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate: apt-get install openssl")
def test_certificates_are_checked_against_the_name(
    serve: Callable[..., Server], private: None, names: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=media.example",
         "-addext", "subjectAltName=DNS:media.example", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    secure = serve(tls=context)
    names |= {"media.example": ["127.0.0.1"], "other.example": ["127.0.0.1"]}
    assert reason(f"https://media.example:{secure.port}/data") == "no secure connection"
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert fetched(f"https://media.example:{secure.port}/data") == DATA
    assert reason(f"https://other.example:{secure.port}/data") == "no secure connection"
    assert secure.hosts == [f"media.example:{secure.port}"]
