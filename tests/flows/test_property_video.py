"""The flow ``property-video``, run for real; only the rendering is a quick one."""

from collections.abc import Callable
from typing import Any

import pytest

from models.errors import InvalidInput, NotFound
from models.jobs import JobStatus
from models.runs import PropertyVideoRequest
from storage import jobs
from storage.database import get_database
from storage.progress import scenes_of

pytestmark = pytest.mark.usefixtures("prefect_test_server")


def run(**request: Any) -> Any:
    from flows.property_video import property_video

    return property_video(PropertyVideoRequest(**request))


def test_photos_become_scenes_and_one_film(make_campaign: Callable[..., str], engine: Any) -> None:
    outcome = run(campaign_id=make_campaign(pictures=4), clip_duration=0.4, approve=True)
    assert outcome.status == JobStatus.COMPLETED
    with get_database().read() as session:
        job, scenes = jobs.get_job(session, outcome.job_id), scenes_of(session, outcome.job_id)
    assert (job.workflow, job.name, job.planner) == ("property-video", "Villa Rosa 1", "template")
    assert [scene.scene_type for scene in scenes] == ["Grand Arrival", "Lasting Impression"]
    assert job.result is not None
    assert job.result["duration"] == pytest.approx(0.8, abs=0.05)
    assert len(engine.calls) == 2

    again = run(job_id=outcome.job_id, property_types=["ignored"])
    assert (again.video_sha256, len(engine.calls)) == (outcome.video_sha256, 2)


def test_a_wish_that_cannot_be_met_makes_no_job(make_campaign: Callable[..., str]) -> None:
    campaign = make_campaign(pictures=2)
    for wish, error in (
        ({"selection_mode": "strict"}, "Need at least 14 photos to select 7 pairs, got 2"),
        ({"selection_mode": "property_types"}, "property_types"),
    ):
        with pytest.raises(InvalidInput, match=error):
            run(campaign_id=campaign, **wish)
    with pytest.raises(NotFound, match="Campaign"):
        run()
