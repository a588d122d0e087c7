"""``Idempotency-Key``: the same key and request get the same answer, and the work is done once."""

from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from api.authentication import caller_of
from api.errors import Refusal, family_of, refusal, refusal_a
from models.idempotency import IdempotentRequest
from storage.canonical import canonical_hash
from storage.database import get_database

_MOST_KEY_CHARS = 255


class Replay(Exception):
    """The request was answered before; ``body`` and ``status_code`` are that answer."""

    def __init__(self, status_code: int, body: dict[str, Any]) -> None:
        super().__init__(status_code)
        self.status_code = status_code
        self.body = body


class Once:
    """One creating request: asks whether it was answered before, and remembers the answer."""

    def __init__(self, key: str | None, path: str) -> None:
        self._key, self._path, self._hash = key, path, ""

    def replay(self, document: Any) -> None:
        """Raise Replay when this very request was answered, Refusal 409 when the key came with another request."""
        self._hash = canonical_hash(document)
        if self._key is None:
            return
        with get_database().read() as session:
            row = session.get(IdempotentRequest, (self._key, self._path))
        if row is not None and row.request_hash != self._hash:
            raise self._conflict("This Idempotency-Key was used with another request")
        if row is not None:
            raise Replay(row.status_code, row.body)

    def keep(self, session: Session, status_code: int, body: dict[str, Any]) -> None:
        """Remember the answer in the transaction that does the work; of two simultaneous requests one is refused."""
        if self._key is None:
            return
        session.add(
            IdempotentRequest(
                key=self._key, path=self._path, request_hash=self._hash, status_code=status_code, body=body
            )
        )
        try:
            session.flush()
        except IntegrityError as exc:
            raise self._conflict("A request with this Idempotency-Key was answered just now; send it again") from exc

    def _conflict(self, text: str) -> Refusal:
        if family_of(self._path) == "A":
            return refusal_a(409, text, "idempotency_conflict")
        return refusal(409, text)


def _once(request: Request) -> Once:
    key = (request.headers.get("idempotency-key") or "").strip() or None
    if key is not None and len(key) > _MOST_KEY_CHARS:
        raise refusal(400, f"Idempotency-Key is longer than {_MOST_KEY_CHARS} characters")
    user_id = caller_of(request).user_id
    if key is not None and user_id is not None:  # nobody gets the answers that were for others
        key = canonical_hash({"user": user_id, "key": key})
    return Once(key, request.url.path[:_MOST_KEY_CHARS])


OnceOnly = Annotated[Once, Depends(_once)]
