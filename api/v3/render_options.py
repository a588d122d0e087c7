"""How a film is to be rendered, as callers say it: models by name, and options inside ``parameters``."""

from typing import Annotated, Any, get_args

from pydantic import AfterValidator, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from api.errors import Details, InvalidFields
from models.media import AspectRatio
from models.providers import VideoModel
from models.runs import VideoParameters

OPTIONS = ("aspect_ratio", "resolution", "fps", "fit", "pairing", "transitions")
_MODELS: tuple[str, ...] = get_args(VideoModel)
_ASPECTS: tuple[str, ...] = get_args(AspectRatio)


def model_name(value: Any) -> str | None:
    """Return a model's accepted name, None when none is given. Raises InvalidFields for one that nobody answers to."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, str) or value.strip().lower() not in _MODELS:
        raise InvalidFields({"video_model": ["is not supported"]})
    return value.strip().lower()


def render_options(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the options among ``parameters``, under their own names and of their own kinds. Raises InvalidFields."""
    given = {name: parameters.get(name, parameters.get(to_camel(name))) for name in OPTIONS}
    try:
        read = VideoParameters.model_validate(given)
    except ValidationError as error:
        details: Details = {}
        for fault in error.errors():
            text = "is not supported" if fault["type"] == "literal_error" else "is invalid"
            details[str(fault["loc"][0])] = [text]
        raise InvalidFields(details) from error
    return {name: getattr(read, name) for name in OPTIONS if given[name] is not None}


def _supported_model(value: str | None) -> str | None:
    name = value.strip().lower() if value else None
    if name is not None and name not in _MODELS:
        raise PydanticCustomError("unsupported", "is not supported")
    return name


def _supported_aspect(value: str | None) -> str | None:
    if value is not None and value not in _ASPECTS:
        raise PydanticCustomError("unsupported", "is not supported")
    return value


ModelName = Annotated[str | None, AfterValidator(_supported_model)]
AspectName = Annotated[str | None, AfterValidator(_supported_aspect)]
