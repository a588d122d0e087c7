"""Planning by rule: 200 photos whose features are stored, in every mode.

Run with ``python -m benchmarks.bench_planning``. Each is also given as a ratio to the comparison of the same photos'
views alone, which no planning by looks can do without.
"""

import random
import statistics
import time
from base64 import b64encode
from collections.abc import Callable

from models.property import SET_A
from models.storyboard import Photo, PhotoFeatures
from providers.planner.property import PropertyWish, TemplatePropertyPlanner
from providers.planner.template import TemplatePlanner
from providers.planner.views import ViewTable

_PHOTOS, _REPEATS = 200, 9


def main() -> None:
    """Measure and print."""
    photos = _photos(random.Random(1))
    features = [photo.features for photo in photos if photo.features]
    strict = PropertyWish("strict", 5.0)
    views_s = _median_s(lambda: ViewTable(features))
    print(f"views of {_PHOTOS} photos compared     {views_s:6.3f} s   1.00 x")
    plans: dict[str, Callable[[], object]] = {
        "image pairs, groups": lambda: TemplatePlanner("groups").plan(photos, num_pairs=20, clip_duration_s=5),
        "image pairs, visual": lambda: TemplatePlanner("visual").plan(photos, num_pairs=20, clip_duration_s=5),
        "property, groups": lambda: TemplatePropertyPlanner("groups").plan(photos, strict),
        "property, visual": lambda: TemplatePropertyPlanner("visual").plan(photos, strict),
    }
    for name, plan in plans.items():
        seconds = _median_s(plan)
        print(f"{name:32} {seconds:6.3f} s   {seconds / views_s:.2f} x")


def _median_s(work: Callable[[], object]) -> float:
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _photos(dice: random.Random) -> list[Photo]:
    tags = [tag for scene in SET_A for tag in scene.ideal_tags]
    return [
        Photo(
            id=f"photo-{rank}",
            age_rank=rank,
            tags=tuple(dice.sample(tags, 2)),
            width=4,
            height=3,
            features=PhotoFeatures(
                perceptual_hash=dice.randbytes(8).hex(),
                sharpness=dice.random(),
                exposure=dice.random(),
                view=b64encode(dice.randbytes(14 * 14 * 7)).decode(),
            ),
        )
        for rank in range(_PHOTOS)
    ]


if __name__ == "__main__":
    main()
