"""A vendor's account of a call, kept in the ledger."""

from typing import Any

from models.predictions import Prediction
from models.runs import JobLease
from storage import vendor_calls


class LedgerCall:
    """The account of one scene's call, as ``providers.video.base.PaidCall`` says; written under the job's lease."""

    def __init__(self, lease: JobLease, row: Prediction) -> None:
        self._lease = lease
        self._open(row)

    def _open(self, row: Prediction) -> None:
        self.id, self.prepared_at = row.id, row.inserted_at
        self._request, self._external_id = row.request, row.external_id

    @property
    def request(self) -> dict[str, Any] | None:
        """What was, or may have been, sent before."""
        return self._request

    @property
    def external_id(self) -> str | None:
        """What the order is called at the vendor."""
        return self._external_id

    @property
    def is_ordered(self) -> bool:
        """Whether the vendor has made something of it."""
        return self._external_id is not None

    def prepare(self, request: dict[str, Any]) -> None:
        """Put on record what is about to be sent."""
        vendor_calls.note_request(self._lease, self.id, request)
        self._request = request

    def accept(self, external_id: str) -> bool:
        """Put the vendor's id on record; False when another account has it."""
        accepted = vendor_calls.accept(self.id, external_id, self._lease)
        if accepted:
            self._external_id = external_id
        return accepted

    def look(self) -> bool:
        """Return whether the vendor has sent word. Raises Superseded when the work must stop."""
        return vendor_calls.look(self._lease, self.id)

    def charge(self, cost_usd: float) -> None:
        """Put on record what it cost."""
        vendor_calls.charge(self.id, cost_usd)

    def fail(self, reason: str) -> None:
        """Close the account."""
        vendor_calls.fail(self._lease, self.id, reason)

    def renew(self, reason: str) -> None:
        """Close the account and open another."""
        self._open(vendor_calls.renew(self._lease, self.id, reason))
