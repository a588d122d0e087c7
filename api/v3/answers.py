"""What answers of this surface have in common: envelopes, timestamps, and the descriptions of errors for OpenAPI."""

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, PlainSerializer

Item = TypeVar("Item")


def stamp(moment: datetime) -> str:
    """Return a timestamp as this surface writes it: UTC, whole seconds, no zone."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


Stamp = Annotated[datetime, PlainSerializer(stamp, return_type=str)]
"""A timestamp in an answer."""


class View(BaseModel):
    """An object in an answer, read from a row's attributes and written under the fields' aliases."""

    model_config = ConfigDict(from_attributes=True, populate_by_name=True)


class One(BaseModel, Generic[Item]):
    """An answer that holds one object."""

    data: Item


class Total(BaseModel):
    """How many objects match, however many are shown."""

    total: int


class Many(BaseModel, Generic[Item]):
    """An answer that holds a list."""

    data: list[Item]
    meta: Total


class FamilyAFault(BaseModel):
    """What is wrong, under ``error``."""

    message: str
    code: str
    details: dict[str, list[str]] | None = None


class FamilyA(BaseModel):
    """An error of clients and campaigns."""

    error: FamilyAFault


class FamilyB(BaseModel):
    """An error of everything else; further keys may follow."""

    model_config = ConfigDict(extra="allow")

    error: str
    details: dict[str, list[str]] | None = None


Responses = dict[int | str, dict[str, Any]]

OTHER: Responses = {"default": {"model": FamilyB, "description": "Any other fault"}}
A_FINDS: Responses = {404: {"model": FamilyA, "description": "No such object"}, **OTHER}
A_READS: Responses = {
    400: {"model": FamilyB, "description": "Malformed JSON"},
    409: {"model": FamilyA, "description": "The Idempotency-Key came with another request"},
    422: {"model": FamilyA, "description": "Fields that cannot be used"},
    **OTHER,
}
A_CHANGES: Responses = {**A_FINDS, **A_READS}
B_FINDS: Responses = {404: {"model": FamilyB, "description": "No such object"}, **OTHER}
B_READS: Responses = {
    400: {"model": FamilyB, "description": "A request that cannot be read or carried out"},
    409: {"model": FamilyB, "description": "The Idempotency-Key came with another request"},
    413: {"model": FamilyB, "description": "Too large"},
    422: {"model": FamilyB, "description": "Fields that cannot be used"},
    **OTHER,
}
