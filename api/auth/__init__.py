"""Signing in and out, and the keys that programs use: one file of routes each."""

from fastapi import APIRouter

from api.auth import api_keys, login


def auth_router() -> APIRouter:
    """Return every route under ``/api/auth``."""
    router = APIRouter(prefix="/api/auth", tags=["authentication"])
    router.include_router(login.router)
    router.include_router(api_keys.router)
    return router
