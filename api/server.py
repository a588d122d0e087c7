"""Serving the application on both ports: one process, one application, two sockets.

``python -m api.server`` serves until SIGTERM or the end of its parent.
"""

import asyncio
import logging
import sys

from api.app import create_app
from deployments.addresses import api_sockets, check_host
from deployments.serving import serve
from models.errors import AtelierError
from settings import get_settings


def main() -> None:
    """Check the address, and serve on it."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings = get_settings()
    try:
        check_host(settings)
        asyncio.run(serve(create_app(), api_sockets(settings), log_level="warning"))
    except AtelierError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
