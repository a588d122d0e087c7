"""Pieces: the parts of a film that had to be encoded, and who keeps them for the next film."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Protocol


class PieceKeeper(Protocol):
    """Gives pieces, and may keep them."""

    def piece(
        self, stage: str, inputs: Mapping[str, Any], make: Callable[[Path], None], /
    ) -> AbstractContextManager[Path]:
        """Give a file that ``make(path)`` writes, or one made before of the same stage and inputs.

        ``stage`` names what is made and its version, ``inputs`` is JSON and holds everything that decides the bytes.
        The file is there for as long as the block lasts.
        """
        ...


class UnkeptPieces:
    """Makes every piece anew, in a folder that is the caller's to remove."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count()

    @contextmanager
    def piece(self, stage: str, _inputs: Mapping[str, Any], make: Callable[[Path], None], /) -> Iterator[Path]:
        """Give a new file that ``make(path)`` writes."""
        path = self._folder / f"{stage.partition('/')[0]}-{next(self._numbers):04d}.mp4"
        make(path)
        yield path
