"""Jobs of the service: made from generated pictures, watched in their rows, and looked over when they have ended."""

import colorsys
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from io import BytesIO
from typing import Any, NamedTuple

import av
import httpx
import numpy as np
import pytest
from PIL import Image

from cli.photos import check_photo, import_photos
from models.runs import ImagePairsRequest
from settings import get_settings
from storage import jobs
from storage.database import get_database

SCENES, FPS = 7, 24
_LOOK_S = 0.004
_SETTLE_TIMEOUT_S = 10.0
_ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class SceneState(NamedTuple):
    id: str
    scene_index: int
    status: str
    take: int
    progress: float
    clip_sha256: str | None


class State(NamedTuple):
    """A job as its rows show it at one moment."""

    id: int
    status: str
    plan_version: int
    run: int
    revision: int
    attempt: int
    recoveries: int
    lease_owner: str | None
    film_sha256: str | None
    error: str | None
    progress: dict[str, Any]
    scenes: tuple[SceneState, ...]

    @property
    def clips(self) -> int:
        return sum(scene.clip_sha256 is not None for scene in self.scenes)

    @property
    def ended(self) -> bool:
        return self.status in ("completed", "failed", "cancelled")


class Call(NamedTuple):
    """A row of the ledger."""

    id: str
    scene_id: str
    take: int
    status: str


