"""The video engine that needs no key, no GPU and no network."""

from providers.video.local.generator import LocalVideoGenerator

__all__ = ["LocalVideoGenerator"]
