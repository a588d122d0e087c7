"""The fields with which an asset is brought, under all the names that existing clients use."""

from typing import Annotated, Any

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field
from pydantic_core import PydanticCustomError
from sqlmodel import Session

from api.bodies import RequestBody, parse_json
from api.errors import Details, InvalidFields
from api.v3.fields import SentObject, Text, is_uuid
from models.campaigns import Campaign, Client
from models.media import MediaKind

KINDS: tuple[MediaKind, ...] = ("image", "video", "audio", "document")
NO_OWNER = "must include campaign_id or client_id"


def kind_in(value: Any) -> MediaKind | None:
    """Return the kind of asset that a caller's word means, or None when it means none."""
    word = value.strip().lower() if isinstance(value, str) else ""
    return next((kind for kind in KINDS if kind == word), None)


def _blank_is_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _uuid_or_none(value: str | None) -> str | None:
    if value is not None and not is_uuid(value.strip()):
        raise ValueError("not an id")
    return value and value.strip()


def _strings(value: Any) -> list[str]:
    """Return tags sent as an array, as the text of a JSON array, or as a list with commas."""
    if value is None:
        return []
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = parse_json(value)
        except ValueError:
            value = None
    elif isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list) or not all(isinstance(tag, str) and "\0" not in tag for tag in value):
        raise PydanticCustomError("not_strings", "not an array of strings")
    return [tag.strip() for tag in value if tag.strip()]


OwnerId = Annotated[str | None, AfterValidator(_uuid_or_none), BeforeValidator(_blank_is_none)]
Side = Annotated[int | None, Field(gt=0, le=1_000_000), BeforeValidator(_blank_is_none)]
BlankIsNone = Annotated[Text | None, BeforeValidator(_blank_is_none)]


class AssetInput(RequestBody):
    """An asset to be brought, by upload or from an address."""

    source_url: BlankIsNone = Field(None, validation_alias=AliasChoices("source_url", "sourceUrl", "url"))
    campaign_id: OwnerId = None
    client_id: OwnerId = None
    type: Any = Field(
        None, validation_alias=AliasChoices("type", "asset_type", "assetType"),
        description="image, video, audio or document; anything else is detected",
    )  # fmt: skip
    name: BlankIsNone = None
    description: BlankIsNone = Field(None, validation_alias=AliasChoices("description", "caption"))
    tags: Annotated[list[str], BeforeValidator(_strings)] = Field(
        default_factory=list, validation_alias=AliasChoices("tags", "tag_list", "tagList")
    )
    metadata: SentObject = Field(default_factory=dict, validation_alias=AliasChoices("metadata", "meta"))
    width: Side = None
    height: Side = None

    def shown_name(self, file_name: str | None) -> str | None:
        """Return what to call the asset: as sent, as its metadata says, or like the uploaded file."""
        return self.name or self._told("name", "original_name", "originalName") or file_name

    def shown_description(self) -> str | None:
        """Return the description as sent or as the metadata says."""
        return self.description or self._told("description", "caption")

    def shown_tags(self) -> list[str]:
        """Return the tags as sent or as the metadata says. Raises InvalidFields when those are no strings."""
        if "tags" in self.model_fields_set:
            return self.tags
        try:
            return _strings(self.metadata.get("tags"))
        except PydanticCustomError as exc:
            raise InvalidFields({"tags": ["must be an array of strings"]}) from exc

    def _told(self, *names: str) -> str | None:
        told = (self.metadata.get(name) for name in names)
        return next((text.strip() for text in told if isinstance(text, str) and text.strip()), None)


class Owner:
    """Whom an asset belongs to, looked up."""

    def __init__(self, session: Session, body: AssetInput) -> None:
        """Raise InvalidFields when nobody is named, or somebody who does not exist."""
        if body.campaign_id is None and body.client_id is None:
            raise InvalidFields({"campaign_id": [NO_OWNER], "client_id": [NO_OWNER]})
        details: Details = {}
        campaign = session.get(Campaign, body.campaign_id) if body.campaign_id else None
        if body.campaign_id and campaign is None:
            details["campaign_id"] = ["does not exist"]
        if body.client_id and session.get(Client, body.client_id) is None:
            details["client_id"] = ["does not exist"]
        if details:
            raise InvalidFields(details)
        self.campaign_id = body.campaign_id
        self.client_id = body.client_id or (campaign.client_id if campaign else None)
