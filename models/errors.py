"""Every error Atelier raises on purpose.

    AtelierError
    ├── InvalidInput            422  a value the caller gave cannot be used
    │   ├── InvalidMedia        400  a file is not what it should be, or cannot be decoded safely
    │   └── FetchFailed         400  an address that the caller named was refused or gave nothing
    ├── NotFound                404  no row, object or file of that id
    ├── Conflict                409  the thing is not in a state in which this can be done
    │   ├── Stale               409  the thing has changed since the caller looked at it
    │   └── Superseded          409  another run holds the job's lease; this one must stop writing
    ├── NotConfigured           503  a program, key or setting is missing; the message names it
    ├── StorageFull             507  no room for the bytes
    ├── VendorFailed            502  a vendor refused, failed or gave nothing; asking again by itself would not help
    └── ProcessingFailed        500  an engine or program failed on valid input
        └── ProviderUnavailable 502  a remote or local engine failed in a way that may pass; retryable

Each class says whether trying again can help (``retryable``) and which HTTP status fits (``status_code``).
Messages state the fact and the remedy. Every class takes exactly one positional argument: Prefect pickles
exceptions between processes, and others do not unpickle.
"""

from typing import ClassVar


class AtelierError(Exception):
    """Base of all deliberate errors; ``str(error)`` is a sentence fit to show to the user."""

    retryable: ClassVar[bool] = False
    status_code: ClassVar[int] = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)


class InvalidInput(AtelierError):
    """A value the caller gave cannot be used; the message says which and why."""

    status_code = 422


class InvalidMedia(InvalidInput):
    """A file is not a picture, film or sound that Atelier accepts, or cannot be decoded safely."""

    status_code = 400


class FetchFailed(InvalidInput):
    """An address that the caller named was refused or gave nothing; the message is the reason in a few words."""

    status_code = 400


class NotFound(AtelierError):
    """No row, object or file has that id."""

    status_code = 404


class Conflict(AtelierError):
    """The thing exists, but not in a state in which this can be done."""

    status_code = 409


class Stale(Conflict):
    """The thing has changed since the caller looked at it; look again and decide anew."""


class Superseded(Conflict):
    """Another run holds the job's lease, or the job was cancelled: this run must stop and write nothing more."""


class NotConfigured(AtelierError):
    """A program, key or setting is missing; the message names it and says how to supply it."""

    status_code = 503


class StorageFull(AtelierError):
    """There is no room for the bytes."""

    status_code = 507


class VendorFailed(AtelierError):
    """A vendor refused an order, failed on it, or gave nothing of use; what waiting could mend was waited for."""

    status_code = 502


class ProcessingFailed(AtelierError):
    """An engine or program failed on input that was valid. A local fault may pass, so a task tries again."""

    retryable = True


class ProviderUnavailable(ProcessingFailed):
    """A remote or local engine could not be reached or is overloaded."""

    status_code = 502
