"""`atelier up` and its parts: the whole service in one terminal, or one part of it on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager

from cli.engine import open_storage
from cli.screen import console
from deployments.addresses import api_sockets, check_host, prefect_socket
from deployments.locks import SERVER_LOCK, UP_LOCK, Taken, held, holder_note
from deployments.supervisor import Interrupted, Part, Supervisor, run_parts, supervised
from models.errors import NotConfigured
from settings import Settings, get_settings, service_environment

_START_TIMEOUT_S = 180.0  # the first start creates Prefect's tables, which takes long on a slow disk
_API = Part("api", "the API", "api.server")
_WORKER = Part("worker", "the worker", "deployments.worker")


def up() -> None:
    """Start everything: the API, a worker, and Prefect with its UI. Ctrl-C stops everything."""
    settings = get_settings()
    check_host(settings)
    with _home_of_its_own(settings):
        parts = [_API, _WORKER]
        if not settings.prefect_api_url:
            parts.insert(0, _prefect(settings))
        _check_ports(settings, with_prefect=not settings.prefect_api_url)
        with console.status("starting"):
            open_storage()
        _run(parts, settings, _addresses(settings))


def api() -> None:
    """Start the API alone, on both its ports."""
    settings = get_settings()
    check_host(settings)
    _check_ports(settings, with_prefect=False)
    open_storage()
    _run([_API], settings, f"studio http://localhost:{settings.api_port}/ · API docs {_docs(settings)}")


def worker() -> None:
    """Start a worker alone. It takes runs from the Prefect server that PREFECT_API_URL names."""
    settings = get_settings()
    open_storage()
    _run([_WORKER], settings, f"working for {settings.prefect_url}")


def prefect() -> None:
    """Start the Prefect server alone, with its UI, on loopback."""
    settings = get_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    _check_server_lock(settings)
    prefect_socket(settings.prefect_port).close()
    _run([_prefect(settings)], settings, f"Prefect http://localhost:{settings.prefect_port}/")


def _run(parts: list[Part], settings: Settings, ready: str) -> None:
    """Start the parts, say ``ready`` when all answer, and keep them running until Ctrl-C or a signal."""
    with supervised(settings.data_dir / "logs", service_environment(settings)) as supervisor:
        try:
            _start(parts, supervisor)
            console.print(f"{ready} · logs {settings.data_dir / 'logs'}", soft_wrap=True)
            supervisor.wait(_say)
        except Interrupted:
            console.print("stopping")


def _say(sentence: str) -> None:
    console.print(sentence, soft_wrap=True)


def _start(parts: list[Part], supervisor: Supervisor) -> None:
    with console.status("starting"):
        run_parts(parts, supervisor, _START_TIMEOUT_S)


def _prefect(settings: Settings) -> Part:
    port = settings.prefect_port
    arguments = (str(port), f"http://127.0.0.1:{port}/api")
    return Part("prefect", "the Prefect server", "deployments.prefect_server", arguments)


@contextmanager
def _home_of_its_own(settings: Settings) -> Iterator[None]:
    """Hold the data directory: two services on one would take each other's work for their own."""
    try:
        with held(settings.data_dir / UP_LOCK, _addresses(settings)):
            if not settings.prefect_api_url:
                _check_server_lock(settings)
            yield
    except Taken as taken:
        raise NotConfigured(
            f"{settings.data_dir} is in use by another `atelier up` ({taken.note}); "
            "use that one, stop it, or set ATELIER_HOME to another folder"
        ) from taken


def _check_server_lock(settings: Settings) -> None:
    if holder_note(settings.data_dir / "prefect" / SERVER_LOCK) is not None:
        raise NotConfigured(
            f"a Prefect server is running on {settings.data_dir / 'prefect'} already, of `atelier run` or "
            "`atelier prefect`; wait until it ends, or name it with PREFECT_API_URL"
        )


def _check_ports(settings: Settings, *, with_prefect: bool) -> None:
    sockets = api_sockets(settings)
    try:
        if with_prefect:
            sockets.append(prefect_socket(settings.prefect_port))
    finally:
        for bound in sockets:
            bound.close()


def _addresses(settings: Settings) -> str:
    prefect_ui = settings.prefect_url.removesuffix("/api")
    if not settings.prefect_api_url:
        prefect_ui = f"http://localhost:{settings.prefect_port}"
    studio = f"http://localhost:{settings.api_port}/"
    return f"studio {studio} · API docs {_docs(settings)} · Prefect {prefect_ui}/"


def _docs(settings: Settings) -> str:
    return f"http://localhost:{settings.api_port}/docs"
