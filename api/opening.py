"""What is seen to before the first request: a first user, and a word of warning when everybody may do everything."""

import logging

from settings import Settings
from storage.signing_key import signing_key
from storage.users import ensure_user

_LEAST_KEY_BYTES = 32  # RFC 7518 §3.2
_log = logging.getLogger("atelier.api")


def prepare_authentication(settings: Settings) -> None:
    """Create the user that the settings name, and warn of what is open or weak. Raises InvalidInput for a bad name."""
    name, password = settings.auth_bootstrap_username, settings.auth_bootstrap_password
    if name is not None and password is not None:
        ensure_user(name, password.get_secret_value())
    if not settings.authentication_enforced:
        _log.warning(
            "authentication is off: whoever reaches this address may use everything; "
            "set API_AUTH_KEY or AUTH_REQUIRED=true to turn it on"
        )
    elif len(signing_key()) < _LEAST_KEY_BYTES:
        _log.warning("SECRET_KEY is shorter than %d characters; sessions could be forged", _LEAST_KEY_BYTES)
