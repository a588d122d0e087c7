"""Which model renders a scene, what it will cost, and what waits for a key."""

from collections.abc import Callable
from typing import Any

import pytest

from models.jobs import Job, JobStatus, Scene
from models.runs import ImagePairsRequest, JobLease
from models.storyboard import Plan, ScenePlan
from settings import get_settings
from storage import job_actions, jobs, leases, outbox, scene_edits
from storage.assets import candidate_images
from storage.database import get_database
from storage.progress import scenes_of
from storage.scene_models import DISABLED


@pytest.fixture
def campaign(make_campaign: Callable[..., str]) -> str:
    return make_campaign(pictures=2)


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that sets the vendor's key, as if the service ran with it from then on."""

    def set_key(value: str) -> None:
        monkeypatch.setenv("REPLICATE_API_KEY", value)
        get_settings.cache_clear()

    return set_key


def planned(campaign: str, scene_count: int = 4, **wish: Any) -> int:
    """Make a job whose storyboard of scenes of 5 s waits for approval."""
    with get_database().write() as session:
        job = jobs.create_image_pairs_job(session, ImagePairsRequest(campaign_id=campaign, **wish))
        first, last = [asset.id for asset in candidate_images(session, campaign)]
        job_id = job.id or 0
        job.submitted_attempt = job.wanted_attempt
    lease = JobLease(job_id=job_id, owner="planning")
    leases.claim(lease)
    scene = ScenePlan(first_asset_id=first, last_asset_id=last, title="T", description="D", prompt="P", duration_s=5)
    jobs.keep_plan(lease, Plan(scenes=[scene] * scene_count, planner="t"))
    leases.release(lease)
    return job_id


def shown(job_id: int) -> Job:
    with get_database().read() as session:
        return jobs.get_job(session, job_id)


def change(job_id: int, **columns: Any) -> None:
    with get_database().write() as session:
        job = jobs.get_job(session, job_id)
        scene_edits.update_scene(session, job, scenes_of(session, job_id)[0], columns, None)


def wanted() -> list[int | None]:
    with get_database().read() as session:
        return [job.id for job in outbox.wanted(session, ["image-pairs"])]


@pytest.mark.parametrize(("model", "cost"), [("veo3", 4.0), ("hailuo-02", 2.0), ("local", 0.0), ("auto", 4.0)])
def test_the_estimate_is_seconds_times_rate(campaign: str, key: Any, model: str, cost: float) -> None:
    key("r8_key")
    job = shown(planned(campaign, video_model=model))
    assert (job.estimated_cost_usd, job.progress["costs"]) == (cost, {"estimated": cost, "currency": "USD"})
    assert job.warnings == []


def test_auto_is_local_and_free_without_a_key(campaign: str) -> None:
    job = shown(planned(campaign))
    assert (job.estimated_cost_usd, job.warnings) == (0.0, [])


def test_the_estimate_follows_the_storyboard_until_it_is_approved(
    campaign: str, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COST_HAILUO_PER_SECOND", "0.5")
    key("r8_key")
    job_id = planned(campaign, video_model="veo3")
    change(job_id, model="hailuo-02", duration_s=10)
    assert shown(job_id).estimated_cost_usd == 8.0  # 3 × 5 s × 0.20 + 10 s × 0.50
    with get_database().write() as session:
        jobs.approve(session, job_id)
    change(job_id, duration_s=1)
    assert shown(job_id).estimated_cost_usd == 8.0


def test_a_model_by_name_waits_for_its_key(campaign: str, key: Any) -> None:
    job_id = planned(campaign, video_model="veo3")
    with get_database().write() as session:
        jobs.approve(session, job_id)
    job = shown(job_id)
    assert (job.status, job.progress["stage"], job.progress["detail"]) == (JobStatus.APPROVED, "pending", DISABLED)
    assert len(job.warnings) == 1
    assert "REPLICATE_API_KEY" in job.warnings[0]
    assert wanted() == []
    key("r8_key")
    assert wanted() == [job_id]
    lease = JobLease(job_id=job_id, owner="run")
    leases.claim(lease)
    jobs.begin_attempt(lease, None)
    assert shown(job_id).progress["detail"] is None


def test_a_job_that_waits_for_a_key_starts_when_it_needs_none_any_more(campaign: str) -> None:
    job_id = planned(campaign, scene_count=1, video_model="veo3")
    with get_database().write() as session:
        jobs.approve(session, job_id)
    change(job_id, model="local")
    assert wanted() == [job_id]


def test_a_retry_with_a_model_of_a_vendor_waits_for_its_key_too(campaign: str) -> None:
    job_id = planned(campaign, scene_count=1)
    with get_database().write() as session:
        jobs.approve(session, job_id)
        job_actions.cancel(session, job_id)
        job_actions.retry(session, job_id, "veo3")
    assert shown(job_id).progress["detail"] == DISABLED
    with get_database().read() as session:
        (scene,) = scenes_of(session, job_id)
    assert isinstance(scene, Scene)
    assert scene.model == "veo3"
    assert wanted() == []
