"""Setting plain text on a picture: one typeface, wrapped to a width, cut with an ellipsis."""

import unicodedata
from functools import lru_cache
from typing import NamedTuple

from PIL import ImageDraw, ImageFont

Colour = tuple[int, int, int]
_ELLIPSIS = "..."
_NEVER_A_CHARACTER = "\uffff"
_PROBE_PX = 32
_PLAIN_PUNCTUATION = str.maketrans({"–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "·": ",", "×": "x"})


class Style(NamedTuple):
    """How text looks: height of the em in pixels, colour, and extra weight (stroke in pixels, 0 = regular)."""

    size_px: int
    colour: Colour
    weight_px: float = 0.0

    @property
    def line_px(self) -> int:
        """Distance between two base lines."""
        return round(self.size_px * 1.45)


@lru_cache(maxsize=32)
def typeface(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own typeface, which is on every machine; it covers little more than Latin."""
    return ImageFont.load_default(size_px)


def width_px(text: str, style: Style) -> float:
    """Return how wide ``text`` is in one line."""
    return typeface(style.size_px).getlength(text) + style.weight_px


def printable(text: str) -> str:
    """Return ``text`` in one line, as far as the typeface has its letters: accents and other letters are dropped.

    When more than half would be dropped the rest makes no sense, and the result is empty.
    """
    joined = " ".join(unicodedata.normalize("NFC", text).translate(_PLAIN_PUNCTUATION).split())
    kept = "".join(_covered(char) for char in joined)
    return " ".join(kept.split()) if 2 * len(kept) >= len(joined) else ""


def wrap(text: str, style: Style, width: float, most_lines: int) -> list[str]:
    """Break ``text`` into at most ``most_lines`` lines of ``width`` pixels; what does not fit ends in an ellipsis."""
    lines: list[str] = []
    line = ""
    words = [part for word in printable(text).split() for part in _pieces(word, style, width)]
    for word in words:
        longer = f"{line} {word}".lstrip()
        if width_px(longer, style) <= width:
            line = longer
            continue
        lines.append(line)
        line = word
        if len(lines) == most_lines:
            lines[-1] = shortened(f"{lines[-1]} {word}", style, width, cut=True)
            return lines
    return [*lines, line] if line else lines


def shortened(text: str, style: Style, width: float, *, cut: bool = False) -> str:
    """Return ``text`` if it fits ``width`` pixels in one line (and is not ``cut`` already), else its start and dots."""
    if not cut and width_px(text, style) <= width:
        return text
    while text and width_px(text.rstrip(" ,.;:") + _ELLIPSIS, style) > width:
        text = text[:-1]
    return text.rstrip(" ,.;:") + _ELLIPSIS


def put(draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, style: Style, anchor: str = "ls") -> None:
    """Draw one line; ``at`` is its left end on the base line unless Pillow's ``anchor`` says otherwise."""
    draw.text(
        at,
        text,
        fill=style.colour,
        font=typeface(style.size_px),
        anchor=anchor,
        stroke_width=style.weight_px,
        stroke_fill=style.colour,
    )


def _pieces(word: str, style: Style, width: float) -> list[str]:
    """Split a word that is wider than a line, as text without spaces between words is."""
    pieces: list[str] = []
    piece = ""
    for char in word:
        if piece and width_px(piece + char, style) > width:
            pieces.append(piece)
            piece = ""
        piece += char
    return [*pieces, piece]


@lru_cache(maxsize=4096)
def _covered(char: str) -> str:
    """Return the character, or its plain form, or nothing."""
    if _has_glyph(char):
        return char
    plain = "".join(part for part in unicodedata.normalize("NFKD", char) if not unicodedata.combining(part))
    return plain if plain and all(_has_glyph(part) for part in plain) else ""


def _has_glyph(char: str) -> bool:
    font = typeface(_PROBE_PX)
    return char == " " or (char.isprintable() and bytes(font.getmask(char)) != bytes(font.getmask(_NEVER_A_CHARACTER)))
