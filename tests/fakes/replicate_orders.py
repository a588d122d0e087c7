"""A prediction as Replicate keeps it, and what shall go wrong with it."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

Where = Literal["create", "read", "list", "cancel", "upload", "download", "work"]
Kind = Literal["status", "hang up", "lost", "truncated", "failed", "never", "word", "output"]


@dataclass
class Fault:
    """What goes wrong, ``times`` times, at one kind of request; ``work`` is the making of a prediction.

    ``status`` answers with ``status``; ``hang up`` closes the connection before anything is done, ``lost`` after it was
    done; ``truncated`` ends a download half-way. A prediction that is ``failed`` ends with ``text`` as its error and
    ``word`` as its status, ``never`` does not end, ``word`` goes on under that status word, ``output`` has ``output``.
    """

    on: Where
    kind: Kind
    times: int = 1
    status: int = 500
    retry_after: str | None = None
    text: str = "the model broke"
    word: str = "failed"
    output: Any = None


@dataclass
class Made:
    """One prediction as the vendor sees it."""

    id: str
    model: str
    input: dict[str, Any]
    webhook: str | None
    created: float = field(default_factory=time.monotonic)
    created_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat().replace("+00:00", "Z"))
    fault: Fault | None = None
    cancelled: bool = False
    forgotten: bool = False
    billed: bool = False
