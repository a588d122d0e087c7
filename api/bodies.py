"""Reading requests the way existing clients send them.

snake_case and camelCase are both understood (snake_case wins), unknown fields are ignored, numeric strings count as
numbers, a missing ``Content-Type`` is no obstacle, and page parameters are clamped rather than refused.
"""

import json
from collections.abc import Iterable
from typing import Annotated, Any, NoReturn, TypeVar

from fastapi import Depends, Request
from pydantic import AliasChoices, AliasGenerator, BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from api.errors import Details, InvalidFields, Refusal, refusal

MAX_JSON_BYTES = 10 * 1024**2
MAX_NESTING = 100
BodyType = TypeVar("BodyType", bound="RequestBody")

_TEXTS = {
    "missing": "can't be blank",
    "string_too_short": "can't be blank",
    "greater_than": "must be greater than {gt:g}",
    "less_than_equal": "must be less than or equal to {le:g}",
    "string_too_long": "should be at most {max_length} character(s)",
    "unsupported": "is not supported",
    "not_strings": "must be an array of strings",
}


class RequestBody(BaseModel):
    """A request's fields. ``model_fields_set`` tells which were sent; every field is read under both spellings."""

    model_config = ConfigDict(
        extra="ignore",
        alias_generator=AliasGenerator(
            validation_alias=lambda name: AliasChoices(name, to_camel(name)), serialization_alias=lambda name: name
        ),
    )


async def json_object(request: Request) -> dict[str, Any]:
    """Return the body as an object, as ``object_of`` does. Raises Refusal 413 for more than 10 MB, too."""
    return object_of(await raw_body(request))


async def raw_body(request: Request) -> bytes:
    """Return the bytes as they were sent. Raises Refusal 413 for more than 10 MB."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_JSON_BYTES:
            raise refusal(413, "Request body too large")
        chunks.append(chunk)
    return b"".join(chunks)


def object_of(raw: bytes) -> dict[str, Any]:
    """Return the object that the bytes say; none are an empty object.

    Raises Refusal 400 for malformed JSON and for JSON that is no object.
    """
    if not raw.strip():
        return {}
    try:
        document = parse_json(raw)
    except ValueError as exc:
        raise Refusal(400, {"error": "Malformed JSON", "errors": {"detail": "Bad Request"}}) from exc
    if not isinstance(document, dict):
        raise refusal(400, "Request body must be a JSON object")
    return document


def parse_json(text: str | bytes) -> Any:
    """Return the document. Raises ValueError when it is no JSON, or JSON that could not be stored or sent back."""
    try:
        document = json.loads(text, parse_constant=_no_constants)
        # Lone surrogates have no bytes, and 1e999 reads as infinity, which JSON cannot say.
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc
    level = [document]
    for _ in range(MAX_NESTING):
        level = [child for node in level for child in _children(node)]
        if not level:
            return document
    raise ValueError("nested too deeply")


JsonObject = Annotated[dict[str, Any], Depends(json_object)]


def read_body(model: type[BodyType], document: dict[str, Any]) -> BodyType:
    """Return the document's fields as ``model``. Raises InvalidFields with the contract's texts."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise InvalidFields(field_texts(error)) from error


def field_texts(error: ValidationError) -> Details:
    """Return what is wrong with each field, in the contract's words."""
    details: Details = {}
    for fault in error.errors():
        field = str(fault["loc"][0]) if fault["loc"] else "body"
        text = _TEXTS.get(fault["type"], "is invalid").format_map(fault.get("ctx", {}))
        texts = details.setdefault(_snake(field), [])
        if text not in texts:
            texts.append(text)
    return details


def clamped(value: str | None, default: int, low: int, high: int) -> int:
    """Return a page parameter as an int: unparsable = default, out of range = the nearer end."""
    try:
        return min(high, max(low, int(str(value).strip()))) if value is not None else default
    except ValueError:
        return default


def body_schema(model: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    """Return the OpenAPI description of a JSON body that ``read_body`` reads."""
    schema = model.model_json_schema(by_alias=False, ref_template="#/components/schemas/{model}")
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _children(node: Any) -> Iterable[Any]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def _no_constants(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
