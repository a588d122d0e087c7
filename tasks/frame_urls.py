"""Where a vendor may fetch a scene's frames itself."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from media.addresses import is_public
from models.jobs import Scene
from settings import get_settings

_LOCAL_SUFFIXES = ("localhost", "local", "internal", "home", "lan", "test", "invalid")


def frame_urls(scene: Scene) -> tuple[str, str] | None:
    """Return the addresses of the scene's first and last frame; None when only this machine's network reaches them."""
    base = get_settings().base_url
    if not _reachable(urlsplit(base).hostname or ""):
        return None
    first = f"{base}/api/v3/assets/{scene.first_asset_id}/data"
    return first, f"{base}/api/v3/assets/{scene.last_asset_id}/data"


def _reachable(host: str) -> bool:
    try:
        return is_public(str(ip_address(host)))
    except ValueError:  # a name; one without a dot, or below these (RFC 6761 and custom), means something here only
        return "." in host and host.rpartition(".")[2].lower() not in _LOCAL_SUFFIXES
