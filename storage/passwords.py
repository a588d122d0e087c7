"""Passwords, kept only as slow salted hashes."""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from typing import NamedTuple


class Cost(NamedTuple):
    """The parameters of scrypt (RFC 7914): 2**log2_n rounds over blocks of 128·r bytes, p times."""

    log2_n: int
    r: int
    p: int


COST = Cost(14, 8, 5)
"""16 MiB and about a fifth of a second; one of the equally strong choices of OWASP's Password Storage Cheat Sheet."""

_SALT_BYTES, _HASH_BYTES = 16, 32


def hash_password(password: str) -> str:
    """Return ``scrypt$log2_n$r$p$salt$hash``, salt and hash in base64. Slow: call it outside transactions."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return _written(COST, salt, _scrypt(password, COST, salt))


def password_matches(password: str, stored: str) -> bool:
    """Return whether a password is the one that was hashed. Slow on purpose, whatever the answer is."""
    _, log2_n, r, p, salt, expected = stored.split("$")
    found = _scrypt(password, Cost(int(log2_n), int(r), int(p)), b64decode(salt))
    return hmac.compare_digest(found, b64decode(expected))


def hash_of_nothing() -> str:
    """Return a hash that no password has; comparing with it takes as long as with a real one."""
    return _written(COST, bytes(_SALT_BYTES), b"")


def _scrypt(password: str, cost: Cost, salt: bytes) -> bytes:
    n = 2**cost.log2_n
    memory = 128 * cost.r * (n + cost.p + 2)  # what OpenSSL asks for, which refuses at 32 MiB by default
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=cost.r, p=cost.p, maxmem=2 * memory, dklen=_HASH_BYTES)


def _written(cost: Cost, salt: bytes, digest: bytes) -> str:
    return "$".join(("scrypt", *map(str, cost), b64encode(salt).decode(), b64encode(digest).decode()))
