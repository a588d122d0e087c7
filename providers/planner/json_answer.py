"""Reading what a language model wrote: the JSON in it, and values that may be of any kind."""

import json
import math
from collections.abc import Iterator
from typing import Any

_LONGEST_ANSWER = 400_000
_MOST_STARTS = 2_000
_decoder = json.JSONDecoder()


def first_json_value(text: str) -> Any:
    """Return the first complete JSON object, or array of objects, in ``text``; None when it holds none.

    Whatever stands around it (a code fence, a greeting, a footnote like ``[1]``) is passed over.
    """
    for value in _values(text[:_LONGEST_ANSWER]):
        if isinstance(value, dict) or (value and all(isinstance(item, dict) for item in value)):
            return value
    return None


def objects(value: Any, *names: str) -> list[dict[str, Any]]:
    """Return the objects of a bare array, or of the first of ``names`` under which an object holds an array."""
    if isinstance(value, dict):
        value = next((value[name] for name in names if isinstance(value.get(name), list)), [])
    return [item for item in value if isinstance(item, dict)]


def text_of(value: Any, longest: int) -> str | None:
    """Return a text on one line, printable and at most ``longest`` characters long; None for anything else."""
    if not isinstance(value, str):
        return None
    printable = "".join(character if character.isprintable() else " " for character in value)
    return " ".join(printable.split())[:longest].strip() or None


def number_of(value: Any, default: float, highest: float) -> float:
    """Return a number between 0 and ``highest``; ``default`` for what is none."""
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else default
    except (ValueError, OverflowError):
        return default
    return min(max(number, 0.0), highest) if math.isfinite(number) else default


def whole_number(value: Any) -> int | None:
    """Return the whole number that a value says, None when it says none."""
    number = number_of(value, -1.0, 1e6)
    return int(number) if number >= 0 and number == int(number) else None


def _values(text: str) -> Iterator[Any]:
    """Yield the objects and arrays in a text from left to right; what begins inside a whole one is part of it."""
    position = starts = 0
    while starts < _MOST_STARTS:
        found = [at for at in (text.find("{", position), text.find("[", position)) if at >= 0]
        if not found:
            return
        starts += 1
        try:
            value, position = _decoder.raw_decode(text, min(found))
            yield value
        except (ValueError, RecursionError):
            position = min(found) + 1
