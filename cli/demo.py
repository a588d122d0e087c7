"""`atelier demo`: a real film from real photos, to see that everything works."""

from pathlib import Path
from typing import Annotated

import skimage
import typer

from cli.run import check_output, make_film, start_job
from models.media import AspectRatio
from models.runs import ImagePairsRequest

SAMPLE_PHOTOS = (
    "motorcycle_left.png",
    "motorcycle_right.png",
    "rocket.jpg",
    "hubble_deep_field.jpg",
    "coffee.png",
    "chelsea.png",
)
"""Photographs that come inside scikit-image, all CC0 or public domain: two views of one scene, and four others."""


def demo(
    photos: Annotated[list[Path] | None, typer.Argument(help="Your own photos, or a folder of them.")] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="The film to write.")] = Path("demo/film.mp4"),
    aspect: Annotated[AspectRatio, typer.Option(help="Shape of the film.")] = "16:9",
) -> None:
    """Make a film of the sample photos, or of your own."""
    if output.parent == Path("demo"):
        output.parent.mkdir(exist_ok=True)
    check_output(output)
    places = photos or [Path(skimage.__file__).parent / "data" / name for name in SAMPLE_PHOTOS]
    request = ImagePairsRequest.model_validate({"aspect_ratio": aspect, "name": "Demo" if not photos else None})
    make_film(start_job(places, request, campaign_name=output.stem), output, approve=True)
