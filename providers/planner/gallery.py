"""Photos that can be compared by their features: which are alike, which are better, which make a good pair."""

from collections.abc import Sequence

import numpy as np

from models.storyboard import Photo
from providers.planner.features import Floats
from providers.planner.views import Overlap, ViewTable

_UNSEEN_QUALITY = 0.5
_UNSEEN_RATING = 0.2


class Gallery:
    """Some photos, oldest first, and how they compare; at least one has features.

    ``rating`` and ``likeness`` are arrays (photos, photos): how good a pair two photos make (0–1), and how alike they
    look when nothing moves (at most 1). A photo without features is like no other, of middling quality, and rated the
    same with all, so that age decides.
    """

    def __init__(self, photos: Sequence[Photo]) -> None:
        self._photos = photos
        self._at = {photo.id: position for position, photo in enumerate(photos)}
        seen = [(position, photo.features) for position, photo in enumerate(photos) if photo.features]
        self._seen = {position: place for place, (position, _) in enumerate(seen)}
        features = [one for _, one in seen]
        self._views = ViewTable(features)
        # Crété's measure is about 0.8 for a sharp photo and 0.3 for one that is visibly soft on a full screen.
        sharp = np.clip((np.array([one.sharpness for one in features]) - 0.2) / 0.5, 0.05, 1)
        quality = sharp * np.array([one.exposure for one in features])
        self._quality = np.full(len(photos), _UNSEEN_QUALITY)
        self._quality[list(self._seen)] = quality
        self._similarity = self._spread(self._views.similarity, 0.0)
        self.likeness = self._spread(self._views.likeness, 0.0)
        self._duplicates = self._spread(self._views.duplicates.astype(np.float32), 0.0) > 0
        self.rating = self._spread(_ratings(self._views, quality), _UNSEEN_RATING)

    def without_duplicates(self) -> tuple[list[Photo], list[Photo]]:
        """Split into the best photo of every set of near-duplicates and the others, both oldest first."""
        kept: list[int] = []
        for position in np.argsort(-self._quality, kind="stable").tolist():
            if not self._duplicates[position, kept].any():
                kept.append(position)
        chosen = set(kept)
        spares = [photo for position, photo in enumerate(self._photos) if position not in chosen]
        return [self._photos[position] for position in sorted(kept)], spares

    def best(self, photos: Sequence[Photo], count: int) -> list[Photo]:
        """Return the ``count`` sharpest and best exposed of ``photos``, oldest first."""
        ranked = sorted((self._at[photo.id] for photo in photos), key=lambda position: -self._quality[position])
        return [self._photos[position] for position in sorted(ranked[: max(0, count)])]

    def best_pairs(
        self, photos: Sequence[Photo], worth: Floats, least_similarity: float = 0.0
    ) -> list[tuple[Photo, Photo]]:
        """Pair ``photos``, oldest first, greedily by ``worth`` (``rating`` or ``likeness``), the best pair first.

        The older photo comes first in a pair; equal worth goes by age.
        """
        at = [self._at[photo.id] for photo in photos]
        one, other = np.triu_indices(len(at), 1)
        table = np.ix_(at, at)
        similar = self._similarity[table][one, other] >= least_similarity
        found: list[tuple[Photo, Photo]] = []
        free = np.ones(len(at), bool)
        for index in np.argsort(-worth[table][one, other], kind="stable").tolist():
            if similar[index] and free[one[index]] and free[other[index]]:
                found.append((photos[one[index]], photos[other[index]]))
                free[[one[index], other[index]]] = False
        return found

    def overlap(self, first: Photo, last: Photo) -> Overlap | None:
        """Return how two photos relate, None when one of them has no features."""
        at, to = self._seen.get(self._at[first.id]), self._seen.get(self._at[last.id])
        return None if at is None or to is None else self._views.overlap(at, to)

    def score(self, one: Photo, other: Photo) -> float:
        """Return the rating of a pair, 0–1, to two decimals."""
        return round(float(self.rating[self._at[one.id], self._at[other.id]]), 2)

    def quality(self, photo: Photo) -> float:
        """Return how sharp and well exposed a photo is, 0–1."""
        return float(self._quality[self._at[photo.id]])

    def __contains__(self, photo: Photo) -> bool:
        return photo.id in self._at

    def are_duplicates(self, one: Photo, other: Photo) -> bool:
        """Tell whether two photos are near-duplicates of each other."""
        return bool(self._duplicates[self._at[one.id], self._at[other.id]])

    def _spread(self, seen: Floats, unseen: float) -> Floats:
        """Lay an array about the photos with features out over all photos."""
        table: Floats = np.full((len(self._photos), len(self._photos)), unseen, np.float32)
        table[np.ix_(list(self._seen), list(self._seen))] = seen
        return table


def _ratings(views: ViewTable, quality: Floats) -> Floats:
    """Rate every pair, 0–1: related, with a clear but not total change of view, both sharp and well exposed.

    The bounds were set on real photos: unrelated pictures reach a similarity of 0.6 by chance, and 0.75 is a sure
    match; a change below 0.02 is no change, and one above 0.85 leaves too little in common to follow.
    """
    related = np.clip((views.similarity - 0.6) / 0.15, 0.2, 1)
    change = np.interp(views.change, (0.02, 0.3, 0.85, 1.0), (0.25, 1.0, 1.0, 0.5))
    worse = np.minimum(quality[:, None], quality[None, :])
    rating: Floats = (related * change * (0.4 + 0.6 * worse)).astype(np.float32)
    return rating
