"""Photos named on the command line: found, checked before anything is stored, and imported."""

import re
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from media.decode import open_picture
from media.probe import probe
from media.sniff import SNIFF_BYTES, sniff
from models.assets import Asset
from models.errors import AtelierError, InvalidInput
from models.media import MediaFacts
from storage.assets import create_campaign, keep_asset
from storage.database import get_database
from storage.intake import keep_file

CLIENT_NAME = "Command line"


class CheckedPhoto(BaseModel):
    """A picture file that was decoded from end to end, and what is known of it."""

    model_config = ConfigDict(frozen=True)

    path: Path
    facts: MediaFacts


def find_photos(places: Sequence[Path]) -> tuple[list[CheckedPhoto], list[str]]:
    """Return the photos in the files and folders named, in that order, and a sentence for each file left out.

    A file that is named and cannot be used is an error; in a folder (read in natural order, not below it) such a
    file is left out and mentioned, and files that are no pictures are passed over. Raises InvalidInput.
    """
    photos: list[CheckedPhoto] = []
    left_out: list[str] = []
    refused: list[str] = []
    for place in places:
        if place.is_dir():
            found, skipped = _in_folder(place)
            photos += found
            left_out += skipped
        else:
            try:
                photos.append(check_photo(place))
            except AtelierError as error:
                refused.append(str(error))
    if refused:
        raise InvalidInput("\n       ".join(refused))
    photos, doubles = _without_doubles(photos)
    if len(photos) < 2:
        reasons = "".join(f"\n       {reason}" for reason in left_out + doubles)
        raise InvalidInput(f"a film needs at least 2 different photos, found {len(photos)}{reasons}")
    return photos, left_out + doubles


def check_photo(path: Path) -> CheckedPhoto:
    """Decode a picture from end to end. Raises InvalidInput with the file's name and the reason."""
    try:
        if not path.exists():
            raise InvalidInput("there is no such file")
        open_picture(path)
        return CheckedPhoto(path=path, facts=probe(path))
    except AtelierError as error:
        raise InvalidInput(f"{path}: {error}") from error
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror or error}") from error


def import_photos(photos: Sequence[CheckedPhoto], campaign_name: str) -> str:
    """Store the photos as a new campaign of the command line's client; return the campaign's id."""
    kept = [keep_file(photo.path, photo.facts) for photo in photos]
    with get_database().write() as session:
        campaign = create_campaign(session, CLIENT_NAME, campaign_name)
        for photo, file in zip(photos, kept, strict=True):
            asset = Asset(campaign_id=campaign.id, client_id=campaign.client_id, type=photo.facts.kind)
            keep_asset(session, asset, file, photo.path.name)
        return campaign.id


def _in_folder(folder: Path) -> tuple[list[CheckedPhoto], list[str]]:
    photos: list[CheckedPhoto] = []
    left_out: list[str] = []
    for path in sorted((path for path in folder.iterdir() if path.is_file()), key=_natural):
        with path.open("rb") as file:
            found = sniff(file.read(SNIFF_BYTES))
        if found is None or found.kind != "image":
            continue
        try:
            photos.append(check_photo(path))
        except InvalidInput as error:
            left_out.append(str(error))
    return photos, left_out


def _without_doubles(photos: Sequence[CheckedPhoto]) -> tuple[list[CheckedPhoto], list[str]]:
    """Leave out a file whose bytes came before: a scene from a picture to itself does not move."""
    import hashlib

    seen: dict[str, Path] = {}
    kept: list[CheckedPhoto] = []
    doubles: list[str] = []
    for photo in photos:
        with photo.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest in seen:
            doubles.append(f"{photo.path}: the same picture as {seen[digest].name}; used once")
        else:
            seen[digest] = photo.path
            kept.append(photo)
    return kept, doubles


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort ``photo2`` before ``photo10``."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name.lower())]
