"""Contact sheets: a storyboard, or a finished film, on one printable page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from media.decode import open_picture
from media.ffmpeg import written_whole
from media.film import frame_at, measure, open_film, upright, video_track
from media.typeset import Colour, Style, printable, put, shortened, width_px, wrap
from models.errors import InvalidInput, InvalidMedia
from models.media import Size

_PAPER: Colour = (246, 245, 242)
_CARD: Colour = (255, 255, 255)
_LINE: Colour = (226, 223, 216)
_INK: Colour = (28, 30, 34)
_SOFT: Colour = (104, 106, 112)
_ACCENT: Colour = (186, 92, 54)
_CHIP: Colour = (242, 239, 233)

_HEADING = Style(54, _INK, 0.8)
_SUBHEADING = Style(26, _SOFT)
_NUMBER = Style(32, _ACCENT, 0.7)
_TITLE = Style(30, _INK, 0.5)
_FACT = Style(22, _SOFT)
_PROMPT = Style(21, _SOFT)
_TIMECODE = Style(24, _INK)

_MARGIN = 88
_GUTTER = 44
_PADDING = 30
_HEADER = 150
_PHOTO = Size(336, 252)
_ARROW_GAP = 72
_PROMPT_LINES = 5
_CARD_WIDTH = 2 * _PADDING + 2 * _PHOTO.width + _ARROW_GAP
_RADIUS = 18
_FILM_CELL_PX = 480
_JPEG_QUALITY = 92


@dataclass(frozen=True)
class SheetScene:
    """One scene as drawn: its first and last photo (picture files), length in seconds and words."""

    number: int
    title: str
    first: Path
    last: Path
    duration_s: float
    movement: str | None
    prompt: str


def storyboard_sheet(scenes: Sequence[SheetScene], into: Path, title: str) -> None:
    """Draw the scenes of a storyboard as cards in a grid; JPEG or PNG by the suffix of ``into``.

    Raises InvalidInput without scenes, InvalidMedia for a photo that cannot be opened.
    """
    if not scenes:
        raise InvalidInput("there are no scenes to draw")
    columns = next(columns for columns, most in ((1, 1), (2, 4), (3, 9), (4, len(scenes))) if len(scenes) <= most)
    rows = [[_Card(scene) for scene in scenes[at : at + columns]] for at in range(0, len(scenes), columns)]
    heights = [max(card.height for card in row) for row in rows]
    sheet = _page(columns, _CARD_WIDTH, heights)
    total_s = sum(scene.duration_s for scene in scenes)
    count = f"{len(scenes)} {'scene' if len(scenes) == 1 else 'scenes'}"
    _header(sheet, printable(title) or "Storyboard", f"{count}, {_seconds(total_s)}")
    top = _MARGIN + _HEADER
    for row, height in zip(rows, heights, strict=True):
        for column, card in enumerate(row):
            card.draw(sheet, (_MARGIN + column * (_CARD_WIDTH + _GUTTER), top), height)
        top += height + _GUTTER
    _save(sheet, into)


def film_sheet(video: Path, into: Path, columns: int = 4, frames: int = 12, title: str = "") -> None:
    """Draw evenly spaced frames of a film with their timecodes, from the middle of each of ``frames`` equal parts.

    A film of fewer frames shows each of them once. JPEG or PNG by the suffix of ``into``. Raises InvalidMedia when
    the film cannot be read.
    """
    with open_film(video) as (_, container):
        track = video_track(container)
        if track is None:
            raise InvalidMedia("no video track: the file holds only sound")
        line = measure(container, [track])[track.index]
        count = max(1, min(frames, line.frames))
        moments = [(index + 0.5) * line.duration_s / count for index in range(count)]
        pictures = [upright(frame_at(container, track, moment), track) for moment in moments]
    columns = min(columns, count)
    shape = pictures[0].size
    frame = Size(_FILM_CELL_PX, round(_FILM_CELL_PX * shape[1] / shape[0]))
    cell_height = frame.height + round(1.3 * _TIMECODE.line_px)
    sheet = _page(columns, frame.width, [cell_height] * -(-count // columns))
    facts = f"{shape[0]} x {shape[1]}, {_seconds(line.duration_s)}, {line.frames} frames"
    _header(sheet, printable(title) or "Film", facts)
    for index, (picture, moment) in enumerate(zip(pictures, moments, strict=True)):
        row, column = divmod(index, columns)
        left, top = _MARGIN + column * (frame.width + _GUTTER), _MARGIN + _HEADER + row * (cell_height + _GUTTER)
        sheet.paste(ImageOps.fit(picture, frame, Image.Resampling.LANCZOS), (left, top))
        put(ImageDraw.Draw(sheet), (left, top + frame.height + _TIMECODE.line_px), timecode(moment), _TIMECODE)
    _save(sheet, into)


def timecode(moment_s: float) -> str:
    """Return a moment as minutes, seconds and hundredths: ``1:05.25``."""
    hundredths = round(moment_s * 100)
    return f"{hundredths // 6000}:{hundredths // 100 % 60:02}.{hundredths % 100:02}"


class _Card:
    """A scene laid out: its height is known before anything is drawn, so that a row can agree on one."""

    def __init__(self, scene: SheetScene) -> None:
        self.scene = scene
        self.movement = printable((scene.movement or "").replace("_", " ")).capitalize()
        self.prompt = wrap(scene.prompt, _PROMPT, _CARD_WIDTH - 2 * _PADDING, _PROMPT_LINES)
        self.title_base = _PADDING + _PHOTO.height + 58
        self.prompt_top = self.title_base + (78 if self.movement else 26)
        self.height = self.prompt_top + len(self.prompt) * _PROMPT.line_px + _PADDING

    def draw(self, sheet: Image.Image, corner: tuple[int, int], height: int) -> None:
        left, top = corner
        draw, box = ImageDraw.Draw(sheet), (left, top, left + _CARD_WIDTH, top + height)
        draw.rounded_rectangle(box, _RADIUS, fill=_CARD, outline=_LINE, width=2)
        inner, right = left + _PADDING, left + _CARD_WIDTH - _PADDING
        _photo(sheet, self.scene.first, (inner, top + _PADDING))
        _photo(sheet, self.scene.last, (right - _PHOTO.width, top + _PADDING))
        _arrow(draw, left + _CARD_WIDTH // 2, top + _PADDING + _PHOTO.height // 2)
        self._heading(draw, inner, right, top + self.title_base)
        if self.movement:
            _chip(draw, (inner, top + self.title_base + 22), self.movement)
        for row, line in enumerate(self.prompt):
            put(draw, (inner, top + self.prompt_top + (row + 0.72) * _PROMPT.line_px), line, _PROMPT)

    def _heading(self, draw: ImageDraw.ImageDraw, left: int, right: int, base: int) -> None:
        number, length = f"{self.scene.number:02}", _seconds(self.scene.duration_s)
        put(draw, (left, base), number, _NUMBER)
        put(draw, (right, base), length, _FACT, anchor="rs")
        title_left = left + width_px(number, _NUMBER) + 18
        room = right - title_left - width_px(length, _FACT) - 24
        title = printable(self.scene.title) or f"Scene {self.scene.number}"
        put(draw, (title_left, base), shortened(title, _TITLE, room), _TITLE)


def _page(columns: int, cell_width: int, row_heights: Sequence[int]) -> Image.Image:
    width = 2 * _MARGIN + columns * cell_width + (columns - 1) * _GUTTER
    height = 2 * _MARGIN + _HEADER + sum(row_heights) + (len(row_heights) - 1) * _GUTTER
    return Image.new("RGB", (width, height), _PAPER)


def _header(sheet: Image.Image, title: str, facts: str) -> None:
    draw = ImageDraw.Draw(sheet)
    room = sheet.width - 2 * _MARGIN
    put(draw, (_MARGIN, _MARGIN + 44), shortened(title, _HEADING, room), _HEADING)
    put(draw, (_MARGIN, _MARGIN + 92), shortened(facts, _SUBHEADING, room), _SUBHEADING)


def _photo(sheet: Image.Image, path: Path, corner: tuple[int, int]) -> None:
    picture = ImageOps.fit(open_picture(path, max_side_px=4 * max(_PHOTO)), _PHOTO, Image.Resampling.LANCZOS)
    sheet.paste(picture, corner, _rounded(_PHOTO))


def _rounded(size: Size) -> Image.Image:
    """Return a mask with softly rounded corners, drawn large and scaled down so that its edge is smooth."""
    mask = Image.new("L", (4 * size.width, 4 * size.height), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, mask.width - 1, mask.height - 1), 4 * 8, fill=255)
    return mask.resize(size, Image.Resampling.BOX)


def _arrow(draw: ImageDraw.ImageDraw, x: int, y: int) -> None:
    draw.line((x - 18, y, x + 16, y), fill=_ACCENT, width=4)
    draw.line((x + 5, y - 12, x + 17, y, x + 5, y + 12), fill=_ACCENT, width=4, joint="curve")


def _chip(draw: ImageDraw.ImageDraw, corner: tuple[int, int], words: str) -> None:
    left, top = corner
    wide = width_px(words, _FACT) + 32
    draw.rounded_rectangle((left, top, left + wide, top + 40), 20, fill=_CHIP)
    put(draw, (left + 16, top + 21), words, _FACT, anchor="lm")


def _seconds(length_s: float) -> str:
    return f"{length_s:.1f}".removesuffix(".0") + " s"


def _save(sheet: Image.Image, into: Path) -> None:
    with written_whole(into) as partial:
        if into.suffix.lower() == ".png":
            sheet.save(partial, "PNG")
        else:
            sheet.save(partial, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
