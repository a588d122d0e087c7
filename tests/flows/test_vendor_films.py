"""The flow with clips bought at a vendor: one film, what it cost, and what one failing scene does to it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from media.probe import probe_video
from models.jobs import JobStatus, SceneStatus
from models.runs import ImagePairsRequest
from settings import get_settings
from storage import job_actions, jobs
from storage.database import get_database
from storage.progress import scenes_of
from storage.stores import get_object_store
from tests.fakes.replicate_server import KEY, FakeReplicate

pytestmark = pytest.mark.usefixtures("prefect_test_server")


@pytest.fixture
def vendor(home: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeReplicate]:
    with FakeReplicate() as server:
        values = {"API_KEY": KEY, "BASE_URL": server.url, "START_DELAY_MS": "0", "POLL_INITIAL_MS": "5"}
        for name, value in values.items():
            monkeypatch.setenv(f"REPLICATE_{name}", value)
        get_settings.cache_clear()
        yield server


def run(**request: Any) -> Any:
    from flows.image_pairs import image_pairs

    return image_pairs(ImagePairsRequest(**request))


def test_one_failing_scene_leaves_a_film_and_a_retry_buys_only_that(
    vendor: FakeReplicate, make_campaign: Callable[..., str]
) -> None:
    vendor.fail("work", "failed", text="no")
    outcome = run(campaign_id=make_campaign(pictures=4), num_pairs=2, approve=True)
    with get_database().read() as session:
        job, scenes = jobs.get_job(session, outcome.job_id), scenes_of(session, outcome.job_id)
    assert sorted(scene.status for scene in scenes) == [SceneStatus.COMPLETED, SceneStatus.FAILED]
    assert job.status == JobStatus.COMPLETED
    assert job.result is not None
    assert (job.result["partial"], job.result["cost"], job.result["duration"]) == (True, 0.8, pytest.approx(4))
    assert job.result["clips"][0]["model"] == "google/veo-3.1"
    with get_database().write() as session:
        job_actions.retry(session, outcome.job_id)
    again = run(job_id=outcome.job_id)
    with get_database().read() as session:
        job = jobs.get_job(session, outcome.job_id)
    assert (job.result or {})["cost"] == 1.6
    assert vendor.counts["created"] == 3
    with get_object_store().local_file(again.video_sha256) as film:
        facts = probe_video(film)
    assert (facts.duration_s, facts.audio_codec) == (pytest.approx(8, abs=0.1), None)
