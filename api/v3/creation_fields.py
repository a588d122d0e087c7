"""The fields with which films are asked for, read the way existing clients send them."""

from typing import Any, NamedTuple

from api.errors import Details, InvalidFields
from api.v3.render_options import model_name, render_options
from models.runs import MAX_CLIP_DURATION_S
from settings import get_settings


class FilmFields(NamedTuple):
    """What every film is asked for; ``details`` says which fields cannot be used."""

    parameters: dict[str, Any]
    client_id: str | None
    clip_duration: float
    video_model: str
    options: dict[str, Any]
    details: Details


def film_fields(document: dict[str, Any], default_duration_s: float) -> FilmFields:
    """Read the fields that all creating requests share."""
    details: Details = {}
    parameters = field(document, "parameters")
    parameters = {} if parameters is None else parameters
    if not isinstance(parameters, dict):
        details["parameters"], parameters = ["is invalid"], {}
    client_id = field(document, "client_id") or None
    if client_id is not None and not isinstance(client_id, str):
        details["client_id"], client_id = ["is invalid"], None
    duration_s = duration(document, default_duration_s)
    details |= too_short_or_long(duration_s)
    model, options = None, dict[str, Any]()
    try:
        options = render_options(parameters)
        named = (field(document, "video_model"), document.get("model"), field(parameters, "video_model"))
        model = next(filter(None, map(model_name, named)), None)
    except InvalidFields as error:
        details |= error.details
    model = model or get_settings().video_generation_model
    return FilmFields(parameters, client_id, duration_s, model, options, details)


def field(document: dict[str, Any], name: str) -> Any:
    """Return a field under its name, else under its camelCase spelling; None when it was not sent."""
    head, *tail = name.split("_")
    return document.get(name, document.get(head + "".join(part.title() for part in tail)))


def whole_number(document: dict[str, Any], name: str) -> int | None:
    """Return the whole number that was sent, None for what is none."""
    sent = field(document, name)
    try:
        return None if sent is None or isinstance(sent, bool | list | dict) else int(sent)
    except (ValueError, OverflowError):
        return None


def duration(document: dict[str, Any], default_s: float) -> float:
    """Return the seconds wished for, before any limit; what is no number is the default."""
    sent = field(document, "clip_duration")
    try:
        read = default_s if sent is None or isinstance(sent, bool | list | dict) else float(sent)
    except ValueError:
        return default_s
    except OverflowError:
        return MAX_CLIP_DURATION_S + 1
    return read if read == read else default_s  # "nan" is no number


def too_short_or_long(duration_s: float) -> Details:
    """Return what is wrong with a scene's length, in the contract's words."""
    if duration_s <= 0:
        return {"clip_duration": ["must be greater than 0"]}
    return {"clip_duration": ["must be less than or equal to 60"]} if duration_s > MAX_CLIP_DURATION_S else {}
