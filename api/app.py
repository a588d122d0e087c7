"""The application: middleware, error shapes, routers, and what runs beside them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, Response

from api.auth import auth_router
from api.authentication import Authentication
from api.documents import API_NAME, API_VERSION, mount_documentation_files
from api.documents import router as documents
from api.errors import install_error_handlers
from api.idempotency import Replay
from api.opening import prepare_authentication
from api.origins import EXTENSION_SCHEMES, OriginGuard, Origins
from api.pages import mount_static_files
from api.pages import router as pages
from api.runs import running_submitter
from api.stubs import router as stubs
from api.v3 import v3_router
from api.webhooks import router as webhooks
from settings import get_settings
from storage.database import get_database
from storage.migrations import upgrade


def create_app() -> FastAPI:
    """Build the application for the settings in force."""
    settings = get_settings()
    app = FastAPI(
        title=API_NAME,
        version=API_VERSION,
        openapi_url=None,  # api.documents serves it, with what existing clients read added
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    origins = Origins(settings)
    app.add_middleware(Authentication, settings=settings)  # the innermost: preflights and foreign pages come no further
    app.add_middleware(OriginGuard, origins=origins)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["*"] if origins.any else origins.listed,
        allow_origin_regex=None if origins.any else f"({'|'.join(EXTENSION_SCHEMES)})://.*",
        allow_credentials=not origins.any,
        allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
        allow_headers=["*"],
        expose_headers=["ETag", "Accept-Ranges", "Content-Range", "Content-Length", "Content-Disposition"],
    )
    install_error_handlers(app)
    app.add_exception_handler(Replay, _replayed)
    app.include_router(documents)
    app.include_router(pages)
    app.include_router(v3_router())
    app.include_router(webhooks)
    app.include_router(auth_router())
    app.include_router(stubs)
    mount_documentation_files(app)
    mount_static_files(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    await asyncio.to_thread(upgrade, get_database())
    await asyncio.to_thread(prepare_authentication, get_settings())
    async with running_submitter() as submitter:
        app.state.submitter = submitter
        yield


async def _replayed(_request: Request, replay: Exception) -> Response:
    assert isinstance(replay, Replay)
    return JSONResponse(replay.body, replay.status_code)
