"""Serving an ASGI application as a part: on sockets bound beforehand, until its parent ends."""

import socket
from typing import Any

import uvicorn

from deployments import lifeline

_LAST_ANSWERS_S = 2  # how long answers under way, streams among them, may still take after the end was decided


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            lifeline.say_ready()


async def serve(app: Any, sockets: list[socket.socket], log_level: str) -> None:
    """Serve until SIGINT, SIGTERM or the end of the parent."""
    config = uvicorn.Config(
        app, log_level=log_level, access_log=False, timeout_graceful_shutdown=_LAST_ANSWERS_S, lifespan="on"
    )
    server = _Server(config)

    def stop() -> None:
        server.should_exit = True

    lifeline.hold(stop)
    await server.serve(sockets=sockets)
