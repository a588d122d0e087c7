"""JSON schemas as strict mode wants them: every property required and no other allowed; null stands for left out."""

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
PERHAPS_TEXT: Schema = {"type": ["string", "null"]}


def object_with(**properties: Schema) -> Schema:
    """Return the schema of an object with exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def array_of(items: Schema) -> Schema:
    """Return the schema of an array."""
    return {"type": "array", "items": items}


def choice_of(*words: str) -> Schema:
    """Return the schema of one of several words."""
    return {"type": "string", "enum": list(words)}


def number() -> Schema:
    """Return the schema of a number; strict mode knows no bounds."""
    return {"type": "number"}
