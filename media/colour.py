"""Bringing any picture to the one form the rest works with: RGB, 8 bits, sRGB, opaque."""

import io

import numpy as np
from PIL import Image, ImageCms

from models.errors import InvalidMedia

_SIXTEEN_BIT_GREY = ("I;16", "I;16B", "I;16L", "I;16N")
_WHITE = (255, 255, 255)
_MODES_OF_PROFILES = {"RGB ": "RGB", "CMYK": "CMYK", "GRAY": "L"}


def to_srgb(picture: Image.Image) -> Image.Image:
    """Return a decoded picture as RGB of 8 bits in sRGB, transparent parts on white, free of metadata.

    Sixteen-bit channels keep their high byte, so white stays white. An embedded profile is applied when it fits the
    picture and can be read. Raises InvalidMedia for samples of 32 bits and floats, whose range is unknown.
    """
    profile = picture.info.get("icc_profile")
    if picture.mode in ("I", "F"):
        raise InvalidMedia("the picture has 32 bits per channel; save it with 8 or 16")
    if picture.mode in _SIXTEEN_BIT_GREY:
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    elif picture.has_transparency_data:
        picture = _on_white(picture)
    plain = _through_profile(picture, profile) if profile else None
    if plain is None:
        plain = picture.convert("RGB") if picture.mode != "RGB" else picture.copy()
    plain.info = {}
    return plain


def _on_white(picture: Image.Image) -> Image.Image:
    # Through RGBA in every case: palettes with an alpha for each entry have no other safe way.
    layered = picture.convert("RGBA")
    canvas = Image.new("RGB", layered.size, _WHITE)
    canvas.paste(layered, mask=layered.getchannel("A"))
    return canvas


def _through_profile(picture: Image.Image, profile: bytes) -> Image.Image | None:
    """Convert from the embedded profile to sRGB; None when the profile is damaged or of another kind of colour."""
    try:
        source = ImageCms.getOpenProfile(io.BytesIO(profile))
        mode = _MODES_OF_PROFILES.get(source.profile.xcolor_space)
        if mode is None or (picture.mode == "CMYK") != (mode == "CMYK"):
            return None
        wanted = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(picture.convert(mode), source, wanted, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
