"""Anything may be killed at any time: nothing is lost, made twice, stuck or left running.

A point is what is killed and when; its seed decides. ``make chaos`` goes through all, ``make test`` through six.
"""

import os
import random
import signal
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

Jobs = Any
Service = Any
State = Any

SCENES = 7
TRANSITION_FRAMES = 12
PARTS = ("prefect", "worker", "api")
VICTIMS: dict[str, tuple[str, ...]] = {
    "child": (),
    "worker": ("worker",),
    "api": ("api",),
    "prefect": ("prefect",),
    "all": PARTS,
}
MOMENTS = (
    "planning", "approved", "scene at 25 %", "scene at 40 %", "scene at 60 %",
    *(f"{clips} of {SCENES} clips" for clips in range(1, SCENES)), "stitching", "film kept",
)  # fmt: skip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Point(NamedTuple):
    """What is killed, when, how long after that moment, for how long it is down, and whether scenes are blended."""

    seed: int
    victim: str
    moment: str
    delay_s: float
    down_s: float
    transitions: bool


def point(seed: int) -> Point:
    """Return a seed's point: victims take turns, and after all of them the moments do."""
    rng = random.Random(seed)
    moment = MOMENTS[seed // len(VICTIMS) % len(MOMENTS)]
    # What follows the last clip is over in a tenth of a second or two.
    delay_s = rng.uniform(0, 0.02 if moment in MOMENTS[-2:] else 0.3)
    return Point(
        seed, list(VICTIMS)[seed % len(VICTIMS)], moment, delay_s, rng.uniform(0, 1), (seed + seed // 5) % 2 == 1
    )


def seed_of(victim: str, moment: str) -> int:
    return MOMENTS.index(moment) * len(VICTIMS) + list(VICTIMS).index(victim)


CHOSEN = (
    seed_of("child", f"2 of {SCENES} clips"),
    seed_of("worker", "scene at 40 %"),
    seed_of("api", "approved"),
    seed_of("prefect", f"1 of {SCENES} clips"),
    seed_of("all", f"4 of {SCENES} clips"),
    seed_of("child", "stitching"),
)


def reached(moment: str, rng: random.Random) -> Callable[[State], bool]:
    """Return what tells whether a job has come to a moment, or passed it."""
    if moment == "planning":
        return lambda job: job.attempt > 0
    if moment == "approved":
        return lambda job: job.status not in ("queued", "planned")
    if moment == "stitching":
        return lambda job: job.ended or job.progress["stage"] == "stitching"
    if moment == "film kept":
        return lambda job: job.film_sha256 is not None
    if moment.startswith("scene"):
        share, scene = int(moment.split()[2]) / 100, rng.randrange(SCENES)
        return lambda job: job.ended or (len(job.scenes) > scene and job.scenes[scene].progress >= share)
    clips = int(moment.split()[0])
    return lambda job: job.clips >= clips


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        wanted = metafunc.config.getoption("--chaos-seeds", None)
        first, _, last = (wanted or "").partition("-")
        seeds = range(int(first), int(last or first) + 1) if wanted else CHOSEN
        metafunc.parametrize("seed", seeds, ids=[f"{seed}-{'-'.join(point(seed)[1:3])}" for seed in seeds])


@pytest.fixture
def standing(service: Service) -> Service:
    """The service with all its parts up, whatever the test before has done to it."""
    service.revive()
    return service


def strike(service: Service, victim: str, effort: dict[int, int]) -> None:
    if victim != "child":
        return service.kill(*VICTIMS[victim])
    child = service.child_at_work(effort)
    if child is not None:
        os.kill(child, signal.SIGKILL)
    return None


def begin(films: Jobs, where: Point) -> int:
    """Wish for a film. Approving is a moment of its own where the point is there."""
    campaign = films.campaign()
    by_hand = where.moment == "approved"
    # Too short a scene has no room for transitions on both sides.
    length = {"clip_duration": 1.05, "transitions": True} if where.transitions else {"clip_duration": 0.4}
    job_id: int = films.new(campaign, approve=not by_hand, **length)
    if by_hand:
        films.until(job_id, lambda job: job.status == "planned" and job.lease_owner is None)
        films.approve(job_id)
    return job_id


def carry_out(service: Service, films: Jobs, where: Point) -> tuple[Any, ...]:
    """Bring a job to the point, kill, start again, and wait for its end. Return the row for the table."""
    effort = service.effort()
    job_id = begin(films, where)
    films.until(job_id, reached(where.moment, random.Random(where.seed)))
    time.sleep(where.delay_s)
    found, calls = films.state(job_id), films.calls(job_id)
    strike(service, where.victim, effort)
    struck = time.monotonic()
    time.sleep(where.down_s)
    service.start(*VICTIMS[where.victim])
    ended = films.when_ended(job_id)
    took_s = time.monotonic() - struck
    faults = [f"the {name} ended by itself" for name in service.revive()]
    faults += faults_of(films, ended, found, calls, where)
    stage = "film kept" if found.film_sha256 and not found.ended else found.progress["stage"]
    seen = f"{found.status}, {stage}, {found.clips} clips"
    again = len(films.calls(job_id)) - SCENES
    return (
        where.seed, where.victim, where.moment, f"{where.delay_s * 1000:.0f}", f"{where.down_s:.1f}", seen,
        f"{took_s:.1f}", again, ended.attempt, "; ".join(faults) or "good",
    )  # fmt: skip


def faults_of(films: Jobs, ended: State, found: State, calls_found: list[Any], where: Point) -> list[str]:
    """Return, as sentences, what is wrong with a job that ended, given how it stood when something was killed."""
    faults = films.left_behind(ended.id)
    if ended.status != "completed":
        return [f"the job is {ended.status}: {ended.error}", *faults]
    calls = films.calls(ended.id)
    made = sorted((call.scene_id, call.take) for call in calls if call.status == "succeeded")
    if made != sorted((scene.id, 1) for scene in ended.scenes):
        faults.append(f"{len(made)} calls succeeded for {SCENES} scenes")
    standing = {call.scene_id for call in calls_found if call.status == "succeeded"}
    new = {call.id for call in calls} - {call.id for call in calls_found}
    if again := [call for call in calls if call.id in new and call.scene_id in standing]:
        faults.append(f"{len(again)} finished scenes were made again")
    clips = {scene.id: scene.clip_sha256 for scene in found.scenes if scene.clip_sha256}
    if lost := [scene for scene in ended.scenes if clips.get(scene.id, scene.clip_sha256) != scene.clip_sha256]:
        faults.append(f"{len(lost)} clips were replaced")
    if (ended.run, ended.revision) != (1, 1):
        faults.append(f"the film is revision {ended.revision} of run {ended.run}")
    faults += films.film_faults(ended.id, *((25, TRANSITION_FRAMES) if where.transitions else (10, 0)))
    return faults + films.event_faults(ended.id)


def test_a_kill_loses_nothing(standing: Service, films: Jobs, seed: int, table: list[Any]) -> None:
    where = point(seed)
    row = carry_out(standing, films, where)
    table.append(row)
    assert row[-1] == "good", row


def test_prefect_may_be_away_for_long(standing: Service, films: Jobs, pytestconfig: pytest.Config) -> None:
    down_s = 30.0 if pytestconfig.getoption("--chaos-seeds", None) else 6.0
    row = carry_out(standing, films, Point(-1, "prefect", f"2 of {SCENES} clips", 0.0, down_s, False))
    assert row[-1] == "good", row


def test_after_all_that_nothing_is_left(standing: Service) -> None:
    """The last one: a new worker clears away what killed ones have left, and with the parts everything ends."""
    standing.kill("worker")
    standing.start("worker")
    scratch = standing.home / "scratch"
    deadline = time.monotonic() + 10
    while (left := [path for path in scratch.rglob("*") if path.is_file()]) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []
    standing.stop()
    assert standing.orphans() == {}
