"""Small JPEGs of pictures and films."""

from pathlib import Path

from PIL import Image, ImageOps

from media.decode import open_picture
from media.ffmpeg import written_whole
from media.film import frame_at, measure, open_film, upright, video_track
from media.sniff import SNIFF_BYTES, sniff
from models.errors import InvalidMedia
from models.media import Size

_QUALITY = 90
_BARS = (0, 0, 0)
_LATEST_MOMENT_S = 1.0


def write_thumbnail(source: Path, into: Path, box: Size, letterbox: bool = False) -> None:
    """Write a JPEG of the picture or film at ``source``, upright, aspect kept, without any metadata.

    It lies within ``box`` pixels and is never enlarged; with ``letterbox`` it is exactly ``box``, with black bars. Of
    a film it shows the frame at one second, or half its length when that is less. ``into`` appears only when whole.
    Raises InvalidMedia when there is nothing to show: sound, documents, undecodable files.
    """
    picture = _picture_of(source, box)
    if letterbox:
        picture = ImageOps.pad(picture, box, Image.Resampling.LANCZOS, color=_BARS)
    else:
        picture.thumbnail(box, Image.Resampling.LANCZOS)
    with written_whole(into) as partial:
        picture.save(partial, "JPEG", quality=_QUALITY, optimize=True)


def _picture_of(source: Path, box: Size) -> Image.Image:
    with source.open("rb") as file:
        found = sniff(file.read(SNIFF_BYTES))
    if found is not None and found.kind == "video":
        return _frame_of(source)
    return open_picture(source, max_side_px=max(box), allow_small=True)


def _frame_of(source: Path) -> Image.Image:
    with open_film(source) as (_, container):
        track = video_track(container)
        if track is None:
            raise InvalidMedia("no video track: the file holds only sound")
        length_s = measure(container, [track])[track.index].duration_s
        return upright(frame_at(container, track, min(_LATEST_MOMENT_S, length_s / 2)), track)
