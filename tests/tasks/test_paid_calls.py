"""Scenes rendered by a vendor: the ledger outlives the run, and nothing is bought twice."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlmodel import col, select

from media.probe import probe_video
from models.columns import new_uuid
from models.errors import NotConfigured, Superseded, VendorFailed
from models.jobs import Job, JobStatus, Scene, SceneStatus
from models.predictions import Prediction, PredictionStatus
from models.runs import ImagePairsRequest, JobLease
from models.slots import ConcurrencySlot
from models.storyboard import Plan, ScenePlan
from providers.video.replicate import client, orders, patience
from settings import get_settings
from storage import job_actions, jobs, leases, predictions, scene_edits, scenes, slots, vendor_calls
from storage.assets import candidate_images
from storage.database import get_database
from storage.job_lists import spent
from storage.stores import get_object_store
from tasks.frame_urls import frame_urls
from tasks.release import release_predictions
from tasks.render_scene import render_scene
from tests.fakes.replicate_server import KEY, FakeReplicate

Ordered = tuple[str, JobLease]


class Killed(BaseException):
    """The process died here."""


@pytest.fixture
def vendor(home: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeReplicate]:
    monkeypatch.setattr(patience, "WAITS_S", (0.01, 0.02, 0.03))
    monkeypatch.setattr(patience, "_LOOK_S", 0.01)
    monkeypatch.setattr(orders, "SETTLE_S", 0.01)
    with FakeReplicate() as server:
        values = {"API_KEY": KEY, "BASE_URL": server.url, "START_DELAY_MS": "0", "POLL_INITIAL_MS": "5"}
        for name, value in values.items():
            monkeypatch.setenv(f"REPLICATE_{name}", value)
        get_settings.cache_clear()
        yield server


@pytest.fixture
def campaign(make_campaign: Callable[..., str], vendor: FakeReplicate) -> str:
    return make_campaign(pictures=2)


def order(campaign: str, scene_count: int = 1, **wish: Any) -> tuple[list[str], JobLease]:
    """Make an approved job whose scenes all want the same; return them and the job's lease."""
    with get_database().write() as session:
        job = jobs.create_image_pairs_job(session, ImagePairsRequest(campaign_id=campaign, approve=True, **wish))
        first, last = [asset.id for asset in candidate_images(session, campaign)]
    lease = JobLease(job_id=job.id or 0, owner=new_uuid())
    leases.claim(lease)
    plans = [
        ScenePlan(
            first_asset_id=first, last_asset_id=last, title="T", description="D", prompt=f"P{number}", duration_s=5
        )
        for number in range(scene_count)
    ]
    return jobs.keep_plan(lease, Plan(scenes=plans, planner="t")), lease


def one(campaign: str, **wish: Any) -> Ordered:
    (scene_id,), lease = order(campaign, **wish)
    return scene_id, lease


def again(ordered: Ordered) -> Ordered:
    """The run died: another one holds its job."""
    leases.release(ordered[1])
    lease = JobLease(job_id=ordered[1].job_id, owner=new_uuid())
    leases.claim(lease)
    return ordered[0], lease


def ledger(scene_id: str) -> list[Prediction]:
    with get_database().read() as session:
        query = select(Prediction).where(Prediction.scene_id == scene_id).order_by(col(Prediction.inserted_at))
        return list(session.exec(query))


def scene(scene_id: str) -> Scene:
    with get_database().read() as session:
        return session.get_one(Scene, scene_id)


def test_a_scene_is_bought_and_its_call_on_record(campaign: str, vendor: FakeReplicate) -> None:
    ordered = one(campaign)
    with get_object_store().local_file(render_scene.fn(*ordered)) as clip:
        assert probe_video(clip).duration_s == pytest.approx(4)
    (row,), (made,) = ledger(ordered[0]), vendor.made.values()
    assert (row.status, row.provider, row.model) == (PredictionStatus.SUCCEEDED, "replicate", "google/veo-3.1")
    assert (row.external_id, row.cost_usd, row.request) == (made.id, 0.8, {"version": made.model, "input": made.input})
    kept = scene(ordered[0])
    assert (kept.status, kept.provider_id) == (SceneStatus.COMPLETED, made.id)
    assert kept.clip is not None
    assert (kept.clip["technique"], kept.clip["cost_usd"], kept.clip["engine"]) == ("google/veo-3.1", 0.8, "replicate")
    with get_database().read() as session:
        job = jobs.get_job(session, ordered[1].job_id)
        assert session.exec(select(ConcurrencySlot)).all() == []
        assert spent(session, [job]) == {job.id: 0.8}
    assert (job.estimated_cost_usd, job.progress["costs"]["estimated"]) == (1.0, 1.0)  # 5 s were wished for


