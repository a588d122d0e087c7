"""Values as callers of this surface send them: ids, texts, objects, and query parameters."""

import re
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Query
from pydantic import AfterValidator, BeforeValidator, StringConstraints
from pydantic_core import PydanticCustomError

from api.bodies import clamped, parse_json

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_LAST_OFFSET = 2**31
DRAFT = "draft"


def is_uuid(text: str) -> bool:
    """Return whether the text is an id of a client, campaign, asset or scene: a UUID in lower case."""
    return _UUID.fullmatch(text) is not None


def object_in(value: Any) -> dict[str, Any] | None:
    """Return the object that ``value`` is, or that the JSON text ``value`` holds; None when there is none."""
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except ValueError:
            return None
    return value if isinstance(value, dict) else None


def decoded(value: Any) -> Any:
    """Return the object that a JSON text holds, and anything else as it is."""
    found = object_in(value)
    return value if found is None else found


def _without_nul(text: str) -> str:
    if "\0" in text:  # PostgreSQL cannot keep it
        raise ValueError("NUL")
    return text


def _none_is_blank(value: Any) -> Any:
    return "" if value is None else value


def _sent_object(value: Any) -> dict[str, Any]:
    found = {} if value is None or value == "" else object_in(value)
    if found is None:
        raise ValueError("not an object")
    return found


def _object_or_text(value: Any) -> Any:
    if value is not None and not isinstance(value, dict | str):
        raise ValueError("neither an object nor a string")
    return value


def _id_of_something(text: str) -> str:
    text = text.strip()
    if not text:
        raise PydanticCustomError("missing", "can't be blank")
    if not is_uuid(text):
        raise ValueError("not an id")
    return text


Text = Annotated[str, AfterValidator(_without_nul)]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=255),
    AfterValidator(_without_nul),
    BeforeValidator(_none_is_blank),
]
Id = Annotated[str, AfterValidator(_id_of_something), BeforeValidator(_none_is_blank)]
Status = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=255),
    AfterValidator(_without_nul),
    AfterValidator(lambda text: text or DRAFT),
    BeforeValidator(_none_is_blank),
]
SentObject = Annotated[dict[str, Any], BeforeValidator(_sent_object)]
ObjectOrText = Annotated[Any, AfterValidator(_object_or_text)]


class Page(NamedTuple):
    """A part of a list; ``limit`` None = all of it."""

    limit: int | None
    offset: int


# Page parameters are declared as text, so that the framework does not refuse what is to be clamped.
QueryText = Annotated[str | None, Query()]


def _page_when_asked(limit: QueryText = None, offset: QueryText = None) -> Page:
    return Page(clamped(limit, 0, 1, 1000) or None, clamped(offset, 0, 0, _LAST_OFFSET))


def _page_of_25(limit: QueryText = None, offset: QueryText = None) -> Page:
    return Page(clamped(limit, 25, 1, 1000), clamped(offset, 0, 0, _LAST_OFFSET))


PageWhenAsked = Annotated[Page, Depends(_page_when_asked)]
PageOf25 = Annotated[Page, Depends(_page_of_25)]