class Jobs:
    """What tests do with the jobs of one service, and see of them."""

    def __init__(self, service: Any) -> None:
        self.service = service
        self._campaigns = 0

    def campaign(self, scenes: int = SCENES, poison: tuple[int, int, int] | None = None) -> str:
        """Add a campaign of two pictures for each scene, unlike all before; those of scene n show hue n / SCENES."""
        self._campaigns += 1
        folder = self.service.folder / f"pictures-{self._campaigns}"
        folder.mkdir()
        paths = [folder / f"photo {number + 1}.png" for number in range(2 * scenes)]
        for number, path in enumerate(paths):
            noise = np.random.default_rng(self._campaigns * 100 + number).integers(-40, 40, (9, 16, 3))
            pixels = np.clip(_hue(number // 2) + noise, 0, 255).astype(np.uint8)
            picture = Image.fromarray(pixels).resize((320, 180), Image.Resampling.BICUBIC)
            if poison and number == 0:
                picture.putpixel((0, 0), poison)
            picture.save(path)
        with self._rows():
            return import_photos([check_photo(path) for path in paths], f"Chaos {self._campaigns}")

    def new(self, campaign_id: str, **request: Any) -> int:
        """Wish for a film; unless told otherwise of SCENES scenes of 0.4 s, approved at once. Return the job's id."""
        wish = {"num_pairs": SCENES, "clip_duration": 0.4, "fps": FPS, "approve": True, **request}
        with self._rows(), get_database().write() as session:
            job = jobs.create_image_pairs_job(session, ImagePairsRequest(campaign_id=campaign_id, **wish))
            assert job.id is not None
            return job.id

    def approve(self, job_id: int) -> None:
        with self._rows(), get_database().write() as session:
            jobs.approve(session, job_id)

    def state(self, job_id: int) -> State:
        """Return how the job stands in one snapshot of the database."""
        with self._snapshot() as look:
            (row,) = look("jobs", State._fields[:-1], "id = ?", job_id)
            scenes = look("scenes", SceneState._fields, "job_id = ? ORDER BY scene_index", job_id)
        *columns, progress = row
        return State(*columns, json.loads(progress), tuple(SceneState(*scene) for scene in scenes))

    def calls(self, job_id: int) -> list[Call]:
        with self._snapshot() as look:
            return [Call(*row) for row in look("predictions", Call._fields, "job_id = ?", job_id)]

    def objects(self) -> set[str]:
        """Return the names of all bytes that the database knows of."""
        with self._snapshot() as look:
            return {row[0] for row in look("objects", ("sha256",), "TRUE")}

    def until(self, job_id: int, reached: Callable[[State], bool], timeout_s: float = 90.0) -> State:
        """Return the job as soon as its rows show what is waited for."""
        deadline = time.monotonic() + timeout_s
        while not reached(state := self.state(job_id)):
            assert time.monotonic() < deadline, f"waited in vain: {state}"
            time.sleep(_LOOK_S)
        return state

    def when_ended(self, job_id: int, timeout_s: float = 90.0) -> State:
        """Return the job when it has ended, or as it stands when that takes too long."""
        deadline = time.monotonic() + timeout_s
        while not (state := self.state(job_id)).ended and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
        return state

    def flow_runs(self, job_id: int) -> list[dict[str, Any]]:
        body = {"flow_runs": {"tags": {"all_": [f"job:{job_id}"]}}}
        answer = httpx.post(f"{self.service.prefect}/flow_runs/filter", json=body, timeout=30).raise_for_status()
        return list(answer.json())

    def left_behind(self, job_id: int) -> list[str]:
        """Return, as sentences, what an ended job must not leave, after a grace of some seconds to settle in."""
        deadline = time.monotonic() + _SETTLE_TIMEOUT_S
        while (faults := self._unsettled(job_id)) and time.monotonic() < deadline:
            time.sleep(0.1)
        return faults + [f"an orphan lives: {command[:80]}" for command in self.service.orphans().values()]

    def film_faults(self, job_id: int, scene_frames: int, blended_frames: int = 0) -> list[str]:
        """Return, as sentences, what is wrong with the film that the API serves.

        Its scenes, of ``scene_frames`` frames each, must come in order, ``blended_frames`` of each shown with the next.
        """
        answer = httpx.get(f"{self.service.api}/videos/{job_id}/combined", timeout=30)
        if answer.status_code != 200:
            return [f"the film is answered with {answer.status_code}"]
        with av.open(BytesIO(answer.content)) as film:
            frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        order, step = self._order(job_id), scene_frames - blended_frames
        expected = step * len(order) + blended_frames
        if len(frames) != expected:
            return [f"the film has {len(frames)} frames instead of {expected}"]
        middles = (frames[index * step + scene_frames // 2] for index in range(len(order)))
        shown = [_nearest_scene(frame.reshape(-1, 3).mean(0)) for frame in middles]
        return [] if shown == order else [f"the film shows the scenes {shown} instead of {order}"]

    def event_faults(self, job_id: int) -> list[str]:
        """Return, as sentences, what is wrong with the story that the events of a job that ended tell."""
        with self._snapshot() as look:
            rows = look("events", ("id", "type", "payload"), "topic = ? ORDER BY id", f"job:{job_id}")
        types = [type for _, type, _ in rows]
        faults = []
        if types.count("done") != 1 or types[-1] != "done":
            faults.append(f"the last events are {types[-3:]}, {types.count('done')} of all are done")
        percentages: dict[int, list[float]] = {}
        for progress in (payload.get("progress", payload) for payload in map(json.loads, (row[2] for row in rows))):
            if "percentage" in progress:
                percentages.setdefault(progress["run"], []).append(progress["percentage"])
        faults += [f"run {run} falls back: {way}" for run, way in percentages.items() if way != sorted(way)]
        stream = httpx.get(f"{self.service.api}/jobs/{job_id}/events", headers={"Last-Event-ID": "0"}, timeout=30)
        told = [int(line.removeprefix("id:")) for line in stream.text.splitlines() if line.startswith("id:")]
        return faults if told == [row[0] for row in rows] else [*faults, f"the stream tells only {told}"]

    def close(self) -> None:
        with self._rows():
            get_database().dispose()

    @contextmanager
    def _rows(self) -> Iterator[None]:
        """Let this process use the service's database and objects while the block lasts."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ATELIER_HOME", str(self.service.home))
            get_settings.cache_clear()
            yield
        get_settings.cache_clear()

    @contextmanager
    def _snapshot(self) -> Iterator[Callable[..., list[Sequence[Any]]]]:
        """Give a function that reads columns of a table; all its answers are of one moment."""
        place = f"file:{self.service.home / 'scenes.db'}?mode=ro"
        with closing(sqlite3.connect(place, uri=True, timeout=30, isolation_level=None)) as connection:
            connection.execute("BEGIN")

            def look(table: str, columns: Sequence[str], where: str, *values: Any) -> list[Sequence[Any]]:
                sql = f"SELECT {', '.join(columns)} FROM {table} WHERE {where}"
                return connection.execute(sql, values).fetchall()

            yield look

    def _unsettled(self, job_id: int) -> list[str]:
        state, faults = self.state(job_id), []
        if state.lease_owner:
            faults.append(f"the lease is still held by {state.lease_owner}")
        if alive := [scene.scene_index for scene in state.scenes if scene.status in ("pending", "running")]:
            faults.append(f"scenes {alive} look alive")
        if still := [call for call in self.calls(job_id) if call.status in ("prepared", "running")]:
            faults.append(f"{len(still)} calls are open in the ledger")
        if slots := self._slots(job_id):
            faults.append(f"{slots} slots are taken")
        runs = [run["state_type"] for run in self.flow_runs(job_id) if run["state_type"] not in _ENDED]
        return [*faults, f"in Prefect a run is {', '.join(runs)}"] if runs else faults

    def _slots(self, job_id: int) -> int:
        with self._snapshot() as look:
            return len(look("concurrency_slots", ("number",), "job_id = ?", job_id))

    def _order(self, job_id: int) -> list[int]:
        """Return the hues that the job's scenes have, in their order, by the names of their first pictures."""
        with self._snapshot() as look:
            names = look(
                "scenes JOIN assets ON assets.id = first_asset_id",
                ("assets.metadata",),
                "scenes.job_id = ? ORDER BY scene_index",
                job_id,
            )
        numbers = [int(json.loads(row[0])["original_name"].removeprefix("photo ").split(".")[0]) for row in names]
        return [(number - 1) // 2 for number in numbers]


def _hue(scene: int) -> np.ndarray:
    return np.array(colorsys.hsv_to_rgb(scene / SCENES, 0.6, 0.65)) * 255


def _nearest_scene(colour: np.ndarray) -> int:
    return int(np.argmin([np.abs(_hue(scene) - colour).sum() for scene in range(SCENES)]))


@pytest.fixture(scope="package")
def films(service: Any) -> Iterator[Jobs]:
    """The jobs of the service."""
    films = Jobs(service)
    yield films
    films.close()