def test_what_was_bought_before_is_used_again(campaign: str, vendor: FakeReplicate) -> None:
    first, second, dearer = one(campaign), one(campaign), one(campaign, video_model="hailuo-02")
    assert render_scene.fn(*first) == render_scene.fn(*second)
    assert vendor.counts["created"] == 1
    (row,) = ledger(second[0])
    assert (row.reused, row.cost_usd) == (True, 0.0)
    render_scene.fn(*dearer)
    assert [made.model for made in vendor.made.values()] == ["google/veo-3.1", "minimax/hailuo-02"]


MOMENTS: dict[str, tuple[Any, str, bool]] = {
    "before it is on record": (vendor_calls, "note_request", False),
    "before it is sent": (vendor_calls, "note_request", True),
    "when it was sent": (client.Replicate, "create", True),
    "before its id is on record": (vendor_calls, "accept", False),
    "when its id is on record": (vendor_calls, "accept", True),
    "while it is made": (client.Replicate, "find", True),
    "when its cost is on record": (vendor_calls, "charge", True),
    "when it is stored": (predictions, "succeed", False),
    "when it is paid": (predictions, "succeed", True),
    "before the scene has it": (scenes, "keep_clip", False),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_death_at_any_moment_buys_nothing_twice(
    moment: str, campaign: str, vendor: FakeReplicate, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, name, after = MOMENTS[moment]
    real = getattr(where, name)

    def die(*args: Any, **more: Any) -> None:
        if after:
            real(*args, **more)
        raise Killed

    ordered = one(campaign)
    with monkeypatch.context() as patch:
        patch.setattr(where, name, die)
        with pytest.raises(Killed):
            render_scene.fn(*ordered)
    render_scene.fn(*again(ordered))
    assert (vendor.counts["created"], vendor.counts["billed"]) == (1, 1)
    (row,) = ledger(ordered[0])
    assert (row.status, row.cost_usd, row.external_id) == (PredictionStatus.SUCCEEDED, 0.8, next(iter(vendor.made)))
    assert scene(ordered[0]).status == SceneStatus.COMPLETED


def test_no_scene_takes_what_another_has_ordered(
    campaign: str, vendor: FakeReplicate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLIC_BASE_URL", "https://films.example.org")  # so that both orders are the very same
    get_settings.cache_clear()
    first, second = one(campaign), one(campaign)
    vendor.make_s = 60.0
    die_when_accepted(monkeypatch, first)
    with monkeypatch.context() as patch:
        patch.setattr(client.Replicate, "create", killed)
        with pytest.raises(Killed):
            render_scene.fn(*second)
    vendor.make_s = 0.0
    render_scene.fn(*again(second))
    assert vendor.counts["created"] == 2
    rows = [ledger(ordered[0])[0] for ordered in (first, second)]
    assert rows[0].request == rows[1].request
    assert rows[0].external_id != rows[1].external_id


def killed(*_args: Any, **_more: Any) -> Any:
    raise Killed


def die_when_accepted(monkeypatch: pytest.MonkeyPatch, ordered: Ordered) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(orders, "followed", killed)
        patch.setattr("providers.video.replicate.generator.followed", killed)
        with pytest.raises(Killed):
            render_scene.fn(*ordered)


def test_a_failed_prediction_fails_its_scene_and_a_retry_orders_anew(campaign: str, vendor: FakeReplicate) -> None:
    vendor.fail("work", "failed", text="no people, please")
    ordered = one(campaign)
    with pytest.raises(VendorFailed):
        render_scene.fn(*ordered)
    failed = scene(ordered[0])
    assert (failed.status, "no people, please" in (failed.error or "")) == (SceneStatus.FAILED, True)
    render_scene.fn(*ordered)
    assert [row.status for row in ledger(ordered[0])] == [PredictionStatus.FAILED, PredictionStatus.SUCCEEDED]


def test_what_is_throttled_has_a_row_for_each_order(campaign: str, vendor: FakeReplicate) -> None:
    vendor.fail("work", "failed", text="E6716")
    ordered = one(campaign)
    render_scene.fn(*ordered)
    rows = ledger(ordered[0])
    assert [row.status for row in rows] == [PredictionStatus.FAILED, PredictionStatus.SUCCEEDED]
    assert scene(ordered[0]).provider_id == rows[1].external_id


def test_the_clip_can_be_fetched_when_the_vendor_is_well_again(campaign: str, vendor: FakeReplicate) -> None:
    vendor.fail("download", "truncated", times=3)
    ordered = one(campaign)
    with pytest.raises(VendorFailed):
        render_scene.fn(*ordered)
    assert [row.status for row in ledger(ordered[0])] == [PredictionStatus.RUNNING]
    render_scene.fn(*ordered)
    assert vendor.counts["created"] == 1


def cancel(job_id: int) -> None:
    with get_database().write() as session:
        job_actions.cancel(session, job_id)


def test_a_cancelled_job_stops_waiting_and_cancels_at_the_vendor(campaign: str, vendor: FakeReplicate) -> None:
    vendor.make_s = 60.0
    scene_id, lease = one(campaign)
    ended: list[BaseException] = []

    def work() -> None:
        try:
            render_scene.fn(scene_id, lease)
        except Superseded as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    while not any(row.external_id for row in ledger(scene_id)):
        assert thread.is_alive()
        threading.Event().wait(0.01)
    cancel(lease.job_id)
    thread.join(30)
    assert len(ended) == 1
    assert [row.status for row in ledger(scene_id)] == [PredictionStatus.RELEASING]
    assert release_predictions(lease.job_id) == release_predictions() == 0
    assert vendor.counts["cancelled"] == 1
    assert [(row.status, row.cost_usd) for row in ledger(scene_id)] == [(PredictionStatus.CANCELLED, 0.0)]


@pytest.mark.parametrize("moment", ["when it was sent", "when its id is on record", "before it is on record"])
def test_what_a_dead_run_ordered_is_cancelled_with_its_job(
    moment: str, campaign: str, vendor: FakeReplicate, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor.make_s = 60.0
    ordered = one(campaign)
    where, name, after = MOMENTS[moment]
    real = getattr(where, name)

    def die(*args: Any, **more: Any) -> None:
        if after:
            real(*args, **more)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(where, name, die)
        with pytest.raises(Killed):
            render_scene.fn(*ordered)
    cancel(ordered[1].job_id)
    monkeypatch.setenv("REPLICATE_BASE_URL", "http://127.0.0.1:1")
    get_settings.cache_clear()
    ordered_something = int(moment != "before it is on record")
    assert release_predictions() == ordered_something  # the vendor is away
    monkeypatch.setenv("REPLICATE_BASE_URL", vendor.url)
    get_settings.cache_clear()
    assert release_predictions(ordered[1].job_id) == 0
    assert vendor.counts["cancelled"] == vendor.counts["created"] == ordered_something
    assert [row.status for row in ledger(ordered[0])] == [PredictionStatus.CANCELLED]


def test_one_that_had_finished_costs_all_the_same(
    campaign: str, vendor: FakeReplicate, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered = one(campaign)
    die_when_accepted(monkeypatch, ordered)
    cancel(ordered[1].job_id)
    assert release_predictions() == 0
    (row,) = ledger(ordered[0])
    assert (row.status, row.cost_usd) == (PredictionStatus.CANCELLED, 0.8)
    with get_database().read() as session:
        assert spent(session, [jobs.get_job(session, ordered[1].job_id)]) == {ordered[1].job_id: 0.8}


def test_an_id_that_comes_after_the_job_was_cancelled_is_kept(
    campaign: str, vendor: FakeReplicate, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered, real = one(campaign), client.Replicate.create

    def create(*args: Any) -> Any:
        cancel(ordered[1].job_id)
        return real(*args)

    monkeypatch.setattr(client.Replicate, "create", create)
    with pytest.raises(Superseded):
        render_scene.fn(*ordered)
    (row,) = ledger(ordered[0])
    assert (row.status, row.external_id) == (PredictionStatus.RELEASING, next(iter(vendor.made)))
    assert scene(ordered[0]).provider_id is None


def test_another_take_gives_up_what_the_one_before_ordered(
    campaign: str, vendor: FakeReplicate, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered = one(campaign)
    die_when_accepted(monkeypatch, ordered)
    scenes.fail_scene(ordered[1], ordered[0], "whatever")
    with get_database().write() as session:
        row = session.get_one(Scene, ordered[0])
        scene_edits.regenerate_scene(session, session.get_one(Job, row.job_id), row, {"prompt": "Q"})
    render_scene.fn(*ordered)
    assert [row.status for row in ledger(ordered[0])] == [PredictionStatus.RELEASING, PredictionStatus.SUCCEEDED]


def test_word_from_the_vendor_ends_the_wait(
    campaign: str, vendor: FakeReplicate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLICATE_POLL_INITIAL_MS", "600000")
    get_settings.cache_clear()
    vendor.make_s = 0.05
    scene_id, lease = one(campaign)
    thread = threading.Thread(target=render_scene.fn, args=(scene_id, lease))
    thread.start()
    while not any(row.external_id for row in ledger(scene_id)):
        assert thread.is_alive()
        threading.Event().wait(0.01)
    external_id = ledger(scene_id)[0].external_id or ""
    while thread.is_alive():  # it comes too early, and more than once
        with get_database().write() as session:
            vendor_calls.mark_due(session, "replicate", external_id)
        threading.Event().wait(0.03)
    assert scene(scene_id).status == SceneStatus.COMPLETED
    with get_database().write() as session:
        assert not vendor_calls.mark_due(session, "replicate", external_id)
    assert vendor.counts["downloads"] == 1


def test_no_more_are_made_at_once_than_the_key_allows(
    campaign: str, vendor: FakeReplicate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLICATE_MAX_CONCURRENCY", "2")
    get_settings.cache_clear()
    vendor.make_s = 60.0
    scene_ids, lease = order(campaign, scene_count=3)
    refused, real = threading.Event(), slots.try_take

    def try_take(*args: Any) -> bool:
        took = real(*args)
        if not took:
            refused.set()
        return took

    monkeypatch.setattr(slots, "try_take", try_take)
    threads = [threading.Thread(target=render_scene.fn, args=(scene_id, lease)) for scene_id in scene_ids]
    for thread in threads:
        thread.start()
    assert refused.wait(30)
    while vendor.counts["created"] < 2:
        assert all(thread.is_alive() for thread in threads)
        threading.Event().wait(0.01)
    vendor.make_s = 0.0
    for thread in threads:
        thread.join(60)
    assert vendor.counts["billed"] == 3
    assert vendor.most_live == 2


def test_scenes_start_one_after_another(campaign: str, vendor: FakeReplicate, monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    import tasks.slots

    monkeypatch.setenv("REPLICATE_START_DELAY_MS", "1000")
    get_settings.cache_clear()
    scene_ids, lease = order(campaign, scene_count=3)
    now = 100.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(tasks.slots, "time", SimpleNamespace(monotonic=lambda: now, sleep=sleep))
    starts = []
    for scene_id in scene_ids:
        tasks.slots.start_turn(lease, scene_id)
        starts.append(now)
    assert starts == [100.0, 101.0, 102.0]
    cancel(lease.job_id)
    now = 100.0
    with pytest.raises(Superseded):
        tasks.slots.start_turn(lease, scene_ids[2])


def test_without_a_key_a_model_by_name_says_what_is_missing(
    campaign: str, vendor: FakeReplicate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REPLICATE_API_KEY")
    get_settings.cache_clear()
    ordered = one(campaign, video_model="veo3")
    with pytest.raises(NotConfigured, match="REPLICATE_API_KEY"):
        render_scene.fn(*ordered)
    assert scene(ordered[0]).status == SceneStatus.FAILED


@pytest.mark.parametrize(
    ("base", "reachable"),
    [
        ("http://localhost:4000", False), ("http://192.168.1.4", False), ("http://[::1]:80", False),
        ("http://studio", False), ("http://studio.local", False), ("https://films.example.org", True),
        ("https://8.8.8.8:8443", True),
    ],
)  # fmt: skip
def test_only_public_frames_are_left_to_the_vendor(
    base: str, reachable: bool, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLIC_BASE_URL", base)
    get_settings.cache_clear()
    shown = Scene(
        job_id=1, scene_index=0, title="T", description="D", prompt="P", duration_s=5, transition="cut",
        first_asset_id="a", last_asset_id="b",
    )  # fmt: skip
    urls = (f"{base}/api/v3/assets/a/data", f"{base}/api/v3/assets/b/data")
    assert frame_urls(shown) == (urls if reachable else None)


def test_a_completed_job_is_rendered_anew_by_another_model(campaign: str, vendor: FakeReplicate) -> None:
    scene_id, lease = one(campaign, video_model="hailuo-02")
    clip = render_scene.fn(scene_id, lease)
    with get_database().write() as session:
        job = session.get_one(Job, lease.job_id)
        job.status, job.video_sha256 = JobStatus.COMPLETED, clip
        session.add(job)
    with get_database().write() as session:
        _, retried = job_actions.retry(session, lease.job_id, "veo3")
    assert retried == [scene_id]
    with get_database().read() as session:
        job = jobs.get_job(session, lease.job_id)
    assert (job.status, job.only_scenes, job.video_sha256) == (JobStatus.APPROVED, [scene_id], clip)
    assert job.estimated_cost_usd == 1.0
    waiting = scene(scene_id)
    assert (waiting.status, waiting.take, waiting.model, waiting.clip_sha256) == (SceneStatus.PENDING, 2, "veo3", None)
